"""Why every turn said what it said: rule or story, kind, belief, technique (design decision 5)."""

from __future__ import annotations

from typing import Any

import msgspec

from bot.clock import SHOP_TIME_ZONE
from bot.crm.promises import PromiseFilter
from bot.crm.records import MessageRecord, TurnRecord
from bot.crm.tasks import TaskFilter
from bot.crm.unit_of_work import UnitOfWork
from bot.dialogue.turn import LedgerEntry


def explain_conversation(uow: UnitOfWork, conversation_id: str) -> dict[str, Any]:
    """Return a conversation's turns with their reasons, its ledger, cases, tasks and promises.

    Raises:
        NotFoundError: there is no such conversation.
    """
    record = uow.conversations.get(conversation_id)
    messages = uow.messages.events_after(conversation_id, 0, limit=100_000)
    return {
        "conversation": conversation_id,
        "owner": record.owner,
        "turns": [
            describe_turn(uow, turn, messages)
            for turn in uow.turns.of_conversation(conversation_id)
        ],
        "objections": [describe_entry(entry) for entry in uow.turns.ledger(conversation_id)],
        "cases": [
            {
                "number": case.number,
                "stage": case.stage,
                "causes": case.causes,
                "severity": case.severity,
                "deadline": case.deadline_at.isoformat(),
                "owner": case.owner,
                "events": [
                    f"{event.ordinal} {event.actor} {event.verb}"
                    for event in uow.cases.events_of(case.number)
                ],
            }
            for case in uow.cases.of_conversation(conversation_id)
        ],
        "tasks": [
            {"kind": task.kind, "contact": task.contact, "due": task.due, "state": task.state}
            for task in uow.tasks.page(
                TaskFilter(conversation_id=conversation_id, state="open")
            ).items
        ],
        "promises": describe_promises(uow, conversation_id),
    }


def describe_promises(uow: UnitOfWork, conversation_id: str) -> list[dict[str, Any]]:
    """Return what was promised in a conversation, oldest first, in the shop's time."""
    wanted = PromiseFilter(conversation_id=conversation_id)
    return [
        {
            "number": each.id,
            "kind": each.kind,
            "about": each.about,
            "owner": each.owner,
            "state": each.state,
            "due": f"{each.due_at.astimezone(SHOP_TIME_ZONE):%Y-%m-%dT%H:%M}",
        }
        for each in reversed(uow.promises.page(wanted, limit=1000).items)
    ]


def describe_turn(
    uow: UnitOfWork, turn: TurnRecord, messages: list[MessageRecord]
) -> dict[str, Any]:
    """Return one turn: what was said, how it was understood, which steps and why."""
    said = [message for message in messages if message.turn_id == turn.id]
    replies = [message for message in messages if message.reply_to_turn_id == turn.id]
    technique, outcome = uow.techniques.of_turn(turn.id)
    return {
        "turn": turn.number,
        "kind": turn.kind,
        "texts": [message.text for message in said],
        "analyses": [message.analysis for message in said],
        "steps": turn.steps,
        "reasons": turn.reasons,
        "technique": technique,
        "outcome": outcome,
        "replies": [message.text for message in replies],
        "wordings": [message.wording for message in replies],
        "model": turn.model_id,
    }


def describe_entry(entry: LedgerEntry) -> dict[str, Any]:
    """Return a ledger entry as plain values."""
    return {
        "number": entry.number,
        "kind": entry.kind,
        "state": entry.state,
        "truth": entry.belief.label,
        "belief": msgspec.to_builtins(entry.belief),
        "feedback": entry.feedback,
        "reason": entry.reason,
        "until": entry.until,
        "linked_to": entry.linked_to,
        "techniques": list(entry.techniques),
    }
