"""From the rows of a file to what shall be written: a customer, an order, a product each.

Pure: it reads no database. What can be seen in the file alone is refused here, with line, column
and reason: cells that cannot be read, keys that stand twice, rows of an order that disagree.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, Union

import msgspec
from msgspec import Struct

from bot.errors import UsageError
from bot.knowledge.table_columns import Heading, TableName, load_tables, read_header
from bot.services.customers import CustomerChange, Identity, clean_identity
from bot.services.orders import MAX_LINES, OrderChange
from bot.services.table_files import RowProblem, TableFile, TableRow
from bot.services.table_values import read_cell

LINE_FIELDS = ("product_id", "quantity", "price_fen")


class CustomerEntry(Struct, frozen=True, tag="customer"):
    """A customer to write."""

    line: int
    keys: list[Identity]
    change: CustomerChange


class OrderEntry(Struct, frozen=True, tag="order"):
    """An order to write, from rows that stand together."""

    line: int
    number: str
    change: OrderChange
    row_count: int = 1


class ProductEntry(Struct, frozen=True, tag="product"):
    """A product to write, as texts of `products.csv`."""

    line: int
    values: dict[str, str]


Entry = Union[CustomerEntry, OrderEntry, ProductEntry]


class EntryOutcome(Struct, frozen=True):
    """What became of an entry: which fields changed, or which field was refused and why."""

    outcome: Literal["new", "changed", "unchanged", "refused"]
    fields: list[str] = []
    field: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Refusal:
    """Rows that are left out, and why."""

    problems: tuple[RowProblem, ...]
    row_count: int = 1


@dataclass(frozen=True)
class EntryStream:
    """What a file wants written, in its order, and how the file calls the columns by field."""

    titles: dict[str, str]
    entries: Iterator[Entry | Refusal]


def read_entries(name: TableName, table: TableFile) -> EntryStream:
    """Return what a file wants written.

    Raises:
        UsageError: at once for a header that does not fit; while reading for a broken file.
    """
    headings = read_header(load_tables().tables[name], table.header)
    fields = {heading.column.field for heading in headings}
    missing = [each for each in LINE_FIELDS if each not in fields]
    if missing and any(heading.column.is_line for heading in headings):
        raise UsageError(f"products of orders need the columns {', '.join(missing)} too")
    kinds: dict[str, Callable[..., Iterator[Entry | Refusal]]] = {
        "customers": _customers,
        "orders": _orders,
        "products": _products,
    }
    titles = {heading.column.field: heading.title for heading in headings}
    return EntryStream(titles, kinds[name](_read_rows(headings, table), _Seen(titles)))


@dataclass(frozen=True)
class _Row:
    """A row's values by field; the empty ones are left out."""

    line: int
    values: dict[str, Any]
    problems: tuple[RowProblem, ...]


class _Seen:
    """How the file calls its columns, and which keys have been seen on which line."""

    def __init__(self, titles: dict[str, str]) -> None:
        self._titles = titles
        self._lines: dict[int, int] = {}  # hashes of keys: a million texts would not fit

    def problem(self, line: int, name: str, reason: str) -> RowProblem:
        return RowProblem(line, self._titles.get(name, name), reason)

    def misfit(self, line: int, error: msgspec.ValidationError) -> RowProblem:
        reason, _, path = str(error).partition(" - at `")
        names = re.findall(r"[a-z_]+", path.replace("change", "")) or [""]
        return self.problem(line, names[0], reason)

    def refused(self, line: int, error: UsageError) -> RowProblem:
        name, _, reason = str(error).partition(": ")
        return self.problem(line, name, reason)

    def note(self, line: int, name: str, value: str) -> RowProblem | None:
        """Remember a key; return the problem if it was there before."""
        before = self._lines.setdefault(hash((name, value)), line)
        if before == line:
            return None
        return self.problem(line, name, f"stands on line {before} already")


def _read_rows(headings: list[Heading], table: TableFile) -> Iterator[_Row | RowProblem]:
    signs = load_tables().signs
    wanted = [(index, each) for index, each in enumerate(headings) if not each.column.export_only]
    for row in table.rows:
        if isinstance(row, RowProblem):
            yield row
            continue
        values, problems = {}, []
        for index, heading in wanted:
            try:
                value = read_cell(heading, _cell(row, index), signs)
            except (ValueError, OverflowError) as error:
                problems.append(RowProblem(row.line, heading.title, str(error)))
            else:
                if value is not None:
                    values[heading.column.field] = value
        if values or problems:
            yield _Row(row.line, values, tuple(problems))


