"""Promises of bot and staff: made, kept, withdrawn, answered (D-CUS-11).

What a promise came to the clock alone decides (`bot.dialogue.promises.judge`), whoever marks it
and whenever: nobody turns a broken one into a kept one. `promise_watch` reminds and marks.
"""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Annotated

from msgspec import Meta, Struct

from bot.clock import SHOP_TIME_ZONE
from bot.crm.records import ConversationRecord, PromiseRecord
from bot.crm.unit_of_work import UnitOfWork
from bot.dialogue.promises import day_due, judge, times_of, usual_due
from bot.dialogue.turn import CreateTask, MakePromise, PromiseTimes
from bot.errors import NotAllowedError, UsageError
from bot.knowledge.book import Book
from bot.knowledge.opening_hours import OpeningHours
from bot.knowledge.promise_rules import FIND_OUT, PromiseRules
from bot.services.events import event_of
from bot.services.queue import Answered, check_text, sign_in
from bot.services.shop import read_shop
from bot.services.written import check_moment

DUE, BROKEN = "promise.due", "promise.broken"
EVENTS = (DUE, BROKEN)
BOT, SERVER = "bot", "server"
SETTLED = "promise kept"


class NewPromise(Struct, frozen=True, forbid_unknown_fields=True):
    """A promise that a person has made. Without `day` or `due_at` it is due as its kind is."""

    conversation: str
    name: str
    kind: str
    text: Annotated[str, Meta(min_length=1, max_length=2000)]
    day: date | None = None
    due_at: datetime | None = None
    owner: Annotated[str, Meta(max_length=80)] = ""


def store_promise(
    uow: UnitOfWork,
    command: MakePromise,
    conversation: ConversationRecord,
    now: datetime,
    *,
    made_by: str = BOT,
    turn_id: int | None = None,
) -> PromiseRecord:
    """Write a promise down, with the task of whoever keeps it."""
    task, times = command.task, command.times
    case = uow.cases.open_case_of(conversation.id)
    case_id = case.id if case else None
    task_id = uow.tasks.add(
        task.kind,
        now,
        conversation_id=conversation.id,
        customer_id=conversation.customer_id,
        case_id=case_id,
        contact=task.contact,
        due=task.due,
        due_at=task.due_at,
        note=task.note,
        owner=command.owner if uow.staff.find(command.owner) else "",
    )
    return uow.promises.add(
        now,
        conversation_id=conversation.id,
        customer_id=conversation.customer_id,
        case_id=case_id,
        turn_id=turn_id,
        kind=command.kind,
        ordinal=command.ordinal,
        made_by=made_by,
        about=command.about,
        text=command.text,
        owner=command.owner,
        due_at=times.due_at,
        remind_at=times.remind_at,
        broken_after=times.broken_after,
        task_id=task_id,
    )


def add_promise(uow: UnitOfWork, book: Book, new: NewPromise, now: datetime) -> PromiseRecord:
    """Write down what a person has promised; who made it keeps it, unless another owner is named.

    Raises:
        NotAllowedError: no such user. NotFoundError: no such conversation.
        UsageError: an unknown kind, or a day that is past or cannot be named.
    """
    sign_in(uow, new.name, now)
    conversation = uow.conversations.get(new.conversation)
    rules = book.promises
    if new.kind not in rules.kinds:
        raise UsageError(f"kind: there is no {new.kind!r}; there are {', '.join(rules.kinds)}")
    hours = read_shop(uow).hours
    due_at = _due_of(rules, new, hours, now)
    command = MakePromise(
        kind=new.kind,
        text=new.text,
        owner=new.owner or new.name,
        times=times_of(rules, new.kind, hours, due_at, now),
        task=CreateTask(kind=new.kind, contact="", due="", note=new.text, due_at=due_at),
    )
    made = store_promise(uow, command, conversation, now, made_by=new.name)
    details = {"kind": made.kind, "due_at": due_at.isoformat()}
    uow.audit.append(actor_of(uow, new.name), "promise.made", ("promise", made.id), details, now)
    return made


def _due_of(rules: PromiseRules, new: NewPromise, hours: OpeningHours, now: datetime) -> datetime:
    due_at = new.due_at
    if new.day is not None:
        due_at = datetime.combine(new.day, time.max, SHOP_TIME_ZONE)
    check_moment("due", due_at)
    if due_at is not None and due_at <= now:
        raise UsageError("due: this moment is past")
    if new.day is not None:
        due_at = day_due(rules, new.kind, hours, new.day, now)
    elif due_at is None:
        due_at = usual_due(rules, new.kind, hours, now)
    if due_at is None:
        raise UsageError("due: the shop is closed for too long to name a day; give a moment")
    return due_at


