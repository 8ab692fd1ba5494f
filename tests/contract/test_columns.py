"""Every column is labelled, can be emptied if it is personal, and is both written and read."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from sqlalchemy import JSON, Column, String, Text

from bot.crm.models import Base

ROOT = Path(__file__).resolve().parents[2]
LABELS = {"none", "personal", "key", "staff", "secret"}
COLUMNS: list[Column[object]] = [
    column for table in Base.metadata.sorted_tables for column in table.columns
]


@cache
def sources() -> tuple[ast.AST, ...]:
    """Return the code that may use columns; not what only declares them."""
    paths = [path for name in ("bot", "actions") for path in sorted((ROOT / name).rglob("*.py"))]
    idle = ("models", "migrations", "dictionary.py")
    return tuple(
        ast.parse(path.read_text(encoding="utf-8"))
        for path in paths
        if not any(part in path.parts for part in idle)
    )


@cache
def names() -> tuple[frozenset[str], frozenset[str]]:
    """Return the names that are written somewhere, and those that are read somewhere."""
    written, read = set(), set()
    for tree in sources():
        for node in ast.walk(tree):
            written.update(_written(node))
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
                read.add(node.attr)
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                read.add(node.target.id)  # the field of a record, filled by name
    return frozenset(written), frozenset(read)


def _written(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.keyword) and node.arg:
        yield node.arg
    elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
        yield node.attr
    elif isinstance(node, ast.Dict):
        yield from (
            key.value
            for key in node.keys
            if isinstance(key, ast.Constant) and isinstance(key.value, str)
        )
    elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        if isinstance(node.slice.value, str):
            yield node.slice.value
    elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        yield node.target.id  # the field of a change


def test_every_column_says_what_it_means_and_whom_it_is_about() -> None:
    silent = [str(each) for each in COLUMNS if not each.doc]
    unlabelled = [str(each) for each in COLUMNS if each.info.get("privacy") not in LABELS]
    assert (silent, unlabelled) == ([], [])


def test_every_personal_or_secret_column_can_be_emptied() -> None:
    fixed = [
        str(each)
        for each in COLUMNS
        if each.info["privacy"] in ("personal", "secret")
        and not (each.nullable or isinstance(each.type, (String, Text, JSON)))
    ]
    assert fixed == []


def test_every_column_is_written_and_read_by_code() -> None:
    """By name, so a column called like another's may hide; it finds what nobody uses at all."""
    written, read = names()
    set_by_database = [each for each in COLUMNS if each.primary_key and each.name == "id"]
    idle = [
        str(each)
        for each in COLUMNS
        if each.name not in read or (each.name not in written and each not in set_by_database)
    ]
    assert idle == []
