"""Complaint cases: their events, and finding them by what was said."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, literal_column, select, text
from sqlalchemy.orm import Session

from bot.crm.counts import count
from bot.crm.models import Case, CaseEvent, CaseText, Message
from bot.crm.records import CaseEventRecord, CaseRecord, Page
from bot.crm.rows import change_row, page_of, record_of
from bot.dialogue.turn import AddToCase, CaseView, OpenCase
from bot.errors import NotFoundError
from bot.language.search_tokens import search_phrases, search_tokens

OVERDUE = "overdue"
MAX_TOKENS_CHARS = 200_000  # PostgreSQL's tsvector takes a megabyte


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
    ) -> CaseRecord:
        """Store a new case with its first event."""
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
            deadline_at=command.deadline_at,
            opened_at=now,
            updated_at=now,
        )
        self._session.add(row)
        self._session.flush()
        self._add_event(row.id, "bot", "opened", command.source_message_id, now)
        self._add_text(row.id, command.source_message_id)
        count(self._session, now, cases=1)
        return _case(row)

    def add_to_case(self, command: AddToCase, *, actor: str, now: datetime) -> CaseRecord:
        """Append an event; add causes and harm that are new; raise severity and deadline.

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
        row.version += 1
        row.updated_at = now
        self._add_event(row.id, actor, command.verb, command.source_message_id, now)
        self._add_text(row.id, command.source_message_id)
        return _case(row)

    def _add_event(
        self,
        case_id: int,
        actor: str,
        verb: str,
        message_id: int | None,
        now: datetime,
        body: dict[str, Any] | None = None,
    ) -> None:
        count = self._session.execute(
            select(func.count()).select_from(CaseEvent).where(CaseEvent.case_id == case_id)
        ).scalar_one()
        self._session.add(
            CaseEvent(
                case_id=case_id,
                ordinal=count + 1,
                actor=actor,
                verb=verb,
                message_id=message_id,
                body=body or {},
                created_at=now,
            )
        )
        self._session.flush()

    def open_case_of(self, conversation_id: str) -> CaseView | None:
        """Return the conversation's newest case that is not closed."""
        row = self._session.execute(
            select(Case)
            .where(Case.conversation_id == conversation_id, Case.stage != "closed")
            .order_by(Case.id.desc())
            .limit(1)
        ).scalar_one_or_none()
        if row is None:
            return None
        return CaseView(
            number=row.number,
            stage=row.stage,  # type: ignore[arg-type]
            causes=tuple(row.causes),
            severity=row.severity,
            opened_at=row.opened_at,
            deadline_at=row.deadline_at,
            owner=row.owner,
        )

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
            raise NotFoundError(f"there is no case {number}")
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
        for name in ("stage", "owner", "customer_id", "severity", "product_id"):
            value = getattr(wanted, name)
            if value is not None:
                statement = statement.where(getattr(Case, name) == value)
        if wanted.is_open is not None:
            is_open = Case.stage != "closed"
            statement = statement.where(is_open if wanted.is_open else ~is_open)
        if wanted.overdue_at is not None:
            statement = statement.where(
                Case.stage != "closed", Case.deadline_at < wanted.overdue_at
            )
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
            self._session.execute(self._match(phrases, before_id).limit(limit + 1)).scalars().all()
        )
        rows = {
            row.id: row
            for row in self._session.execute(
                select(Case).where(Case.id.in_(found[:limit]))
            ).scalars()
        }
        next_id = found[limit - 1] if len(found) > limit else None
        return Page([_case(rows[each]) for each in found[:limit]], next_id)

    def _match(self, phrases: list[list[str]], before_id: int | None) -> Select[Any]:
        """Return the statement that finds ids by the full-text index of this database."""
        if self._session.get_bind().dialect.name == "sqlite":
            # tokens hold letters, digits and Chinese characters only, so quotes cannot end early
            words = " ".join(
                f'"{phrase[0][:-1]}"*' if phrase[0].endswith("*") else f'"{" ".join(phrase)}"'
                for phrase in phrases
            )
            found: ColumnElement[int] = literal_column("rowid")
            statement = (
                select(found).select_from(text("case_search")).where(text("case_search MATCH :q"))
            )
        else:
            words = " & ".join(
                f"{phrase[0][:-1]}:*" if phrase[0].endswith("*") else f"({' <-> '.join(phrase)})"
                for phrase in phrases
            )
            found = literal_column("case_id")
            condition = text("search @@ to_tsquery('simple', :q)")
            statement = select(found).select_from(text("case_text")).where(condition)
        if before_id is not None:
            statement = statement.where(found < before_id)
        return statement.order_by(found.desc()).params(q=words)

    def overdue(self, now: datetime, limit: int = 500) -> list[CaseRecord]:
        """Return open cases past their deadline that nobody was told of, oldest first."""
        told = exists().where(CaseEvent.case_id == Case.id, CaseEvent.verb == OVERDUE)
        rows = self._session.execute(
            select(Case)
            .where(Case.stage != "closed", Case.deadline_at < now, ~told)
            .order_by(Case.deadline_at)
            .limit(limit)
        ).scalars()
        return [_case(row) for row in rows]

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
    ) -> CaseRecord:
        """Set columns and append the event that tells of it.

        Raises:
            NotFoundError, VersionConflictError: as `change_row` says.
        """
        row = change_row(self._session, Case, case_id, expected, {**values, "updated_at": now})
        self._add_event(case_id, actor, verb, None, now, body)
        return _case(row)

    def _add_text(self, case_id: int, message_id: int) -> None:
        """Let the case be found by what this message says."""
        said = self._session.execute(
            select(Message.text).where(Message.id == message_id)
        ).scalar_one_or_none()
        tokens = " ".join(search_tokens(said or ""))
        row = self._session.get(CaseText, case_id)
        if row is None:
            self._session.add(CaseText(case_id=case_id, tokens=tokens))
        elif tokens and len(row.tokens) < MAX_TOKENS_CHARS:
            row.tokens = f"{row.tokens} {tokens}"
        self._session.flush()


def _case(row: Case) -> CaseRecord:
    return record_of(CaseRecord, row)