def keep_promise(
    uow: UnitOfWork, promise_id: int, actor: str, now: datetime, how: str = SETTLED
) -> PromiseRecord:
    """Say that a promise was kept now: in time, late, or too late to count.

    Raises:
        NotFoundError: there is none. UsageError: it is settled.
    """
    row = _unsettled(uow, promise_id)
    times = PromiseTimes(row.due_at, row.remind_at, row.broken_after)
    state = "broken" if row.state == "broken" else judge(times, now, now)
    values = {"state": state, "kept_at": now, "remind_at": None}
    kept = uow.promises.change(row.id, values, now, row.version)
    _finish_task(uow, row, "done", how, now)
    uow.audit.append(actor, "promise.kept", ("promise", row.id), {"state": state}, now)
    return kept


def withdraw_promise(
    uow: UnitOfWork, promise_id: int, why: str, actor: str, now: datetime
) -> PromiseRecord:
    """Say that a promise is no longer owed: the customer wants it no more.

    Raises:
        NotFoundError: there is none. UsageError: it is not open, or no reason is given.
    """
    row = _unsettled(uow, promise_id)
    if row.state == "broken":
        raise UsageError(f"promise {row.id} is broken: what was not kept cannot be withdrawn")
    if not why.strip():
        raise UsageError("why: say why it is withdrawn")
    values = {"state": "withdrawn", "why": why, "remind_at": None}
    withdrawn = uow.promises.change(row.id, values, now, row.version)
    _finish_task(uow, row, "dropped", why, now)
    uow.audit.append(actor, "promise.withdrawn", ("promise", row.id), {"why": why}, now)
    return withdrawn


def answer_promise(
    uow: UnitOfWork,
    book: Book,
    promise_id: int,
    name: str,
    text: str,
    *,
    is_confirmed: bool,
    now: datetime,
) -> tuple[str, Answered]:
    """Give the answer that was promised, in the conversation, in a person's name; keep with it.

    The conversation stays with whoever has it, the bot too.

    Returns:
        The conversation's id; the events to push, and what the guard warns of.

    Raises:
        NotAllowedError: no such user, or somebody else talks with this customer.
        NotFoundError: there is none. UsageError: no answer is owed, or the text is not fit.
    """
    person = sign_in(uow, name, now)
    row = _unsettled(uow, promise_id)
    if row.kind != FIND_OUT:
        raise UsageError(f"promise {row.id} is no answer ({row.kind}): use ./prelude promises keep")
    record = uow.conversations.get(row.conversation_id)
    if record.owner == "agent" and record.agent_name != name:
        raise NotAllowedError(f"{record.agent_name} talks with this customer: let them answer")
    warnings = check_text(uow, book, person, record.id, text, is_confirmed=is_confirmed, now=now)
    keep_promise(uow, row.id, person.code, now, "answered")
    message = uow.messages.add(
        record.id, sender="agent", sender_name=name, text=text, state="sent", now=now
    )
    return record.id, Answered([event_of(message)], warnings, message.id)


def move_promise(
    uow: UnitOfWork, task_id: int, text: str, times: PromiseTimes, now: datetime
) -> None:
    """Give the promise of a task the day that the customer names instead."""
    for row in uow.promises.open_of_task(task_id):
        moved = {
            "text": text,
            "due_at": times.due_at,
            "remind_at": times.remind_at,
            "broken_after": times.broken_after,
        }
        uow.promises.change(row.id, moved, now)


def actor_of(uow: UnitOfWork, name: str) -> str:
    """Return by what the audit trail names a person; `cli` for nobody in particular."""
    person = uow.staff.find(name) if name else None
    return person.code if person else "cli"


def _unsettled(uow: UnitOfWork, promise_id: int) -> PromiseRecord:
    """Return a promise that may still be kept: open, or broken and nothing came since."""
    row = uow.promises.get(promise_id)
    if row.state not in ("open", "broken") or row.kept_at is not None:
        raise UsageError(f"promise {row.id} is settled already: {row.state}")
    if row.state == "broken":
        for each in uow.promises.open_of_task(row.task_id or 0):
            raise UsageError(f"promise {row.id} is broken; in its place is promise {each.id}")
    return row


def _finish_task(
    uow: UnitOfWork, row: PromiseRecord, state: str, result: str, now: datetime
) -> None:
    if row.task_id is not None and uow.tasks.get(row.task_id).state == "open":
        uow.tasks.change(row.task_id, {"state": state, "result": result}, now)
