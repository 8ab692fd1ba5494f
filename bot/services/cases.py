"""Complaint cases as staff and programs work on them. What a turn does to them is in `turns`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from bot.crm.cases import OVERDUE
from bot.crm.records import CaseRecord
from bot.crm.unit_of_work import UnitOfWork
from bot.errors import VersionConflictError
from bot.services.written import given

OPENED, CHANGED, IS_OVERDUE = "case.opened", "case.changed", "case.overdue"
EVENTS = (OPENED, CHANGED, IS_OVERDUE)
OVERDUE_AT_ONCE = 50  # so that no transaction is long


class CaseChange(Struct, frozen=True, forbid_unknown_fields=True):
    """What a caller may do to a case: give it to somebody, note something."""

    owner: Annotated[str, Meta(min_length=1, max_length=80)] | UnsetType = UNSET
    note: Annotated[str, Meta(min_length=1, max_length=2000)] | UnsetType = UNSET


def change_case(
    uow: UnitOfWork,
    number: str,
    change: CaseChange,
    *,
    actor: str,
    now: datetime,
    expected: int | None = None,
) -> CaseRecord:
    """Assign a case or note something, each as an event of the case.

    Raises:
        NotFoundError, VersionConflictError: no such case, or not as the caller has seen it.
    """
    case = uow.cases.find(number)
    if expected not in (None, case.version):  # also when there is nothing to change
        raise VersionConflictError("it was changed meanwhile: read it again")
    values = given(change)
    steps: list[tuple[str, dict[str, Any], dict[str, Any]]] = []
    if values.get("owner", case.owner) != case.owner:
        steps.append(("assigned", {"owner": values["owner"]}, {"owner": values["owner"]}))
    if "note" in values:
        steps.append(("noted", {}, {"note": values["note"]}))
    for verb, columns, body in steps:
        case = uow.cases.change(
            case.id, columns, actor=actor, verb=verb, body=body, now=now, expected=expected
        )
        expected = None
        uow.audit.append(actor, f"case.{verb}", ("case", case.id), body, now)
        tell_case(uow, CHANGED, case, now)
    return case


def tell_case(uow: UnitOfWork, kind: str, case: CaseRecord, now: datetime) -> None:
    """Write the event that webhooks are told of: ids and states, never words."""
    key = f"{kind}:{case.id}" if kind == IS_OVERDUE else f"{kind}:{case.id}:{case.version}"
    body = {
        "number": case.number,
        "stage": case.stage,
        "severity": case.severity,
        "causes": case.causes,
        "crisis": case.crisis,
        "owner": case.owner,
        "deadline_at": case.deadline_at.isoformat(),
        "version": case.version,
    }
    uow.outbox.add(key, kind, body, now)


def note_overdue(uow: UnitOfWork, now: datetime) -> int:
    """Mark some open cases past their deadline, each once; return how many, 0 when none is left."""
    cases = uow.cases.overdue(now, limit=OVERDUE_AT_ONCE)
    for case in cases:
        marked = uow.cases.change(case.id, {}, actor="server", verb=OVERDUE, body={}, now=now)
        tell_case(uow, IS_OVERDUE, marked, now)
    return len(cases)
