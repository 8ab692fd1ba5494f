"""The script `./prelude`: how it comes by uv and Python, with stand-ins for both.

Every stand-in writes down how it was called; nothing is installed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = "sh mkdir dirname cp cmp ls sort tac cat chmod printf env".split()
UV = """#!/bin/sh
echo "uv $*" >> "$CALLS"
case "$1" in
  venv) mkdir -p .venv/bin
        printf '#!/bin/sh\\necho "cli $*" >> "$CALLS"\\n' > .venv/bin/python
        chmod +x .venv/bin/python ;;
esac
"""
PYTHON = """#!/bin/sh
echo "python $*" >> "$CALLS"
case "$*" in
  *"-m pip --version"*) exit {pip} ;;
  *"--target"*) mkdir -p var/uv/bin && cp "$UV_STAND_IN" var/uv/bin/uv; exit 0 ;;
  "-m venv"*) [ {venv} = 0 ] && mkdir -p "$3/bin" && cp "$0" "$3/bin/python"; exit {venv} ;;
  *"pip install"*) cp "$UV_STAND_IN" var/uv-venv/bin/uv; exit 0 ;;
esac
exit 1
"""


@dataclass
class Clone:
    """A clone of the repository on a machine with little on it."""

    root: Path
    bin: Path
    calls_file: Path
    uv: Path

    def put(self, name: str, text: str) -> None:
        (self.bin / name).write_text(text)
        (self.bin / name).chmod(0o755)

    def run(self) -> subprocess.CompletedProcess[str]:
        env = {"PATH": str(self.bin), "CALLS": str(self.calls_file), "UV_STAND_IN": str(self.uv)}
        command = [str(self.root / "prelude"), "version"]
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)

    @property
    def calls(self) -> list[str]:
        return self.calls_file.read_text().splitlines() if self.calls_file.exists() else []


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    root, bin_dir = tmp_path / "clone", tmp_path / "bin"
    root.mkdir()
    bin_dir.mkdir()
    shutil.copy(ROOT / "prelude", root)
    shutil.copytree(ROOT / "requirements", root / "requirements")
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found, tool
        os.symlink(found, bin_dir / tool)
    uv = tmp_path / "uv-stand-in"
    uv.write_text(UV)
    uv.chmod(0o755)
    return Clone(root, bin_dir, tmp_path / "calls", uv)


def test_prelude_script_uses_the_uv_of_the_path(clone: Clone) -> None:
    clone.put("uv", UV)
    assert clone.run().returncode == 0
    assert [call.split()[:2] for call in clone.calls] == [
        ["uv", "venv"],
        ["uv", "pip"],
        ["cli", "-W"],
    ]
    assert "--require-hashes" in clone.calls[1]


def test_prelude_script_installs_uv_with_pip(clone: Clone) -> None:
    clone.put("python3", PYTHON.format(pip=0, venv=1))
    assert clone.run().returncode == 0
    assert (clone.root / "var/uv/bin/uv").exists()
    assert clone.calls[-1].startswith("cli ")


def test_prelude_script_installs_uv_in_a_venv_where_pip_is_missing(clone: Clone) -> None:
    clone.put("python3", PYTHON.format(pip=1, venv=0))
    assert clone.run().returncode == 0
    assert (clone.root / "var/uv-venv/bin/uv").exists()
    assert clone.calls[-1].startswith("cli ")


@pytest.mark.parametrize("has_python", [True, False])
def test_prelude_script_says_in_one_sentence_what_to_install(
    clone: Clone, has_python: bool
) -> None:
    if has_python:
        clone.put("python3", PYTHON.format(pip=1, venv=1))
    done = clone.run()
    assert done.returncode == 1
    assert done.stderr.strip().splitlines() == [
        "Prelude needs uv to build its environment: install it (pip install uv), "
        "or on Debian: apt-get install python3-venv"
    ]


def test_prelude_script_takes_a_python_that_is_there(clone: Clone) -> None:
    clone.put("uv", UV)
    clone.put("python3.10", "#!/bin/sh\nexit 0\n")
    assert clone.run().returncode == 0
    assert any("--python" in call and "python3.10" in call for call in clone.calls)


def test_prelude_script_lets_uv_fetch_python_where_there_is_none(clone: Clone) -> None:
    clone.put("uv", UV)
    assert clone.run().returncode == 0
    assert any(call.startswith("uv venv") and "--python 3.10 " in call for call in clone.calls)


def test_prelude_script_builds_once_and_again_when_the_lock_changes(clone: Clone) -> None:
    clone.put("uv", UV)
    clone.run()
    clone.run()
    assert sum(call.startswith("uv venv") for call in clone.calls) == 1
    lock = clone.root / "requirements/requirements.txt"
    lock.write_text(lock.read_text() + "\n# changed\n")
    clone.run()
    assert sum(call.startswith("uv venv") for call in clone.calls) == 2


def test_prelude_script_says_what_to_install_when_uv_finds_no_python(clone: Clone) -> None:
    clone.put("uv", "#!/bin/sh\nexit 2\n")
    done = clone.run()
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].startswith("Prelude needs Python 3.10")
    assert not (clone.root / ".venv/prelude-lock").exists()
