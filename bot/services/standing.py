"""How a conversation stands, as the customer's page shows it (docs/protocol.md, type `state`)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from bot.crm.records import CaseRecord, ConversationRecord
from bot.crm.unit_of_work import UnitOfWork
from bot.knowledge.book import Book
from bot.knowledge.shop import Shop
from bot.services.identity import IdentityDesk


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
        "case": case_card(cases[-1], book, desk) if cases else None,
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
    card = case_card(uow.cases.find(number), book, desk)
    events = [
        {"at": event.created_at.isoformat(), "actor": event.actor, "verb": event.verb}
        for event in uow.cases.events_of(number)
    ]
    return {**card, "events": events}


def case_card(case: CaseRecord, book: Book, desk: IdentityDesk) -> dict[str, Any]:
    """Return what a customer sees of a case: number, stage, next step, deadline (D-CMP-13)."""
    severity = book.complaints.severities[case.severity]  # type: ignore[index]
    is_closed = case.stage == "closed"
    return {
        "number": case.number,
        "stage": book.complaints.stage_names[case.stage],
        "causes": [
            book.complaints.cause_names[cause]
            for cause in case.causes
            if cause in book.complaints.cause_names
        ],
        "opened_at": case.opened_at.isoformat(),
        "next_step": "" if is_closed else severity.next_step,
        "deadline_at": None if is_closed else case.deadline_at.isoformat(),
        "progress_url": f"/case.html#number={case.number}&key={desk.case_key(case.number)}",
    }
