"""People of the shop."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from bot.crm.models import StaffUser
from bot.crm.records import StaffRecord


class StaffRepository:
    """Reads and writes of one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, name: str, role: str, now: datetime) -> None:
        """Store a person."""
        self._session.add(StaffUser(name=name, role=role, created_at=now))
        self._session.flush()

    def find(self, name: str) -> StaffRecord | None:
        """Return a person by name."""
        row = self._session.get(StaffUser, name)
        return None if row is None else StaffRecord(row.name, row.role, row.last_seen_at)

    def mark_seen(self, name: str, now: datetime) -> None:
        """Remember that a person is there."""
        row = self._session.get(StaffUser, name)
        if row is not None:
            row.last_seen_at = now
            self._session.flush()
