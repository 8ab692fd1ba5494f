"""Complaint cases with their events: opened, changed, listed, found, watched.

Events are only ever added. What may be done to a case is decided in `bot.services.cases`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select, text, update
from sqlalchemy import case as case_when
from sqlalchemy.orm import Session

from bot.crm.case_search import add_text, matching
from bot.crm.counts import COUNTED_VERBS, count
from bot.crm.models import FINAL, Case, CaseEvent
from bot.crm.models.cases import IS_OPEN_SQL
from bot.crm.records import CaseEventRecord, CaseRecord, Page
from bot.crm.rows import change_row, page_of, record_of
from bot.dialogue.turn import AddToCase, OpenCase
from bot.errors import NotFoundError
from bot.language.search_tokens import search_phrases

_IS_OPEN = text(f"complaint_case.{IS_OPEN_SQL}")  # in the words of the partial indexes
EQUAL = ("stage", "owner", "customer_id", "severity", "product_id")


@dataclass(frozen=True)
class CaseFilter:
    """Which cases a list shows; empty fields let all pass. `overdue_at` is the moment asked for."""

    stage: str | None = None
    owner: str | None = None
    customer_id: int | None = None
    severity: str | None = None
    product_id: str | None = None
    is_open: bool | None = None
    overdue_at: datetime | None = None
    updated_since: datetime | None = None


class CaseRepository:
    """Reads and writes of one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def open_case(
        self,
        conversation_id: str,
        customer_id: int | None,
        command: OpenCase,
        *,
        owner: str,
        now: datetime,
        actor: str = "bot",
        **more: Any,
    ) -> CaseRecord:
        """Store a new case with its first event; `more` are other columns."""
        row = Case(
            number=command.number,
            conversation_id=conversation_id,
            customer_id=customer_id,
            source_message_id=command.source_message_id,
            stage="receipt",
            causes=list(command.causes),
            severity=command.severity,
            reaction=command.reaction,
            harm=list(command.harm),
            crisis=command.crisis,
            product_id=command.product_id,
            owner=owner,
            opened_at=now,
            updated_at=now,
            **{
                "deadline_at": command.deadline_at,
                "watch_at": command.deadline_at,
                **more,
            },
        )
        self._session.add(row)
        self._session.flush()
        self.add_event(row.id, actor, "opened", now, message_id=command.source_message_id)
        add_text(self._session, row.id, command.source_message_id)
        count(self._session, now, cases=1)
        return _case(row)

    def add_to_case(
        self, command: AddToCase, *, actor: str, now: datetime, **more: Any
    ) -> CaseRecord:
        """Append an event; add causes and harm that are new; raise severity and deadline.

        Args:
            more: other columns.

        Raises:
            NotFoundError: there is no such case.
        """
        row = self._session.execute(
            select(Case).where(Case.number == command.number)
        ).scalar_one_or_none()
        if row is None:
            raise NotFoundError(f"there is no case {command.number}")
        known = [each for each in row.causes if each != "unknown" or not command.causes]
        row.causes = known + [each for each in command.causes if each not in known]
        row.harm = row.harm + [each for each in command.harm if each not in row.harm]
        row.crisis = row.crisis or command.crisis
        if command.severity is not None:
            row.severity = command.severity
        if command.deadline_at is not None:
            row.deadline_at = min(row.deadline_at, command.deadline_at)
        for name, value in more.items():
            setattr(row, name, value)
        row.version += 1
        row.updated_at = now
        self.add_event(row.id, actor, command.verb, now, message_id=command.source_message_id)
        add_text(self._session, row.id, command.source_message_id)
        return _case(row)

    def add_event(
        self,
        case_id: int,
        actor: str,
        verb: str,
        now: datetime,
        *,
        message_id: int | None = None,
        body: dict[str, Any] | None = None,
    ) -> None:
        """Append an event under the next number."""
        known = self._session.execute(
            select(func.count()).select_from(CaseEvent).where(CaseEvent.case_id == case_id)
        ).scalar_one()
        self._session.add(
            CaseEvent(
                case_id=case_id,
                ordinal=known + 1,
                actor=actor,
                verb=verb,
                message_id=message_id,
                body=body or {},
                created_at=now,
            )
        )
        self._session.flush()
        if verb in COUNTED_VERBS:
            count(self._session, now, **{COUNTED_VERBS[verb].replace(".", "__"): 1})

    def open_case_of(self, conversation_id: str) -> CaseRecord | None:
        """Return the conversation's newest case that is still worked on, be it in another one."""
        rows = self._session.execute(
            select(Case)
            .where(Case.conversation_id == conversation_id, Case.stage != "closed")
            .order_by(Case.id.desc())
        ).scalars()
        leading = (self.leading(_case(row)) for row in rows)
        return next((case for case in leading if case.stage not in FINAL), None)

    def leading(self, case: CaseRecord) -> CaseRecord:
        """Return the case in which this one goes on: itself, or what it was merged into."""
        while case.merged_into_id is not None:
            case = self.get(case.merged_into_id)
        return case

    def get(self, case_id: int) -> CaseRecord:
        """Return a case by its id.

        Raises:
            NotFoundError: there is none.
        """
        row = self._session.get(Case, case_id)
        if row is None:
            raise NotFoundError(f"there is no case with the id {case_id}")
        return _case(row)

    def of_customer(self, customer_id: int, since: datetime) -> list[CaseRecord]:
        """Return the cases of a customer that were opened since a moment, newest first."""
        rows = self._session.execute(
            select(Case)
            .where(Case.customer_id == customer_id, Case.opened_at >= since)
            .order_by(Case.id.desc())
        ).scalars()
        return [_case(row) for row in rows]

    def of_conversation(self, conversation_id: str) -> list[CaseRecord]:
        """Return all cases of a conversation, oldest first."""
        rows = self._session.execute(
            select(Case).where(Case.conversation_id == conversation_id).order_by(Case.id)
        ).scalars()
        return [_case(row) for row in rows]

    def find(self, number: str) -> CaseRecord:
        """Return a case by its number.

        Raises:
            NotFoundError: there is none.
        """
        row = self._session.execute(select(Case).where(Case.number == number)).scalar_one_or_none()
        if row is None:
            raise NotFoundError(f"there is no case {number}; see ./prelude cases")
        return _case(row)

    def events_of(self, number: str) -> list[CaseEventRecord]:
        """Return a case's events, in order."""
        rows = self._session.execute(
            select(CaseEvent)
            .join(Case, Case.id == CaseEvent.case_id)
            .where(Case.number == number)
            .order_by(CaseEvent.ordinal)
        ).scalars()
        return [record_of(CaseEventRecord, row) for row in rows]

    def page(
        self, wanted: CaseFilter, *, before_id: int | None = None, limit: int = 50
    ) -> Page[CaseRecord]:
        """Return cases, newest first."""
        statement = select(Case)
        for name in EQUAL:
            value = getattr(wanted, name)
            if value is not None:
                statement = statement.where(getattr(Case, name) == value)
        if wanted.is_open is not None:
            is_final = Case.stage.in_(FINAL)
            statement = statement.where(is_final if not wanted.is_open else ~is_final)
        if wanted.overdue_at is not None:
            statement = statement.where(_IS_OPEN, _is_overdue(wanted.overdue_at))
        if wanted.updated_since is not None:
            statement = statement.where(Case.updated_at >= wanted.updated_since)
        return page_of(
            self._session, statement, Case.id, before_id=before_id, limit=limit, make=_case
        )

    def search(
        self, query: str, *, before_id: int | None = None, limit: int = 50
    ) -> Page[CaseRecord]:
        """Return the cases in which all of the query was said, newest first.

        Words apart are looked for apart; each is found as it stands, in either script.
        """
        phrases = search_phrases(query)
        if not phrases:
            return Page([], None)
        found = (
            self._session.execute(matching(self._session, phrases, before_id).limit(limit + 1))
            .scalars()
            .all()
        )
        rows = {
            row.id: row
            for row in self._session.execute(
                select(Case).where(Case.id.in_(found[:limit]))
            ).scalars()
        }
        next_id = found[limit - 1] if len(found) > limit else None
        return Page([_case(rows[each]) for each in found[:limit]], next_id)

    def urgent(self, stage: str, now: datetime, limit: int) -> list[CaseRecord]:
        """Return cases of a stage, the most urgent first: priority, lateness, what is due next."""
        due = func.coalesce(Case.solution_due_at, Case.deadline_at)
        is_late = case_when((_is_overdue(now), 0), else_=1)
        rows = self._session.execute(
            select(Case)
            .where(Case.stage == stage)
            .order_by(Case.priority.desc(), is_late, due, Case.id)
            .limit(limit)
        ).scalars()
        return [_case(row) for row in rows]

    def figures(self, now: datetime) -> dict[str, tuple[int, int, int]]:
        """Count the open cases by stage: all, those overdue, those paused."""
        rows = self._session.execute(
            select(
                Case.stage,
                func.count(),
                func.sum(case_when((_is_overdue(now), 1), else_=0)),
                func.count(Case.paused_at),
            )
            .where(_IS_OPEN)
            .group_by(Case.stage)
        )
        return {stage: (count, int(late), paused) for stage, count, late, paused in rows}

    def next_to_watch(self, now: datetime) -> CaseRecord | None:
        """Return an open case that the server has to look at, the longest waiting first."""
        row = self._session.execute(
            select(Case).where(_IS_OPEN, Case.watch_at < now).order_by(Case.watch_at).limit(1)
        ).scalar_one_or_none()
        return None if row is None else _case(row)

    def change(
        self,
        case_id: int,
        values: dict[str, Any],
        *,
        actor: str,
        verb: str,
        body: dict[str, Any],
        now: datetime,
        expected: int | None = None,
        message_id: int | None = None,
    ) -> CaseRecord:
        """Set columns and append the event that tells of it.

        Raises:
            NotFoundError, VersionConflictError: as `change_row` says.
        """
        row = change_row(self._session, Case, case_id, expected, {**values, "updated_at": now})
        self.add_event(case_id, actor, verb, now, message_id=message_id, body=body)
        return _case(row)

    def watch(self, case_id: int, watch_at: datetime | None) -> None:
        """Set when the server looks at a case next; no event, for nothing has happened."""
        self._session.execute(update(Case).where(Case.id == case_id).values(watch_at=watch_at))
        self._session.expire_all()


def _is_overdue(now: datetime) -> ColumnElement[bool]:
    """As `bot.dialogue.case_clocks.is_overdue`."""
    return or_(
        and_(Case.first_answered_at.is_(None), Case.deadline_at < now),
        and_(Case.paused_at.is_(None), Case.resolved_at.is_(None), Case.solution_due_at < now),
    )


def _case(row: Case) -> CaseRecord:
    return record_of(CaseRecord, row)
