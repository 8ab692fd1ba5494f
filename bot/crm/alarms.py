"""Alarms of grave cases: each gravity once a case, with the moment it was sent (D-CMP-9)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from bot.crm.models import Case, CaseAlarm
from bot.crm.rows import record_of
from bot.errors import NotFoundError


@dataclass(frozen=True)
class AlarmRecord:
    """An alarm; `number` is the case's. `sent_at`: when the first receiver took it."""

    number: str
    gravity: str
    said_at: datetime
    raised_at: datetime
    sent_at: datetime | None

    @property
    def seconds(self) -> float | None:
        """Return how long it took from what was said until somebody was told."""
        return None if self.sent_at is None else (self.sent_at - self.said_at).total_seconds()


class AlarmRepository:
    """Reads and writes of one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def raised(self, case_id: int) -> set[str]:
        """Return for which kinds of gravity a case has raised one."""
        statement = select(CaseAlarm.gravity).where(CaseAlarm.case_id == case_id)
        return set(self._session.execute(statement).scalars())

    def add(self, case_id: int, gravity: str, said_at: datetime, now: datetime) -> None:
        """Write down that an alarm is raised."""
        row = CaseAlarm(case_id=case_id, gravity=gravity, said_at=said_at, raised_at=now)
        self._session.add(row)
        self._session.flush()

    def get(self, number: str, gravity: str) -> AlarmRecord:
        """Return one alarm.

        Raises:
            NotFoundError: there is none.
        """
        for each in self._some(Case.number == number, CaseAlarm.gravity == gravity):
            return each
        raise NotFoundError(f"case {number} has raised no alarm of {gravity}")

    def note_sent(self, number: str, gravity: str, now: datetime) -> None:
        """Note when the first receiver took an alarm; later ones change nothing."""
        case_id = select(Case.id).where(Case.number == number).scalar_subquery()
        self._session.execute(
            update(CaseAlarm)
            .where(
                CaseAlarm.case_id == case_id,
                CaseAlarm.gravity == gravity,
                CaseAlarm.sent_at.is_(None),
            )
            .values(sent_at=now)
        )

    def newest(self, limit: int) -> list[AlarmRecord]:
        """Return the newest alarms, newest first."""
        return self._some(limit=limit)

    def _some(self, *conditions: object, limit: int | None = None) -> list[AlarmRecord]:
        rows = self._session.execute(
            select(CaseAlarm, Case.number)
            .join(Case, Case.id == CaseAlarm.case_id)
            .where(*conditions)  # type: ignore[arg-type]
            .order_by(CaseAlarm.raised_at.desc(), CaseAlarm.case_id.desc(), CaseAlarm.gravity)
            .limit(limit)
        )
        return [record_of(AlarmRecord, row, number=number) for row, number in rows]
