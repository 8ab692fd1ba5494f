"""A move of a case under way: who makes it, on what, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from bot.crm.records import CaseRecord, ProposalRecord
from bot.crm.unit_of_work import UnitOfWork
from bot.dialogue.case_clocks import Timekeeper
from bot.knowledge.case_rules import CaseProcess, Cause, Role
from bot.services import case_bodies as bodies


class Mover(NamedTuple):
    """Who makes a move: by what the audit trail names them, their role, their name if a person."""

    actor: str
    role: Role
    name: str = ""


@dataclass(frozen=True)
class Work:
    """A move under way."""

    uow: UnitOfWork
    process: CaseProcess
    case: CaseRecord
    proposals: list[ProposalRecord]
    mover: Mover
    keeper: Timekeeper
    now: datetime


class Effect(NamedTuple):
    """The columns that a move sets, and what its event says."""

    values: dict[str, Any]
    said: dict[str, Any]


def said_in(body: bodies.Body) -> dict[str, Any]:
    """Return what a body says, without what it leaves out."""
    values = msgspec.to_builtins(body)
    return {name: value for name, value in values.items() if value not in (None, "", [], {})}


def raise_level(work: Work, cause: Cause) -> dict[str, Any]:
    """Go one level up, with a task for whoever has to hear of it; at the top nothing is left."""
    level = work.case.escalation_level + 1
    if level > len(work.process.escalation):
        return {}
    rule = work.process.escalation[level - 1]
    note = rule.task.format(number=work.case.number, why=work.process.escalated_because[cause])
    work.uow.tasks.add(
        "case_escalated",
        work.now,
        conversation_id=work.case.conversation_id,
        customer_id=work.case.customer_id,
        case_id=work.case.id,
        note=note,
        due_at=work.keeper.due_at("first_answer", work.now),
    )
    return {"escalation_level": level}
