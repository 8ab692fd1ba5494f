"""Knowledge is data: no CJK character in a string literal of the code (design decision 6)."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PATHS = [path for folder in ("bot", "actions") for path in sorted((ROOT / folder).rglob("*.py"))]
CJK = re.compile(
    "[\u2e80-\u9fff\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef\U00020000-\U0003ffff]"
)


def docstring_starts(source: str) -> set[tuple[int, int]]:
    """Return (line, column) of every docstring."""
    owners = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return {
        (node.body[0].lineno, node.body[0].col_offset)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, owners) and ast.get_docstring(node, clean=False) is not None
    }


def literals_with_cjk(source: str) -> list[tuple[int, str]]:
    """Return (line, literal) as written: an escape such as `\\u4e00` is no CJK character."""
    skipped = docstring_starts(source)
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return [
        (token.start[0], token.string)
        for token in tokens
        if token.type == tokenize.STRING and token.start not in skipped and CJK.search(token.string)
    ]


def test_string_literals_hold_no_cjk() -> None:
    found = {
        f"{path.relative_to(ROOT)}:{line}": literal
        for path in PATHS
        if CJK.search(text := path.read_text(encoding="utf-8"))
        for line, literal in literals_with_cjk(text)
    }
    assert found == {}


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ('"""前奏"""\nx = "plain"', []),
        ('def f():\n    """前奏"""\n    return "前奏"', [3]),
        ('x = f"{y}，"', [1]),
        ('x = "[\\u4e00-\\u9fff]"  # 前奏', []),
        ('x = "/" + "／"', [1]),
    ],
)
def test_check_finds_literals_but_neither_docstrings_nor_comments_nor_escapes(
    source: str, lines: list[int]
) -> None:
    assert [line for line, _ in literals_with_cjk(source)] == lines
