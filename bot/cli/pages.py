"""`./prelude pages`: build the pages out of `frontend/` and prove what is built.

The built files are committed, so that running and testing Prelude needs no Node. `BUILD.json`
beside them holds the hash of what they were built from and of each of them; a plain test
recomputes both. Building needs Node and is for developers only.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from bot.errors import UsageError
from bot.settings import ROOT

console = Console()

SOURCES = Path("frontend")
STATIC = Path("bot/web/static")
MANIFEST = "BUILD.json"
NODE_NEEDED = (20, 19, 0)
NOT_SOURCES = {"node_modules", "dist", ".vite"}
TIMEOUT_SECONDS = 600


def pages(
    check: bool = typer.Option(
        False, "--check", help="Build into a temporary folder and compare with what is committed."
    ),
) -> None:
    """Build the pages out of frontend/ (for developers; needs Node 20.19 or newer)."""
    if check:
        problems = check_built(ROOT)
        if problems:
            raise UsageError(
                "the built pages are not what the sources make:\n" + "\n".join(problems)
            )
        console.print("the built pages are what the sources make")
        return
    made = build(ROOT)
    console.print(f"built {len(made['files'])} files into {STATIC}")


def build(root: Path) -> dict[str, Any]:
    """Build the pages of `root` in their place and write the manifest. Return it.

    Raises:
        UsageError: no suitable Node, or the build failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder) / "static"
        _build_into(root, fresh)
        shutil.rmtree(root / STATIC, ignore_errors=True)
        shutil.copytree(fresh, root / STATIC)
    made = recompute(root)
    text = json.dumps(made, indent=2, sort_keys=True) + "\n"
    (root / STATIC / MANIFEST).write_text(text, encoding="utf-8")
    return made


def check_built(root: Path) -> list[str]:
    """Build the pages of `root` elsewhere. Return how the committed ones differ, if they do.

    Raises:
        UsageError: no suitable Node, or the build failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder) / "static"
        _build_into(root, fresh)
        wanted, found = _hashes(fresh), _hashes(root / STATIC)
    problems = [f"{name}: is missing" for name in sorted(wanted.keys() - found.keys())]
    problems += [f"{name}: nothing makes it" for name in sorted(found.keys() - wanted.keys())]
    both = sorted(wanted.keys() & found.keys())
    problems += [f"{name}: differs" for name in both if wanted[name] != found[name]]
    if read_manifest(root) != recompute(root):
        problems.append(f"{MANIFEST}: does not fit; run ./prelude pages")
    return problems


def recompute(root: Path) -> dict[str, Any]:
    """Return what the manifest must hold: `sources` (one hash) and `files` (a hash of each)."""
    digest = hashlib.sha256()
    for path in _source_files(root / SOURCES):
        name = path.relative_to(root / SOURCES).as_posix()
        digest.update(f"{name}\0{_sha256(path)}\n".encode())
    return {"sources": digest.hexdigest(), "files": _hashes(root / STATIC)}


def read_manifest(root: Path) -> dict[str, Any]:
    """Return the committed manifest; an empty one where there is none."""
    path = root / STATIC / MANIFEST
    if not path.is_file():
        return {}
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _build_into(root: Path, folder: Path) -> None:
    """Install what the lock file names and run the builds; `folder` gets the result."""
    npm = _find_npm()
    folder.mkdir(parents=True)
    environ = {**os.environ, "PRELUDE_PAGES_OUT": str(folder)}
    for arguments in (["ci"], ["run", "check"], ["run", "build"]):
        with console.status(f"npm {' '.join(arguments)} …"):
            _run([npm, *arguments], root / SOURCES, environ)


def _run(command: list[str], folder: Path, environ: dict[str, str]) -> None:
    done = subprocess.run(  # noqa: S603 (our own command, no shell)
        command,
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-30:])
        raise UsageError(f"`{' '.join(command[1:])}` failed in {SOURCES}:\n{tail}")


def _find_npm() -> str:
    """Return npm's path, if the Node beside it is new enough."""
    wanted = ".".join(str(each) for each in NODE_NEEDED)
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        raise UsageError(
            f"building the pages needs Node {wanted} or newer with npm; "
            "running and testing Prelude does not"
        )
    done = subprocess.run(  # noqa: S603
        [node, "--version"], capture_output=True, text=True, timeout=30, check=False
    )
    found = re.search(r"(\d+)\.(\d+)\.(\d+)", done.stdout)
    if not found or tuple(int(each) for each in found.groups()) < NODE_NEEDED:
        raise UsageError(f"building the pages needs Node {wanted}, not {done.stdout.strip()}")
    return npm


def _source_files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*"), key=lambda each: each.as_posix()):
        if path.is_file() and not NOT_SOURCES.intersection(path.relative_to(folder).parts):
            yield path


def _hashes(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): _sha256(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MANIFEST
    }


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
