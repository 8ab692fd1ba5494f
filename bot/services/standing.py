"""How a conversation stands, as the customer's page shows it (docs/protocol.md, type `state`)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from bot.crm.records import CaseRecord, ConversationRecord
from bot.crm.unit_of_work import UnitOfWork
from bot.knowledge.book import Book
from bot.knowledge.case_rules import load_case_process
from bot.knowledge.shop import Shop
from bot.services.identity import IdentityDesk

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
        "case": case_card(cases[-1], uow.cases.leading(cases[-1]), book, desk) if cases else None,
        "survey": _survey(uow, record),
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


def _survey(uow: UnitOfWork, record: ConversationRecord) -> str:
    if uow.conversations.has_satisfaction(record.id):
        return "done"
    return "due" if record.ended_at is not None else "none"


def read_progress(uow: UnitOfWork, number: str, book: Book, desk: IdentityDesk) -> dict[str, Any]:
    """Return a case's card with its events, oldest first.

    Raises:
        NotFoundError: there is no such case.
    """
    case = uow.cases.find(number)
    shown = {*ALWAYS_SHOWN, *load_case_process().shown_verbs}
    card = case_card(case, uow.cases.leading(case), book, desk)
    events = [
        {"at": event.created_at.isoformat(), "actor": _who(event.actor), "verb": event.verb}
        for event in uow.cases.events_of(number)
        if event.verb in shown
    ]
    return {**card, "events": events}


def _who(actor: str) -> str:
    """Return who did something, as a customer is told: no codes of people."""
    return actor if actor in ("bot", "customer", "server") else "staff"


def case_card(
    case: CaseRecord, leading: CaseRecord, book: Book, desk: IdentityDesk
) -> dict[str, Any]:
    """Return what a customer sees of a case: number, stage, next step, deadline (D-CMP-13).

    Args:
        leading: the case in which it goes on, itself unless it was merged.
    """
    severity = book.complaints.severities[leading.severity]
    is_closed = leading.stage == "closed"
    return {
        "number": case.number,
        "stage": book.complaints.stage_names[leading.stage],
        "causes": [
            book.complaints.cause_names[cause]
            for cause in leading.causes
            if cause in book.complaints.cause_names
        ],
        "opened_at": case.opened_at.isoformat(),
        "next_step": "" if is_closed else severity.next_step,
        "deadline_at": None if is_closed else _due(leading).isoformat(),
        "progress_url": f"/case.html#number={case.number}&key={desk.case_key(case.number)}",
    }


def _due(case: CaseRecord) -> datetime:
    """Return until when the customer hears of it: first the answer, then the solution."""
    if case.first_answered_at is None or case.solution_due_at is None:
        return case.deadline_at
    return case.solution_due_at
