"""Promises: listed, watched, counted (D-CUS-11)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, literal_column, select
from sqlalchemy.orm import Session

from bot.crm.models import Promise
from bot.crm.records import Page, PromiseRecord
from bot.crm.rows import change_row, page_of, record_of
from bot.errors import NotFoundError

_IS_OPEN = Promise.state == literal_column("'open'")  # in the words of the partial index
EQUAL = ("state", "kind", "owner", "made_by", "customer_id", "conversation_id", "case_id")


@dataclass(frozen=True)
class PromiseFilter:
    """Which promises a list shows; empty fields let all pass."""

    state: str | None = None
    kind: str | None = None
    owner: str | None = None
    made_by: str | None = None
    customer_id: int | None = None
    conversation_id: str | None = None
    case_id: int | None = None
    due_before: datetime | None = None
    updated_since: datetime | None = None


@dataclass(frozen=True)
class PromiseCount:
    """How many promises of one maker and kind came to the same end."""

    made_by: str
    kind: str
    state: str
    count: int


class PromiseRepository:
    """Reads and writes of one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, now: datetime, **values: Any) -> PromiseRecord:
        """Store a promise; one a turn, kind, ordinal and renewal."""
        row = Promise(created_at=now, updated_at=now, **values)
        self._session.add(row)
        self._session.flush()
        return record_of(PromiseRecord, row)

    def get(self, promise_id: int) -> PromiseRecord:
        """Return one promise.

        Raises:
            NotFoundError: there is none with this number.
        """
        row = self._session.get(Promise, promise_id)
        if row is None:
            raise NotFoundError(f"there is no promise {promise_id}; see ./prelude promises")
        return record_of(PromiseRecord, row)

    def change(
        self, promise_id: int, values: dict[str, Any], now: datetime, expected: int | None = None
    ) -> PromiseRecord:
        """Set columns; raise the version.

        Raises:
            NotFoundError, VersionConflictError: as `change_row` says.
        """
        values = {**values, "updated_at": now}
        return record_of(
            PromiseRecord, change_row(self._session, Promise, promise_id, expected, values)
        )

    def page(
        self, wanted: PromiseFilter, *, before_id: int | None = None, limit: int = 50
    ) -> Page[PromiseRecord]:
        """Return promises, newest first."""
        statement = select(Promise)
        for name in EQUAL:
            value = getattr(wanted, name)
            if value is not None:
                statement = statement.where(getattr(Promise, name) == value)
        if wanted.due_before is not None:
            statement = statement.where(Promise.due_at < wanted.due_before)
        if wanted.updated_since is not None:
            statement = statement.where(Promise.updated_at >= wanted.updated_since)
        return page_of(
            self._session,
            statement,
            Promise.id,
            before_id=before_id,
            limit=limit,
            make=lambda row: record_of(PromiseRecord, row),
        )

    def open_of(self, conversation_id: str) -> list[PromiseRecord]:
        """Return what is still owed in a conversation, oldest first."""
        return self._some(Promise.conversation_id == conversation_id)

    def open_of_task(self, task_id: int) -> list[PromiseRecord]:
        """Return the open promise that a task is to keep, if there is one."""
        return self._some(Promise.task_id == task_id)

    def next_to_remind(self, now: datetime) -> PromiseRecord | None:
        """Return an open promise whose owner is to be reminded."""
        return next(iter(self._some(Promise.remind_at <= now, limit=1)), None)

    def next_broken(self, now: datetime) -> PromiseRecord | None:
        """Return an open promise that nobody has kept within its grace."""
        return next(iter(self._some(Promise.broken_after < now, limit=1)), None)

    def counts(self, since: datetime, until: datetime) -> list[PromiseCount]:
        """Count the promises due from `since` to before `until`, by maker, kind and state."""
        columns = (Promise.made_by, Promise.kind, Promise.state)
        rows = self._session.execute(
            select(*columns, func.count())
            .where(Promise.due_at >= since, Promise.due_at < until)
            .group_by(*columns)
            .order_by(*columns)
        )
        return [PromiseCount(*row) for row in rows]

    def _some(self, *conditions: Any, limit: int | None = None) -> list[PromiseRecord]:
        statement = select(Promise).where(_IS_OPEN, *conditions)
        rows = self._session.execute(statement.order_by(Promise.id).limit(limit)).scalars()
        return [record_of(PromiseRecord, row) for row in rows]
