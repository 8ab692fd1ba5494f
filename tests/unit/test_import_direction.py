"""Imports point inward (design.md, 'The house')."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

BASE = {"bot.errors", "bot.settings", "bot.clock", "bot.killpoints"}
KNOWLEDGE = BASE | {"bot.knowledge"}
LANGUAGE = KNOWLEDGE | {"bot.language"}
DIALOGUE = LANGUAGE | {"bot.dialogue"}
CRM = DIALOGUE | {"bot.crm"}
INNER_USES = CRM | {"bot.assist", "bot.practice", "bot.reports"}
SERVICES = INNER_USES | {"bot.services"}
ENGINE = DIALOGUE | {"bot.nlu", "bot.engine"}
EDGE = SERVICES | {"bot.bootstrap", "bot.engine.host"}

# What each package may import of Prelude, besides itself.
ALLOWED = {
    "bot.errors": set(),
    "bot.clock": set(),
    "bot.killpoints": set(),
    "bot.settings": {"bot.errors"},
    "bot.knowledge": BASE,
    "bot.language": KNOWLEDGE,
    "bot.dialogue": LANGUAGE,
    "bot.crm": DIALOGUE,
    "bot.assist": CRM,
    "bot.practice": CRM,
    "bot.reports": CRM,
    "bot.services": INNER_USES,
    "bot.nlu": LANGUAGE,
    "bot.engine": ENGINE,
    "bot.engine.standalone": ENGINE | {"bot.bootstrap"},
    "bot.bootstrap": SERVICES | {"bot.engine"},  # lazily: see the last test
    "bot.web": EDGE,
    "bot.cli": EDGE | {"bot.web", "bot.bench"},
    "bot.bench": EDGE | {"bot.web", "bot.cli", "bot.nlu"},  # an edge that measures
    "actions": {"bot.dialogue", "bot.engine.context"},
}
ONLY_IN = {
    "rasa": {"bot.engine", "bot.nlu", "actions", "bot.bench"},
    "rasa_sdk": {"bot.engine", "bot.nlu", "actions"},
    "tensorflow": {"bot.engine", "bot.nlu"},
    "sqlalchemy": {"bot.crm", "bot.bench"},
    "alembic": {"bot.crm"},
    "litestar": {"bot.web", "bot.bench"},
    "uvicorn": {"bot.web", "bot.bench"},
}


BARE = {"bot.__version__"}  # the package itself


def modules() -> Iterator[tuple[str, Path]]:
    for folder in ("bot", "actions"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield module_name(path), path


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def imports_of(module: str, path: Path) -> tuple[str, ...]:
    """Return every imported name in full, wherever in the module the import stands."""
    return tuple(_imports_of(module, path))


def _imports_of(module: str, path: Path) -> Iterator[str]:
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1]
            origin = [*parents, node.module or ""] if node.level else [node.module or ""]
            base = ".".join(part for part in origin if part)
            yield from (f"{base}.{alias.name}" for alias in node.names)


def is_within(name: str, packages: set[str]) -> bool:
    return any(name == package or name.startswith(package + ".") for package in packages)


def layer_of(module: str) -> str:
    """Return the longest name in the table that holds the module."""
    holding = [layer for layer in ALLOWED if is_within(module, {layer})]
    assert holding, f"{module} is in no layer; add it to the table and to design.md"
    return max(holding, key=len)


MODULES = dict(modules())


def outward_imports(module: str) -> list[str]:
    layer = layer_of(module)
    own = {layer, "bot.engine" if layer == "bot.engine.standalone" else layer}
    return [
        name
        for name in imports_of(module, MODULES[module])
        if name.split(".")[0] in ("bot", "actions")
        and not is_within(name, ALLOWED[layer] | own | BARE)
    ]


def test_modules_import_only_what_lies_further_in() -> None:
    outward = {module: outward_imports(module) for module in MODULES if module != "bot"}
    assert {module: names for module, names in outward.items() if names} == {}


@pytest.mark.parametrize("library", ONLY_IN)
def test_library_is_imported_only_where_it_belongs(library: str) -> None:
    elsewhere = [
        module
        for module, path in MODULES.items()
        if not is_within(module, ONLY_IN[library])
        and any(is_within(name, {library}) for name in imports_of(module, path))
    ]
    assert elsewhere == []


def test_check_sees_imports_inside_functions_and_relative_ones(tmp_path: Path) -> None:
    path = tmp_path / "sample.py"
    path.write_text("def f():\n    import rasa.core\n    from ..crm import models\n")
    assert list(imports_of("bot.web.sample", path)) == ["rasa.core", "bot.crm.models"]


@pytest.mark.parametrize("package", ["bot.web", "bot.bootstrap", "bot.services"])
def test_web_process_loads_no_heavy_library(package: str) -> None:
    wanted = [name for name in MODULES if is_within(name, {package})]
    code = (
        f"import sys, {', '.join(wanted)}\n"
        "heavy = {'rasa', 'rasa_sdk', 'tensorflow', 'spacy', 'sklearn'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=180
    )
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr[-2000:]
