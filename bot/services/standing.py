"""How a conversation stands, as the customer's page shows it (docs/protocol.md, type `state`)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from bot.crm.records import CaseEventRecord, CaseRecord, ConversationRecord
from bot.crm.unit_of_work import UnitOfWork
from bot.dialogue.next_steps import CaseStanding, next_step
from bot.knowledge.book import Book
from bot.knowledge.case_rules import load_case_process
from bot.knowledge.progress_lines import load_progress_lines
from bot.knowledge.shop import Shop
from bot.services.follow_up import called_talk
from bot.services.identity import IdentityDesk

MERGED, CLOSED = "merged", "closed"
ALWAYS_SHOWN = ("opened", "customer_said", "asked_beside")


def read_standing(
    uow: UnitOfWork,
    conversation_id: str,
    *,
    shop: Shop,
    book: Book,
    desk: IdentityDesk,
    now: datetime,
) -> dict[str, Any]:
    """Return owner, person, place in the queue, hours, case and survey as plain values."""
    record = uow.conversations.get(conversation_id)
    cases = uow.cases.of_conversation(conversation_id)
    opens_at = shop.hours.next_opening(now)
    return {
        "type": "state",
        "owner": record.owner,
        "agent": _agent(uow, record),
        "position": _position(uow, record),
        "open": opens_at == now,
        "opens_at": opens_at.isoformat() if opens_at and opens_at > now else None,
        "case": case_card(uow, cases[-1], book, desk) if cases else None,
        **_survey(uow, record, [uow.cases.leading(each) for each in cases]),
    }


def _agent(uow: UnitOfWork, record: ConversationRecord) -> dict[str, str] | None:
    if record.agent_name is None:
        return None
    person = uow.staff.find(record.agent_name)
    return {"name": record.agent_name, "role": person.role if person else ""}


def _position(uow: UnitOfWork, record: ConversationRecord) -> int | None:
    if record.owner != "queue" or record.queued_at is None:
        return None
    return uow.conversations.queue_length_before(record.queued_at, record.id) + 1


def _survey(uow: UnitOfWork, record: ConversationRecord, cases: list[CaseRecord]) -> dict[str, str]:
    """Return whether the survey is due, and about what: the talk, or its closed case."""
    if uow.conversations.has_satisfaction(record.id):
        return {"survey": "done", "survey_about": "talk"}
    if _has_just_closed(uow, record, cases):
        return {"survey": "due", "survey_about": "case"}
    state = "due" if record.ended_at is not None else "none"
    return {"survey": state, "survey_about": "talk"}


def _has_just_closed(uow: UnitOfWork, record: ConversationRecord, cases: list[CaseRecord]) -> bool:
    """Tell whether the talk's cases are closed, nobody was asked about them, and none talks on.

    Args:
        cases: those that lead.
    """
    closed = [each.closed_at for each in cases if each.closed_at is not None]
    if not closed or len(closed) < len(cases) or record.owner != "bot":
        return False
    is_silent = not uow.messages.spoke_since(record.id, max(closed))
    return is_silent and not any(called_talk(uow, each.id) for each in cases)


def read_progress(uow: UnitOfWork, number: str, book: Book, desk: IdentityDesk) -> dict[str, Any]:
    """Return a case's card with its events, oldest first; after a merger those of the other case.

    Raises:
        NotFoundError: there is no such case.
    """
    case = uow.cases.find(number)
    shown = {*ALWAYS_SHOWN, *load_case_process().shown_verbs}
    events = [
        {"at": event.created_at.isoformat(), "actor": _who(event.actor), "verb": event.verb}
        for event in _told(uow, case)
        if event.verb in shown
    ]
    return {**case_card(uow, case, book, desk), "events": events}


def _told(uow: UnitOfWork, case: CaseRecord) -> list[CaseEventRecord]:
    """Return a case's events, and what has happened since in the one it goes on in."""
    events = uow.cases.events_of(case.number)
    if case.merged_into_id is None:
        return events
    into = uow.cases.get(case.merged_into_id)
    since = max((each.created_at for each in events if each.verb == MERGED), default=case.opened_at)
    return events + [each for each in _told(uow, into) if each.created_at > since]


def _who(actor: str) -> str:
    """Return who did something, as a customer is told: no codes of people."""
    return actor if actor in ("bot", "customer", "server") else "staff"


def case_card(uow: UnitOfWork, case: CaseRecord, book: Book, desk: IdentityDesk) -> dict[str, Any]:
    """Return what a customer sees of a case: number, stage, next step, deadline (D-CMP-13)."""
    leading = uow.cases.leading(case)
    due_at = _due(leading)
    return {
        "number": case.number,
        "stage": book.complaints.stage_names[leading.stage],
        "stage_id": leading.stage,
        "goes_on_in": leading.number if leading.id != case.id else None,
        "causes": [
            book.complaints.cause_names[cause]
            for cause in leading.causes
            if cause in book.complaints.cause_names
        ],
        "opened_at": case.opened_at.isoformat(),
        "next_step": _next_step(uow, leading, book),
        "deadline_at": due_at.isoformat() if due_at is not None else None,
        "progress_url": f"/case.html#number={case.number}&key={desk.case_key(case.number)}",
    }


def _next_step(uow: UnitOfWork, case: CaseRecord, book: Book) -> str:
    return next_step(
        load_progress_lines(),
        CaseStanding(
            stage=case.stage,
            severity=case.severity,
            urgent_step=book.complaints.severities[case.severity].next_step,
            is_answered=case.first_answered_at is not None,
            is_paused=case.paused_at is not None,
            customer_answer=case.customer_answer,
            is_owed=any(each.state == "accepted" for each in uow.proposals.of_case(case.id)),
        ),
    )


def _due(case: CaseRecord) -> datetime | None:
    """Return until when the customer hears of it: first the answer, then the solution.

    None where nothing is waited for, or the customer's own word.
    """
    if case.stage == CLOSED:
        return None
    if case.first_answered_at is None or case.solution_due_at is None:
        return case.deadline_at
    is_waiting = case.paused_at is None and case.resolved_at is None
    return case.solution_due_at if is_waiting else None
