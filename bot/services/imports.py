"""Import customers, orders and products: tried first, then written chunk by chunk.

The process that reads the file sends chunks to the one that writes (the running server, or
itself). A chunk is one transaction. A bad row stops no other; what was killed half-way is run
again and comes to the same, for every write is by the row's own key.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from bot.crm.database import Database
from bot.crm.unit_of_work import UnitOfWork
from bot.errors import BotError, UsageError
from bot.knowledge.table_columns import TableName
from bot.services.customers import put_customer
from bot.services.import_entries import (
    CustomerEntry,
    Entry,
    EntryOutcome,
    OrderEntry,
    ProductEntry,
    Refusal,
    read_entries,
)
from bot.services.orders import put_order
from bot.services.product_file import merge_products
from bot.services.shop import sync_shop
from bot.services.table_files import RowProblem, TableFile

CHUNK_ROWS = 100  # a chunk holds the one writer of SQLite; customers who chat wait for it
MAX_PRODUCTS = 5_000
MAX_KEPT_PROBLEMS = 10_000
ACTOR, SOURCE = "cli", "import"


class ImportChunk(Struct, frozen=True, forbid_unknown_fields=True):
    """Entries of one table to write, or to try."""

    entries: list[Entry]
    is_dry_run: bool = False


class _TriedError(Exception):
    """Rolls a dry run back."""

    def __init__(self, outcomes: list[EntryOutcome]) -> None:
        super().__init__("tried")
        self.outcomes = outcomes


def write_chunk(
    database: Database, shop_dir: Path, chunk: ImportChunk, now: datetime
) -> list[EntryOutcome]:
    """Write a chunk in one transaction; return what became of each entry, in order.

    Raises:
        StorageUnavailableError: nothing of the chunk was saved.
        ShopDataError: the shop's own files are wrong.
    """
    products = [each for each in chunk.entries if isinstance(each, ProductEntry)]
    if products:
        outcomes = merge_products(shop_dir, products, is_dry_run=chunk.is_dry_run)
        if not chunk.is_dry_run:
            database.write(lambda uow: sync_shop(uow, shop_dir))
        return outcomes
    try:
        return _in_one(database, chunk.entries, now, chunk.is_dry_run)
    except UsageError:  # rolled back: now each alone, so that the others are kept
        return [_alone(database, entry, now, chunk.is_dry_run) for entry in chunk.entries]


def _in_one(
    database: Database, entries: list[Entry], now: datetime, is_dry_run: bool
) -> list[EntryOutcome]:
    def write(uow: UnitOfWork) -> list[EntryOutcome]:
        with uow.counts.gathered(), uow.audit.gathered():
            outcomes = [_write(uow, entry, now) for entry in entries]
        if is_dry_run:
            raise _TriedError(outcomes)
        return outcomes

    try:
        return database.write(write)
    except _TriedError as tried:
        return tried.outcomes


def _alone(database: Database, entry: Entry, now: datetime, is_dry_run: bool) -> EntryOutcome:
    try:
        return _in_one(database, [entry], now, is_dry_run)[0]
    except UsageError as error:
        name, separator, reason = str(error).partition(": ")
        return EntryOutcome("refused", [], *((name, reason) if separator else ("", name)))


def _write(uow: UnitOfWork, entry: Entry, now: datetime) -> EntryOutcome:
    if isinstance(entry, CustomerEntry):
        done = put_customer(uow, entry.keys, entry.change, actor=ACTOR, source=SOURCE, now=now)
    else:
        assert isinstance(entry, OrderEntry)
        done = put_order(uow, entry.number, entry.change, actor=ACTOR, now=now)
    return EntryOutcome(done.outcome, list(done.fields))


@dataclass
class ImportReport:
    """What an import did, or would do.

    Attributes:
        outcomes: entries by outcome. fields: changed entries by field.
        problems: of refused rows, the first 10,000; `problem_count` counts all.
    """

    rows: int = 0
    refused_rows: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    fields: Counter[str] = field(default_factory=Counter)
    problems: list[RowProblem] = field(default_factory=list)
    problem_count: int = 0

    def refuse(self, problems: Iterable[RowProblem], rows: int) -> None:
        """Count refused rows."""
        self.rows += rows
        self.refused_rows += rows
        for problem in problems:
            self.problem_count += 1
            if len(self.problems) < MAX_KEPT_PROBLEMS:
                self.problems.append(problem)


Send = Callable[[dict[str, Any]], list[Any]]


def run_import(
    name: TableName,
    table: TableFile,
    send: Send,
    *,
    is_dry_run: bool,
    on_progress: Callable[[ImportReport], None],
) -> ImportReport:
    """Import an open file.

    Args:
        send: carries a chunk (plain values) to `write_chunk` and its outcomes (plain) back.
        on_progress: told after every chunk.

    Raises:
        UsageError: the header does not fit, or the import stopped; it says what is kept.
    """
    stream = read_entries(name, table)
    report = ImportReport()
    reached = 0
    try:
        for chunk in _chunks(stream.entries, report, is_whole=name == "products"):
            message = msgspec.to_builtins(ImportChunk(chunk, is_dry_run))
            outcomes = msgspec.convert(send(message), list[EntryOutcome])
            for entry, outcome in zip(chunk, outcomes, strict=True):
                _count(report, entry, outcome, stream.titles)
            reached = chunk[-1].line
            on_progress(report)
    except BotError as error:
        kept = "nothing was changed"
        if reached and not is_dry_run:
            kept = f"what stands up to line {reached} is kept; run the same import again"
        raise UsageError(f"the import stopped: {error} ({kept})") from error
    on_progress(report)
    report.problems.sort(key=lambda problem: problem.line)
    return report


def _chunks(
    entries: Iterator[Entry | Refusal], report: ImportReport, *, is_whole: bool
) -> Iterator[list[Entry]]:
    chunk: list[Entry] = []
    rows = 0
    for entry in entries:
        if isinstance(entry, Refusal):
            report.refuse(entry.problems, entry.row_count)
            continue
        chunk.append(entry)
        rows += _rows_of(entry)
        if is_whole and rows > MAX_PRODUCTS:
            raise UsageError(f"more than {MAX_PRODUCTS:,} products at once")
        if rows >= CHUNK_ROWS and not is_whole:
            yield chunk
            chunk, rows = [], 0
    if chunk:
        yield chunk


def _rows_of(entry: Entry) -> int:
    return entry.row_count if isinstance(entry, OrderEntry) else 1


def _count(
    report: ImportReport, entry: Entry, outcome: EntryOutcome, titles: dict[str, str]
) -> None:
    if outcome.outcome == "refused":
        title = titles.get(outcome.field, outcome.field)
        report.refuse([RowProblem(entry.line, title, outcome.reason)], _rows_of(entry))
        return
    report.rows += _rows_of(entry)
    report.outcomes[outcome.outcome] += 1
    if outcome.outcome == "changed":
        report.fields.update(outcome.fields)
