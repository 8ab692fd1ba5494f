"""Tasks for people: made by hand or by the scheduler, done with a result (D-SEL-13)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from bot.crm.records import TaskRecord
from bot.crm.unit_of_work import UnitOfWork
from bot.errors import UsageError
from bot.services.promise_keeping import follow_task
from bot.services.written import check_moment, differing, given

MAX_ID = 2**31 - 1  # of a row, on every database
TaskState = Literal["open", "done", "dropped"]


class NewTask(Struct, frozen=True, forbid_unknown_fields=True):
    """A task that a person or program makes."""

    kind: Annotated[str, Meta(pattern=r"^[a-z][a-z_]{0,39}(?!\n)$")]
    note: Annotated[str, Meta(min_length=1, max_length=2000)]
    customer_id: Annotated[int, Meta(ge=1, le=MAX_ID)] | None = None
    case_number: str | None = None
    contact: Annotated[str, Meta(max_length=200)] = ""
    due_at: datetime | None = None
    owner: Annotated[str, Meta(max_length=80)] = ""


class TaskChange(Struct, frozen=True, forbid_unknown_fields=True):
    """What a caller may set; what is left out stays. `done` needs a result."""

    state: TaskState | UnsetType = UNSET
    result: Annotated[str, Meta(max_length=2000)] | UnsetType = UNSET
    owner: Annotated[str, Meta(max_length=80)] | UnsetType = UNSET
    due_at: datetime | None | UnsetType = UNSET


def add_task(uow: UnitOfWork, task: NewTask, *, actor: str, now: datetime) -> TaskRecord:
    """Store a task.

    Raises:
        NotFoundError: no such customer or case. UsageError: a time that makes no sense.
    """
    check_moment("due_at", task.due_at)
    customer_id, case_id = task.customer_id, None
    if customer_id is not None:
        uow.customers.get(customer_id)
    if task.case_number is not None:
        case = uow.cases.find(task.case_number)
        case_id, customer_id = case.id, customer_id or case.customer_id
    task_id = uow.tasks.add(
        task.kind,
        now,
        note=task.note,
        customer_id=customer_id,
        case_id=case_id,
        contact=task.contact,
        due_at=task.due_at,
        owner=task.owner,
    )
    uow.audit.append(actor, "task.added", ("task", task_id), {"kind": task.kind}, now)
    return uow.tasks.get(task_id)


def change_task(
    uow: UnitOfWork,
    task_id: int,
    change: TaskChange,
    *,
    actor: str,
    now: datetime,
    expected: int | None = None,
) -> TaskRecord:
    """Set what the change gives; a finished task settles the promise that it was for.

    Raises:
        UsageError: done without a result, or a finished task that would be changed.
        NotFoundError, VersionConflictError: no such task, or not as the caller has seen it.
    """
    row = uow.tasks.get(task_id)
    values = differing(given(change), row)
    check_moment("due_at", values.get("due_at"))
    if row.state != "open" and values:
        raise UsageError(f"state: this task is {row.state} and stays as it is")
    if values.get("state") == "done" and not values.get("result", row.result).strip():
        raise UsageError("result: say what came of the task when it is done")
    if not values and expected in (None, row.version):
        return row
    changed = uow.tasks.change(task_id, values, now, expected)
    uow.audit.append(actor, "task.changed", ("task", task_id), {"fields": sorted(values)}, now)
    follow_task(uow, changed, actor, now)
    return changed