def _cell(row: TableRow, index: int) -> Any:
    return row.cells[index] if index < len(row.cells) else None


def _customers(rows: Iterator[_Row | RowProblem], seen: _Seen) -> Iterator[CustomerEntry | Refusal]:
    for row in rows:
        if isinstance(row, RowProblem):
            yield Refusal((row,))
        elif row.problems:
            yield Refusal(row.problems)
        else:
            yield _customer(row, seen)


def _customer(row: _Row, seen: _Seen) -> CustomerEntry | Refusal:
    values = dict(row.values)
    try:
        keys = [
            (kind, clean_identity(kind, values.pop(kind)))
            for kind in ("login", "phone")
            if kind in values
        ]
        if not keys:
            raise UsageError("phone: is empty; a customer needs a phone number or a login")
        plain = {"line": row.line, "keys": keys, "change": values}
        entry = msgspec.convert(plain, CustomerEntry)
    except UsageError as error:
        return Refusal((seen.refused(row.line, error),))
    except msgspec.ValidationError as error:
        return Refusal((seen.misfit(row.line, error),))
    repeated = [seen.note(row.line, *key) for key in keys]
    problems = tuple(each for each in repeated if each is not None)
    return Refusal(problems) if problems else entry


@dataclass
class _Order:
    """An order as far as its rows have been read."""

    line: int
    number: str
    values: dict[str, Any] = field(default_factory=dict)
    lines: list[dict[str, Any]] = field(default_factory=list)
    problems: list[RowProblem] = field(default_factory=list)
    row_count: int = 0


def _orders(rows: Iterator[_Row | RowProblem], seen: _Seen) -> Iterator[OrderEntry | Refusal]:
    order: _Order | None = None
    unread = 0  # a row since the last one of `order` that cannot be told to be of any
    for row in rows:
        if isinstance(row, RowProblem) or "number" not in row.values:
            unread = row.line
            empty = seen.problem(row.line, "number", "is empty")
            yield Refusal((row,) if isinstance(row, RowProblem) else row.problems or (empty,))
            continue
        if order is None or row.values["number"] != order.number:
            if order is not None:
                yield _finish(order, seen)
            order = _Order(row.line, row.values["number"])
            again = seen.note(row.line, "number", order.number)
            order.problems += [again] if again else []
        elif unread:
            order.problems.append(
                seen.problem(row.line, "", f"its order has line {unread}, which cannot be read")
            )
        unread = 0
        _add_row(order, row, seen)
    if order is not None:
        yield _finish(order, seen)


def _add_row(order: _Order, row: _Row, seen: _Seen) -> None:
    order.row_count += 1
    order.problems += row.problems[: MAX_LINES - len(order.problems)]
    line = {}
    for name, value in row.values.items():
        if name in (*LINE_FIELDS, "product_name"):
            line[name] = value
        elif name != "number" and order.values.setdefault(name, value) != value:
            reason = f"differs from the same order's row on line {order.line}"
            order.problems.append(seen.problem(row.line, name, reason))
    if line:
        order.problems += [
            seen.problem(row.line, name, "is empty")
            for name in LINE_FIELDS
            if name not in line and not row.problems
        ]
        if len(order.lines) <= MAX_LINES:
            order.lines.append(line)


def _finish(order: _Order, seen: _Seen) -> OrderEntry | Refusal:
    problems = order.problems
    if not problems:
        change = {**order.values, **({"lines": order.lines} if order.lines else {})}
        plain = {"line": order.line, "number": order.number, "change": change}
        try:
            if "phone" in change:
                clean_identity("phone", change["phone"])
            return msgspec.convert({**plain, "row_count": order.row_count}, OrderEntry)
        except UsageError as error:
            problems = [seen.refused(order.line, error)]
        except msgspec.ValidationError as error:
            problems = [seen.misfit(order.line, error)]
    return Refusal(tuple(problems), order.row_count)


def _products(rows: Iterator[_Row | RowProblem], seen: _Seen) -> Iterator[ProductEntry | Refusal]:
    for row in rows:
        if isinstance(row, RowProblem):
            yield Refusal((row,))
        elif row.problems:
            yield Refusal(row.problems)
        elif "id" not in row.values:
            yield Refusal((seen.problem(row.line, "id", "is empty"),))
        elif again := seen.note(row.line, "id", row.values["id"]):
            yield Refusal((again,))
        else:
            texts = {name: _text(value) for name, value in row.values.items()}
            yield ProductEntry(row.line, texts)


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "|".join(map(_text, value))
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    return " ".join(str(value).split())
