"""Complaint cases with their events, and tasks."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bot.crm.models import Case, CaseEvent, Task
from bot.crm.records import CaseEventRecord, CaseRecord, TaskRecord
from bot.dialogue.turn import AddToCase, CaseView, CreateTask, OpenCase
from bot.errors import NotFoundError


class CaseRepository:
    """Reads and writes of one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def open_case(
        self, conversation_id: str, command: OpenCase, *, owner: str, now: datetime
    ) -> None:
        """Store a new case with its first event."""
        row = Case(
            number=command.number,
            conversation_id=conversation_id,
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
        )
        self._session.add(row)
        self._session.flush()
        self._add_event(row.id, "bot", "opened", command.source_message_id, now)

    def add_to_case(self, command: AddToCase, *, actor: str, now: datetime) -> None:
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
        self._add_event(row.id, actor, command.verb, command.source_message_id, now)

    def _add_event(
        self, case_id: int, actor: str, verb: str, message_id: int | None, now: datetime
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
                body={},
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
        return [CaseEventRecord(row.ordinal, row.actor, row.verb, row.created_at) for row in rows]

    def add_task(
        self, conversation_id: str, turn_id: int, command: CreateTask, now: datetime
    ) -> None:
        """Store a task for a person."""
        self._session.add(
            Task(
                turn_id=turn_id,
                conversation_id=conversation_id,
                kind=command.kind,
                contact=command.contact,
                due=command.due,
                note=command.note,
                state="open",
                created_at=now,
            )
        )
        self._session.flush()

    def open_tasks(self, conversation_id: str | None = None) -> list[TaskRecord]:
        """Return open tasks, oldest first; of one conversation if given."""
        statement = select(Task).where(Task.state == "open").order_by(Task.id)
        if conversation_id is not None:
            statement = statement.where(Task.conversation_id == conversation_id)
        return [
            TaskRecord(
                id=row.id,
                conversation_id=row.conversation_id,
                kind=row.kind,
                contact=row.contact,
                due=row.due,
                note=row.note,
                state=row.state,
                created_at=row.created_at,
            )
            for row in self._session.execute(statement).scalars()
        ]

    def finish_task(self, task_id: int) -> None:
        """Mark a task done.

        Raises:
            NotFoundError: there is no open task with this id.
        """
        row = self._session.get(Task, task_id)
        if row is None or row.state != "open":
            raise NotFoundError(f"there is no open task {task_id}")
        row.state = "done"
        self._session.flush()


def _case(row: Case) -> CaseRecord:
    return CaseRecord(
        number=row.number,
        conversation_id=row.conversation_id,
        stage=row.stage,
        causes=row.causes,
        severity=row.severity,
        reaction=row.reaction,
        harm=row.harm,
        crisis=row.crisis,
        owner=row.owner,
        deadline_at=row.deadline_at,
        opened_at=row.opened_at,
    )
