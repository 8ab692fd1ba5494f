"""What webhooks are told of complaint cases: ids and states, never words."""

from __future__ import annotations

from datetime import datetime

from bot.crm.records import CaseRecord
from bot.crm.unit_of_work import UnitOfWork

OPENED, CHANGED, IS_OVERDUE = "case.opened", "case.changed", "case.overdue"
ALARM = "case.alarm"
EVENTS = (OPENED, CHANGED, IS_OVERDUE, ALARM)


def tell_case(uow: UnitOfWork, kind: str, case: CaseRecord, now: datetime) -> None:
    """Write the event that webhooks are told of, once a version."""
    body = {
        "number": case.number,
        "stage": case.stage,
        "severity": case.severity,
        "priority": case.priority,
        "causes": case.causes,
        "crisis": case.crisis,
        "owner": case.owner,
        "escalation_level": case.escalation_level,
        "deadline_at": case.deadline_at.isoformat(),
        "solution_due_at": case.solution_due_at.isoformat() if case.solution_due_at else None,
        "version": case.version,
    }
    uow.outbox.add(f"{kind}:{case.id}:{case.version}", kind, body, now)
