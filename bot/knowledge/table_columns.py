"""The tables that are imported and exported: which columns, under which names, of which type.

The names, Chinese and English, lie in `book/tables.yml`. What stands in a cell is read and shown
by `bot.services.table_values`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from msgspec import Meta, Struct

from bot.errors import ShopDataError, UsageError
from bot.knowledge.book import BOOK_DIR
from bot.knowledge.loader import line_of, read_yaml
from bot.knowledge.objection_rules import Id

TableName = Literal["customers", "orders", "products", "cases", "tasks"]
ColumnType = Literal[
    "text",
    "word",
    "words",
    "list",
    "integer",
    "number",
    "money",
    "day",
    "birthday",
    "moment",
    "flag",
]
Title = Annotated[str, Meta(min_length=1, max_length=40)]


class TableColumn(Struct, frozen=True, forbid_unknown_fields=True):
    """One column.

    Attributes:
        titles: names that a file may give it; the first is the one that an export writes.
        fen_titles: names under which its money is in fen.
        words: what may stand in the cell for each value; the first is what an export writes.
        source: `table.column` of the database, whose privacy label holds.
        is_line: it tells of one line of an order, not of the order.
        export_only: known, but left alone by an import.
    """

    field: Id
    type: ColumnType
    source: Annotated[str, Meta(pattern=r"^[a-z_]+\.[a-z_]+$")]
    titles: Annotated[list[Title], Meta(min_length=1)]
    fen_titles: list[Title] = []
    words: dict[str, Annotated[list[Title], Meta(min_length=1)]] = {}
    is_line: bool = False
    export_only: bool = False


class Table(Struct, frozen=True, forbid_unknown_fields=True):
    """A table; `keys` may each stand once in a file, and a row needs one of them."""

    columns: list[TableColumn]
    keys: list[str] = []
    required: list[str] = []
    required_when_new: list[str] = []


class Signs(Struct, frozen=True, forbid_unknown_fields=True):
    """Signs in cells: what stands for the hyphen of a date, beside money, for yes and no."""

    date: dict[str, str]
    money: list[str]
    true_words: list[str]
    false_words: list[str]


class Tables(Struct, frozen=True, forbid_unknown_fields=True):
    """`tables.yml`."""

    signs: Signs
    tables: dict[TableName, Table]


class Heading(NamedTuple):
    """A column of a file: its title there, what it is, and whether its money is in fen."""

    title: str
    column: TableColumn
    is_fen: bool


@lru_cache(maxsize=1)
def load_tables() -> Tables:
    """Return the book's tables, read and checked once a process.

    Raises:
        ShopDataError: every problem, with file, line and field.
    """
    return read_tables(BOOK_DIR / "tables.yml")


def read_tables(path: Path) -> Tables:
    """Read and check a file of tables.

    Raises:
        ShopDataError: every problem, with file, line and field.
    """
    tables = read_yaml(path, Tables)
    problems = []
    for name, table in tables.tables.items():
        fields = {column.field for column in table.columns}
        for field in {*table.keys, *table.required, *table.required_when_new} - fields:
            line = line_of(path, "tables", name)
            problems.append(f"{path}:{line}: tables.{name}: there is no column {field!r}")
        seen: dict[str, str] = {}
        for index, column in enumerate(table.columns):
            for title in (column.field, *column.titles, *column.fen_titles):
                if seen.setdefault(plain(title), column.field) != column.field:
                    line = line_of(path, "tables", name, "columns", index)
                    problems.append(f"{path}:{line}: titles: {title!r} names two columns")
    if problems:
        raise ShopDataError(problems)
    return tables


def plain(text: str) -> str:
    """Return a title or word as it is compared: narrow, small, without spaces and strokes."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(each for each in folded if not each.isspace() and each not in "_-*")


def read_header(table: Table, titles: Sequence[str]) -> list[Heading]:
    """Find the column that each title of a file names.

    Raises:
        UsageError: every unknown title with the nearest known one, every missing or repeated one.
    """
    known: dict[str, Heading] = {}
    for column in table.columns:
        for title in column.titles:
            known[plain(title)] = Heading(title, column, False)
        for title in (column.field, *column.fen_titles):
            known[plain(title)] = Heading(title, column, column.type == "money")
    problems, found = [], []
    for place, title in enumerate(titles, 1):
        heading = known.get(plain(title))
        if heading is not None:
            found.append(heading._replace(title=title))
        else:
            near = get_close_matches(plain(title), known, 1, 0.4)
            hint = f"did you mean {known[near[0]].title!r}?" if near else "name it or delete it"
            problems.append(f"column {place}: {title!r} is not known; {hint}")
    problems += _missing(table, {heading.column.field for heading in found})
    fields = [heading.column.field for heading in found]
    for field in sorted({each for each in fields if fields.count(each) > 1}):
        same = [repr(heading.title) for heading in found if heading.column.field == field]
        problems.append(f"{' and '.join(same)} are the same column")
    if problems:
        raise UsageError("; ".join(problems))
    return found


def _missing(table: Table, fields: set[str]) -> list[str]:
    titles = {column.field: column.titles[0] for column in table.columns}
    wanted = [field for field in table.required if field not in fields]
    problems = [f"the column {titles[field]!r} ({field}) is missing" for field in wanted]
    if table.keys and not table.required and not fields & set(table.keys):
        either = " or ".join(f"{titles[field]!r} ({field})" for field in table.keys)
        problems.append(f"the column {either} is missing")
    return problems
