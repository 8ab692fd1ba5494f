"""Tasks for people: call-backs, aftercare, silent customers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.crm.counts import count
from bot.crm.models import Task
from bot.crm.records import Page, TaskRecord
from bot.crm.rows import change_row, page_of, record_of
from bot.errors import NotFoundError


@dataclass(frozen=True)
class TaskFilter:
    """Which tasks a list shows; empty fields let all pass."""

    state: str | None = None
    kind: str | None = None
    owner: str | None = None
    customer_id: int | None = None
    conversation_id: str | None = None
    case_id: int | None = None
    due_before: datetime | None = None
    updated_since: datetime | None = None


class TaskRepository:
    """Reads and writes of one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, kind: str, now: datetime, **values: Any) -> int:
        """Store a task; return its id."""
        row = Task(kind=kind, created_at=now, updated_at=now, **values)
        self._session.add(row)
        self._session.flush()
        count(self._session, now, tasks=1)
        return row.id

    def has_origin(self, origin: str) -> bool:
        """Tell whether the scheduler has made this task already."""
        statement = select(Task.id).where(Task.origin == origin)
        return self._session.execute(statement).first() is not None

    def get(self, task_id: int) -> TaskRecord:
        """Return one task.

        Raises:
            NotFoundError: there is none with this id.
        """
        row = self._session.get(Task, task_id)
        if row is None:
            raise NotFoundError(f"there is no task {task_id}")
        return record_of(TaskRecord, row)

    def change(
        self, task_id: int, values: dict[str, Any], now: datetime, expected: int | None = None
    ) -> TaskRecord:
        """Set columns; raise the version.

        Raises:
            NotFoundError, VersionConflictError: as `change_row` says.
        """
        values = {**values, "updated_at": now}
        return record_of(TaskRecord, change_row(self._session, Task, task_id, expected, values))

    def page(
        self, wanted: TaskFilter, *, before_id: int | None = None, limit: int = 50
    ) -> Page[TaskRecord]:
        """Return tasks, newest first."""
        statement = select(Task)
        for name in ("state", "kind", "owner", "customer_id", "conversation_id", "case_id"):
            value = getattr(wanted, name)
            if value is not None:
                statement = statement.where(getattr(Task, name) == value)
        if wanted.due_before is not None:
            statement = statement.where(Task.due_at < wanted.due_before)
        if wanted.updated_since is not None:
            statement = statement.where(Task.updated_at >= wanted.updated_since)
        return page_of(
            self._session,
            statement,
            Task.id,
            before_id=before_id,
            limit=limit,
            make=lambda row: record_of(TaskRecord, row),
        )
