"""When the scheduler's jobs ran last, and who has one in hand."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.crm.models import Installation, JobRun

IN_HAND = ".in_hand"


class JobRepository:
    """Reads and writes of one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def start(self, name: str, due_since: datetime, lease: timedelta, now: datetime) -> bool:
        """Take a job that has not been finished since `due_since`; tell whether it is the caller's.

        Of several servers on one database exactly one gets it. Who dies with it or fails leaves
        it to whoever asks after the lease.
        """
        self._session.execute(select(Installation.id).with_for_update()).all()
        finished_at, taken_at = self.last_run(name), self.last_run(name + IN_HAND)
        if finished_at is not None and finished_at >= due_since:
            return False
        if taken_at is not None and taken_at > now - lease:
            return False
        self.renew(name, now)
        return True

    def renew(self, name: str, now: datetime) -> None:
        """Begin the lease of a job in hand anew."""
        self._set(name + IN_HAND, now)

    def finish(self, name: str, now: datetime) -> None:
        """Say that a job is done, and let go of it."""
        self._set(name, now)
        row = self._session.get(JobRun, name + IN_HAND)
        if row is not None:
            self._session.delete(row)
        self._session.flush()

    def last_run(self, name: str) -> datetime | None:
        """Return when a job that was finished began last."""
        row = self._session.get(JobRun, name)
        return None if row is None else row.ran_at

    def _set(self, name: str, ran_at: datetime) -> None:
        self._session.merge(JobRun(name=name, ran_at=ran_at))
        self._session.flush()
