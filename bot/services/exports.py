"""Export customers, orders, products, cases and tasks, page by page, newest first.

Personal columns are masked by their privacy labels unless they are asked for, which the audit
trail keeps. The process that has the database hands out pages of plain values; the one that
writes the file shows them in the words of the book.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from datetime import datetime
from typing import Any, NamedTuple

from msgspec import Struct

from bot.crm.cases import CaseFilter
from bot.crm.customers import CustomerFilter
from bot.crm.database import Database
from bot.crm.orders import OrderFilter
from bot.crm.privacy_labels import is_personal
from bot.crm.records import CaseRecord, OrderRecord
from bot.crm.tasks import TaskFilter
from bot.crm.unit_of_work import UnitOfWork
from bot.dialogue.following_up import is_contradictory
from bot.knowledge.table_columns import TableName, load_tables
from bot.services.follow_up import called_talk
from bot.services.table_files import Cell
from bot.services.table_values import MASK, show_value

PAGE_ROWS = 500
ACTOR, VERB = "cli", "export.personal"


class ExportRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Ask for the next page of a table."""

    table: TableName
    before_id: int | None = None
    has_personal: bool = False


class ExportPage(Struct, frozen=True):
    """Rows of plain values in the order of the table's columns; `next_id` is None at the end."""

    rows: list[list[Any]]
    next_id: int | None = None


class _Found(NamedTuple):
    rows: Iterable[dict[str, Any]]
    next_id: int | None = None


def read_page(database: Database, request: ExportRequest, now: datetime) -> ExportPage:
    """Return a page of a table; the first one with personal columns is noted in the audit trail.

    Raises:
        StorageUnavailableError: it cannot be read, or the audit entry not be written.
    """
    if request.has_personal and request.before_id is None:
        subject = ("export", request.table)
        database.write(lambda uow: uow.audit.append(ACTOR, VERB, subject, {}, now))
    columns = load_tables().tables[request.table].columns
    hidden = {each.field for each in columns if is_personal(each.source)}
    if request.has_personal:
        hidden = set()

    def read(uow: UnitOfWork) -> ExportPage:
        found = _READERS[request.table](uow, request.before_id)
        rows = [
            [_masked(row.get(each.field), each.field in hidden) for each in columns]
            for row in found.rows
        ]
        return ExportPage(rows, found.next_id)

    return database.read(read)


def _masked(value: Any, is_hidden: bool) -> Any:
    return MASK if is_hidden and value not in (None, "", []) else value


def _customers(uow: UnitOfWork, before_id: int | None) -> _Found:
    page = uow.customers.page(CustomerFilter(), before_id=before_id, limit=PAGE_ROWS)
    rows = (
        {
            **asdict(each),
            **_identities(uow, each.id),
            "origin": each.source,
            "current_grade": each.grade,
            "grade": each.grade if each.grade_is_pinned else None,
            "do_not_contact": each.contact_refused_at is not None,
        }
        for each in page.items
    )
    return _Found(rows, page.next_id)


def _identities(uow: UnitOfWork, customer_id: int | None) -> dict[str, str]:
    """Return login and phone by kind; the one learned first if there are several."""
    known = uow.customers.identities(customer_id) if customer_id is not None else []
    return {each.kind: each.value for each in reversed(known) if each.kind != "visitor"}


def _orders(uow: UnitOfWork, before_id: int | None) -> _Found:
    page = uow.orders.page(OrderFilter(), before_id=before_id, limit=PAGE_ROWS)
    return _Found((row for each in page.items for row in _order_rows(uow, each)), page.next_id)


def _order_rows(uow: UnitOfWork, order: OrderRecord) -> Iterator[dict[str, Any]]:
    """Return an order as rows, one a line, as the import takes them."""
    whole = {**asdict(order), **_identities(uow, order.customer_id)}
    if order.customer_id is not None:
        whole["customer_name"] = uow.customers.get(order.customer_id).name
    for line in order.lines:
        yield {**whole, **asdict(line)}
    if not order.lines:
        yield whole


def _products(uow: UnitOfWork, _: int | None) -> _Found:
    return _Found(uow.catalogue.products())


def _cases(uow: UnitOfWork, before_id: int | None) -> _Found:
    page = uow.cases.page(CaseFilter(), before_id=before_id, limit=PAGE_ROWS)
    rows = ({**asdict(each), **_rating(uow, each)} for each in page.items)
    return _Found(rows, page.next_id)


def _rating(uow: UnitOfWork, case: CaseRecord) -> dict[str, Any]:
    """Return how the customer rated it: in the newest follow-up call, else in the talk itself.

    Somebody who is satisfied and would not buy again stands out (D-CUS-9).
    """
    rating = uow.conversations.satisfaction(called_talk(uow, case.id) or case.conversation_id)
    if rating is None:
        return dict.fromkeys(("score", "expectation", "again", "is_contradictory"))
    return {
        "score": rating.score,
        "expectation": rating.expectation,
        "again": rating.again,
        "is_contradictory": is_contradictory(rating.score, rating.again),
    }


def _tasks(uow: UnitOfWork, before_id: int | None) -> _Found:
    page = uow.tasks.page(TaskFilter(), before_id=before_id, limit=PAGE_ROWS)
    return _Found((asdict(each) for each in page.items), page.next_id)


_READERS: dict[TableName, Callable[[UnitOfWork, int | None], _Found]] = {
    "customers": _customers,
    "orders": _orders,
    "products": _products,
    "cases": _cases,
    "tasks": _tasks,
}


def export_header(name: TableName) -> list[str]:
    """Return the titles of a table's columns."""
    return [column.titles[0] for column in load_tables().tables[name].columns]


def export_rows(name: TableName, page: ExportPage) -> Iterator[list[Cell]]:
    """Return a page's rows (times as ISO texts) as cells that people read."""
    tables = load_tables()
    columns = tables.tables[name].columns
    for row in page.rows:
        yield [
            show_value(column, value, tables.signs)
            for column, value in zip(columns, row, strict=True)
        ]
