"""What a turn asks for, carried out in T2: one function a command."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.crm.tasks import TaskFilter
from bot.crm.unit_of_work import UnitOfWork
from bot.dialogue import turn as t
from bot.errors import EngineError, NotAllowedError, NotFoundError, StaleTurnError, UsageError
from bot.services import case_opening
from bot.services.asking_after import was_asked_after
from bot.services.cases import BOT, move_case
from bot.services.granted import granted_today
from bot.services.promise_keeping import follow_task
from bot.services.promises import move_promise, store_promise

CUSTOMER, SURVEY = "customer", "survey"


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
    at.uow.techniques.add_use(at.conversation_id, command, turn_id=at.turn_id, now=at.now)


def _record_outcome(at: _Place, command: t.RecordOutcome) -> None:
    """Of the turns before this one: what it used itself has had no answer yet."""
    at.uow.techniques.record_outcome(
        at.conversation_id,
        command.objection,
        command.outcome,
        before_turn_id=at.turn_id,
        now=at.now,
    )


def _grant_concession(at: _Place, command: t.GrantConcession) -> None:
    """Keep the limit also against another talk of the same customer.

    Raises:
        StaleTurnError: the limit was used up meanwhile; the turn is computed anew.
    """
    customer_id = at.customer_id()
    granted = granted_today(at.uow, at.conversation_id, customer_id, at.now)
    if command.cap_fen is not None and (
        granted.get(command.limit, 0) + command.value_fen > command.cap_fen
    ):
        raise StaleTurnError(f"the limit {command.limit!r} was used up while the turn was computed")
    at.uow.concessions.add(
        at.conversation_id,
        customer_id,
        turn_id=at.turn_id,
        concession=command.concession,
        limit_id=command.limit,
        value_fen=command.value_fen,
        now=at.now,
    )


def _open_case(at: _Place, command: t.OpenCase) -> None:
    """Open a case; one that our question has brought out is of another channel (D-CMP-10)."""
    is_asked_for = was_asked_after(at.uow, at.conversation_id)
    case_opening.open_case(
        at.uow,
        at.conversation_id,
        at.customer_id(),
        command,
        by=BOT,
        now=at.now,
        **({"channel": SURVEY} if is_asked_for else {}),
    )


def _add_to_case(at: _Place, command: t.AddToCase) -> None:
    case_opening.add_to_case(at.uow, command, at.now)


def _move_case(at: _Place, command: t.MoveCase) -> None:
    """Make a move for the bot, or in the customer's name, of a case of this conversation.

    Raises:
        EngineError: it is not legal, or another conversation's.
    """
    case = at.uow.cases.open_case_of(at.conversation_id)
    is_theirs = case is not None and case.number == command.number
    is_closed = any(
        each.number == command.number for each in at.uow.cases.of_conversation(at.conversation_id)
    )
    if not (is_theirs or is_closed):
        raise EngineError(f"{command.move}: {command.number} is no case of this conversation")
    by = case_opening.CUSTOMER if command.role == CUSTOMER else BOT
    try:
        move_case(
            at.uow,
            command.number,
            command.move,
            by=by,
            now=at.now,
            body=command.body,
            message_id=command.source_message_id,
        )
    except (UsageError, NotAllowedError, NotFoundError) as error:
        raise EngineError(str(error)) from error


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


def _make_promise(at: _Place, command: t.MakePromise) -> None:
    conversation = at.uow.conversations.get(at.conversation_id)
    store_promise(at.uow, command, conversation, at.now, turn_id=at.turn_id)


def _drop_task(at: _Place, command: t.DropTask) -> None:
    for task_id in _open_tasks(at, command.kind):
        values = {"state": "dropped", "result": "taken back by the customer"}
        follow_task(at.uow, at.uow.tasks.change(task_id, values, at.now), CUSTOMER, at.now)


def _correct_task(at: _Place, command: t.CorrectTask) -> None:
    given: dict[str, Any] = {"contact": command.contact, "due": command.due}
    values = {name: value for name, value in given.items() if value}
    if command.times is not None:
        values["due_at"] = command.times.due_at
    for task_id in _open_tasks(at, command.kind):
        at.uow.tasks.change(task_id, values, at.now)
        if command.times is not None:
            move_promise(at.uow, task_id, command.due, command.times, at.now)


def _open_tasks(at: _Place, kind: str) -> list[int]:
    wanted = TaskFilter(state="open", kind=kind, conversation_id=at.conversation_id)
    return [task.id for task in at.uow.tasks.page(wanted).items]


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
    t.RecordOutcome: _record_outcome,
    t.GrantConcession: _grant_concession,
    t.OpenCase: _open_case,
    t.AddToCase: _add_to_case,
    t.MoveCase: _move_case,
    t.HandOver: _hand_over,
    t.CreateTask: _create_task,
    t.MakePromise: _make_promise,
    t.DropTask: _drop_task,
    t.CorrectTask: _correct_task,
    t.SetProduct: _set_product,
    t.RefuseContact: _refuse_contact,
}
