"""From rows to records, page by page: what the repositories of lists share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any, TypeVar

from sqlalchemy import Select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from bot.crm.models import Base
from bot.crm.records import Page
from bot.errors import NotFoundError, VersionConflictError

Row = TypeVar("Row", bound=Base)
Record = TypeVar("Record")


def record_of(type_: type[Record], row: object, **more: Any) -> Record:
    """Return a row as a record: the fields of the record by name, `more` beside them."""
    names = (field.name for field in fields(type_))  # type: ignore[arg-type]
    return type_(**{name: getattr(row, name) for name in names if name not in more}, **more)


def page_of(
    session: Session,
    statement: Select[Any],
    key: InstrumentedAttribute[int],
    *,
    before_id: int | None,
    limit: int,
    make: Callable[[Any], Record],
) -> Page[Record]:
    """Return one page of ORM rows, newest first.

    Args:
        key: the rising integer by which the list is ordered.
        before_id: only rows below it; the `next_id` of the page before.
    """
    if before_id is not None:
        statement = statement.where(key < before_id)
    rows = list(session.execute(statement.order_by(key.desc()).limit(limit + 1)).scalars())
    shown = rows[:limit]
    next_id = getattr(shown[-1], key.key) if len(rows) > limit else None
    return Page([make(row) for row in shown], next_id)


def change_row(
    session: Session, model: type[Row], row_id: int, expected: int | None, values: dict[str, Any]
) -> Row:
    """Set columns of one row and raise its version.

    Args:
        expected: the version that the caller has seen; None for whatever it is.

    Raises:
        NotFoundError: there is no such row.
        VersionConflictError: its version is another one.
    """
    table: Any = model.__table__
    statement = update(table).where(table.c.id == row_id)
    if expected is not None:
        statement = statement.where(table.c.version == expected)
    done: Any = session.execute(statement.values(version=table.c.version + 1, **values))
    session.expire_all()
    row = session.get(model, row_id)
    if row is None:
        raise NotFoundError(f"there is no {model.__tablename__} {row_id}")
    if done.rowcount == 0:
        raise VersionConflictError(
            "it was changed meanwhile: read it again, then send its new version"
        )
    return row
