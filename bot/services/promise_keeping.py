"""A promise is kept, and with it what it was made for (D-CUS-11, D-CMP-5).

Promises know nothing of cases. Here, above both, the promise of a remedy and the remedy are one: to
keep it is to make the move `carry_out` of its case, and the other way round (`case_remedies`).
"""

from __future__ import annotations

from datetime import datetime

from bot.crm.records import PromiseRecord, ProposalRecord, TaskRecord
from bot.crm.unit_of_work import UnitOfWork
from bot.errors import UsageError
from bot.services.case_work import Mover
from bot.services.cases import move_case, mover_of
from bot.services.promises import keep_promise, withdraw_promise

CARRY_OUT = "carry_out"


def keep_owed(uow: UnitOfWork, promise_id: int, actor: str, now: datetime) -> PromiseRecord:
    """Say that a promise was kept; one of a remedy carries the remedy out.

    Args:
        actor: by what the audit trail names whoever says so.

    Raises:
        NotFoundError: there is none. UsageError: it is settled.
    """
    promise = uow.promises.get(promise_id)
    remedy = uow.proposals.owed_by(promise.id)
    if remedy is None:
        return keep_promise(uow, promise_id, actor, now)
    _carry_out(uow, remedy, actor, now)
    return uow.promises.get(promise_id)


def withdraw_owed(
    uow: UnitOfWork, promise_id: int, why: str, actor: str, now: datetime
) -> PromiseRecord:
    """Say that a promise is no longer owed, unless it is of a remedy that the customer accepted.

    Raises:
        NotFoundError: there is none. UsageError: it is a remedy, it is not open, or no reason is
        given.
    """
    remedy = uow.proposals.owed_by(uow.promises.get(promise_id).id)
    if remedy is not None:
        number = uow.cases.get(remedy.case_id).number
        raise UsageError(
            f"promise {promise_id} is a remedy of case {number} that the customer has accepted: "
            "it ends when they want something else (move counter), or is carried out"
        )
    return withdraw_promise(uow, promise_id, why, actor, now)


def follow_task(uow: UnitOfWork, task: TaskRecord, actor: str, now: datetime) -> None:
    """Settle the promise that a finished task was for, and carry out its remedy."""
    if task.state == "done":
        for remedy in uow.proposals.owed_of_task(task.id):
            _carry_out(uow, remedy, actor, now)
    for row in uow.promises.open_of_task(task.id):
        if task.state == "done":
            keep_promise(uow, row.id, actor, now)
        elif task.state == "dropped":
            withdraw_owed(uow, row.id, task.result.strip() or "task dropped", actor, now)


def _carry_out(uow: UnitOfWork, remedy: ProposalRecord, actor: str, now: datetime) -> None:
    number = uow.cases.get(remedy.case_id).number
    by, body = _mover(uow, actor), {"proposal": remedy.ordinal}
    move_case(uow, number, CARRY_OUT, by=by, now=now, body=body)


def _mover(uow: UnitOfWork, actor: str) -> Mover:
    """Return who an actor is: a person by their code, else a program of the shop."""
    person = next((each for each in uow.staff.all() if each.code == actor), None)
    return mover_of(person) if person else Mover(actor, "program")
