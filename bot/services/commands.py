"""What a turn asks for, carried out in T2: one function a command."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.crm.unit_of_work import UnitOfWork
from bot.dialogue import turn as t
from bot.services.cases import CHANGED, OPENED, tell_case

CASE_OWNER = "after_sales"


@dataclass(frozen=True)
class _Place:
    """Where a command of a turn is carried out."""

    uow: UnitOfWork
    conversation_id: str
    turn_id: int
    now: datetime

    def customer_id(self) -> int | None:
        return self.uow.conversations.get(self.conversation_id).customer_id


def apply_command(
    uow: UnitOfWork, command: t.Command, conversation_id: str, turn_id: int, now: datetime
) -> None:
    """Carry out one command of a turn."""
    _COMMANDS[type(command)](_Place(uow, conversation_id, turn_id, now), command)


def _open_objection(at: _Place, command: t.OpenObjection) -> None:
    at.uow.turns.add_objection(at.conversation_id, command.entry, at.now)


def _update_objection(at: _Place, command: t.UpdateObjection) -> None:
    at.uow.turns.update_objection(at.conversation_id, command.entry, at.now)


def _record_technique(at: _Place, command: t.RecordTechnique) -> None:
    at.uow.turns.add_technique_use(
        at.conversation_id,
        command.objection,
        turn_id=at.turn_id,
        technique=command.technique,
        alternatives=command.alternatives,
        now=at.now,
    )


def _open_case(at: _Place, command: t.OpenCase) -> None:
    case = at.uow.cases.open_case(
        at.conversation_id, at.customer_id(), command, owner=CASE_OWNER, now=at.now
    )
    tell_case(at.uow, OPENED, case, at.now)


def _add_to_case(at: _Place, command: t.AddToCase) -> None:
    case = at.uow.cases.add_to_case(command, actor="customer", now=at.now)
    tell_case(at.uow, CHANGED, case, at.now)


def _hand_over(at: _Place, _: t.HandOver) -> None:
    at.uow.conversations.update_fields(at.conversation_id, owner="queue", queued_at=at.now)
    at.uow.messages.change_state(at.conversation_id, "pending", "held")


def _create_task(at: _Place, command: t.CreateTask) -> None:
    at.uow.tasks.add(
        command.kind,
        at.now,
        turn_id=at.turn_id,
        conversation_id=at.conversation_id,
        customer_id=at.customer_id(),
        contact=command.contact,
        due=command.due,
        due_at=command.due_at,
        note=command.note,
    )


def _set_product(at: _Place, command: t.SetProduct) -> None:
    at.uow.conversations.update_fields(at.conversation_id, product_id=command.product_id)


def _refuse_contact(at: _Place, _: t.RefuseContact) -> None:
    at.uow.conversations.update_fields(at.conversation_id, contact_refused_at=at.now)
    customer_id = at.customer_id()
    if customer_id is not None:
        at.uow.customers.change(customer_id, {"contact_refused_at": at.now}, at.now)


_COMMANDS: dict[type, Callable[[_Place, Any], None]] = {
    t.OpenObjection: _open_objection,
    t.UpdateObjection: _update_objection,
    t.RecordTechnique: _record_technique,
    t.OpenCase: _open_case,
    t.AddToCase: _add_to_case,
    t.HandOver: _hand_over,
    t.CreateTask: _create_task,
    t.SetProduct: _set_product,
    t.RefuseContact: _refuse_contact,
}
