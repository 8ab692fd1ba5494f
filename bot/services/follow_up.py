"""Follow-up calls: scheduled once after a case, with a script, and their result recorded.

A call is a task; its answer is kept as a talk of the channel `phone` with its rating, so it counts
like any other (D-CMP-10, D-CUS-9, D-SEL-13). A bad answer goes to a supervisor and into the case.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, Literal

from msgspec import Meta, Struct

from bot.crm.cases import CaseFilter
from bot.crm.database import Database
from bot.crm.records import CaseRecord, TaskRecord
from bot.crm.tasks import TaskFilter
from bot.crm.unit_of_work import UnitOfWork
from bot.dialogue.business_time import after, local
from bot.dialogue.following_up import (
    Happened,
    call_after,
    is_bad,
    is_contradictory,
    origin_of,
    script_of,
)
from bot.errors import UsageError
from bot.knowledge.case_rules import load_case_process
from bot.knowledge.follow_up_rules import FollowUpRules, load_follow_up_rules
from bot.services.asking_after import is_refused
from bot.services.case_moves import Mover
from bot.services.cases import move_case
from bot.services.customers import LOGIN, PHONE
from bot.services.reception import hash_of
from bot.services.shop import read_shop
from bot.services.tasks import TaskChange, change_task
from bot.services.written import check_moment

CASES_AT_ONCE = 25
SHOWN_CHARS = 200
CALL_BACK = "call_back"


class CallResult(Struct, frozen=True, forbid_unknown_fields=True):
    """What came of a call.

    Attributes:
        score, expectation, again: as in the survey; left out what was not answered.
        solved: whether the matter is, in the customer's eyes.
        words: what the customer said; `next`: what was agreed on.
        call_at: when to call again who was not reached.
    """

    reached: bool
    score: Annotated[int, Meta(ge=1, le=5)] | None = None
    expectation: Literal["", "worse", "as", "better"] = ""
    again: Literal["", "yes", "no"] = ""
    solved: bool | None = None
    words: Annotated[str, Meta(max_length=1000)] = ""
    next: Annotated[str, Meta(max_length=500)] = ""
    call_at: datetime | None = None


@dataclass(frozen=True)
class Recorded:
    """The task as it is now; the supervisor's task and the reopened case, if it came to that."""

    task: TaskRecord
    follow_up_task: int | None = None
    case_number: str | None = None
    is_reopened: bool = False


# --- scheduling -----------------------------------------------------------------------------


async def schedule_calls(database: Database, now: datetime) -> AsyncIterator[None]:
    """Schedule the call about every case that was mended or closed lately; yields in between."""
    while await database.write_async(partial(_drop_one, now=now)):
        yield
    rules, before_id = load_follow_up_rules(), None
    wanted = CaseFilter(updated_since=now - timedelta(days=rules.too_late_days))
    while True:
        step = partial(_look, wanted=wanted, before_id=before_id, now=now)
        numbers, before_id = await database.read_async(step)
        for number in numbers:
            await database.write_async(partial(_schedule, number=number, now=now))
            yield
        if before_id is None:
            return


def _look(
    uow: UnitOfWork, wanted: CaseFilter, before_id: int | None, now: datetime
) -> tuple[list[str], int | None]:
    """Return the cases of a page about which a call is to be scheduled, and the next page."""
    page = uow.cases.page(wanted, before_id=before_id, limit=CASES_AT_ONCE)
    return [each.number for each in page.items if _call(uow, each, now)], page.next_id


@dataclass(frozen=True)
class _Planned:
    origin: str
    due_at: datetime
    contact: str


def _call(uow: UnitOfWork, case: CaseRecord, now: datetime) -> _Planned | None:
    """Return the call that is still to be scheduled about a case, if there is one."""
    if case.merged_into_id is not None:
        return None
    events = _events(uow, case)
    call = call_after(load_follow_up_rules(), read_shop(uow).hours, case.number, events, now)
    if call is None or uow.tasks.has_origin(call.origin) or _is_owed(uow, case):
        return None
    contact = _contact(uow, case)
    return None if contact is None else _Planned(call.origin, call.due_at, contact)


def _events(uow: UnitOfWork, case: CaseRecord) -> list[Happened]:
    return [Happened(each.verb, each.created_at) for each in uow.cases.events_of(case.number)]


def _is_owed(uow: UnitOfWork, case: CaseRecord) -> bool:
    return any(each.state == "accepted" for each in uow.proposals.of_case(case.id))


def _contact(uow: UnitOfWork, case: CaseRecord) -> str | None:
    """Return the number to call, '' for whom the shop knows otherwise; None: nobody may be called.

    The number that was left for a call-back in the same talk is as good as one on the card.
    """
    is_ended = case.ended_at is not None  # they cannot be reached, or want no more of it
    if is_ended or is_refused(uow, uow.conversations.get(case.conversation_id)):
        return None
    customer_id = case.customer_id
    known = {
        each.kind: each.value
        for each in (uow.customers.identities(customer_id) if customer_id is not None else ())
    }
    if customer_id is not None and uow.customers.get(customer_id).contact_refused_at is not None:
        return None
    if PHONE in known:
        return known[PHONE]
    left = TaskFilter(conversation_id=case.conversation_id, kind=CALL_BACK)
    number = next((each.contact for each in uow.tasks.page(left).items if each.contact), "")
    return number if number or LOGIN in known else None


def _schedule(uow: UnitOfWork, number: str, now: datetime) -> None:
    case = uow.cases.find(number)
    planned = _call(uow, case, now)
    if planned is None:
        return
    uow.tasks.add(
        load_follow_up_rules().kind,
        now,
        origin=planned.origin,
        customer_id=case.customer_id,
        case_id=case.id,
        contact=planned.contact,
        due_at=planned.due_at,
        note=_script(uow, case),
    )


def _script(uow: UnitOfWork, case: CaseRecord) -> str:
    rules = load_follow_up_rules()
    opened = local(case.opened_at)
    done = [each.text for each in uow.proposals.of_case(case.id) if each.state == "done"]
    facts = {
        "name": uow.customers.get(case.customer_id).name if case.customer_id else "",
        "shop_name": read_shop(uow).profile.name,
        "case_number": case.number,
        "opened_on": rules.date_format.format(month=opened.month, day=opened.day),
        "remedies": rules.list_separator.join(done),
    }
    return script_of(rules, facts)


def _drop_one(uow: UnitOfWork, now: datetime) -> bool:
    """Drop a call that is out of place by now: the case was taken up anew, the customer refuses."""
    wanted = TaskFilter(state="open", kind=load_follow_up_rules().kind)
    before_id = None
    while True:
        page = uow.tasks.page(wanted, before_id=before_id)
        for task in page.items:
            why = _out_of_place(uow, task)
            if why:
                uow.tasks.change(task.id, {"state": "dropped", "result": why}, now)
                return True
        if page.next_id is None:
            return False
        before_id = page.next_id


def _out_of_place(uow: UnitOfWork, task: TaskRecord) -> str:
    if task.case_id is None:
        return ""
    case = uow.cases.get(task.case_id)
    if case.merged_into_id is not None:
        return "merged"
    if origin_of(case.number, _events(uow, case)) != task.origin:
        return "case reopened"
    return "wants no contact" if _contact(uow, case) is None else ""


# --- recording ------------------------------------------------------------------------------


def follow_ups(uow: UnitOfWork, due_before: datetime | None, limit: int) -> list[TaskRecord]:
    """Return the open calls, the one due first in front."""
    kinds = load_follow_up_rules().kinds
    found = [
        task
        for kind in kinds
        for task in uow.tasks.page(
            TaskFilter(state="open", kind=kind, due_before=due_before), limit=limit
        ).items
    ]
    return sorted(found, key=lambda each: (each.due_at is None, each.due_at, each.id))[:limit]


def find_call(uow: UnitOfWork, task_id: int) -> TaskRecord:
    """Return a call.

    Raises:
        NotFoundError: there is no such task. UsageError: it is no call.
    """
    task = uow.tasks.get(task_id)
    if task.kind not in load_follow_up_rules().kinds:
        raise UsageError(f"task {task_id} is a {task.kind}, not a follow-up call")
    return task


def record_call(
    uow: UnitOfWork,
    task_id: int,
    result: CallResult,
    *,
    by: Mover,
    now: datetime,
    expected: int | None = None,
) -> Recorded:
    """Write down what came of a call.

    Raises:
        NotFoundError, VersionConflictError: no such task, or not as the caller has seen it.
        UsageError: it is no open call, or the result says nothing or two things at once.
    """
    task = find_call(uow, task_id)
    if task.state != "open":
        raise UsageError(f"state: this call is {task.state} and stays as it is")
    _check(result)
    rules = load_follow_up_rules()
    if not result.reached:
        change = _try_again(uow, rules, task, result, now)
        return Recorded(
            change_task(uow, task_id, change, actor=by.actor, now=now, expected=expected)
        )
    change = TaskChange(state="done", result=_told(result))
    done = change_task(uow, task_id, change, actor=by.actor, now=now, expected=expected)
    if result.score is not None:
        talk_id = _keep_rating(uow, task, result, result.score, now)
        done = uow.tasks.change(task_id, {"conversation_id": talk_id}, now)
    return _look_after(uow, rules, done, result, by, now)


def _check(result: CallResult) -> None:
    check_moment("call_at", result.call_at)
    answers = (result.score, result.expectation, result.again, result.solved, result.words)
    is_told = any(each not in (None, "") for each in answers)
    if result.reached and not is_told:
        raise UsageError("result: say what came of the call: score, solved or words")
    if not result.reached and is_told:
        raise UsageError("reached: who was not reached has said nothing")
    if result.reached and result.call_at is not None:
        raise UsageError("call_at: is for who was not reached")


def _try_again(
    uow: UnitOfWork, rules: FollowUpRules, task: TaskRecord, result: CallResult, now: datetime
) -> TaskChange:
    """Note an attempt; after the last one the call is given up."""
    line = f"not reached {local(now):%Y-%m-%d %H:%M}"
    lines = [*task.result.splitlines(), f"{line}; next: {result.next}" if result.next else line]
    text = "\n".join(lines)
    if len(lines) >= rules.attempts:
        return TaskChange(state="dropped", result=text)
    again_at = result.call_at or after(read_shop(uow).hours, now, rules.again_after_minutes)
    return TaskChange(result=text, due_at=again_at)


def _told(result: CallResult) -> str:
    """Return a result as people read it: figures first, then words."""
    answers = {
        "score": result.score,
        "expectation": result.expectation,
        "again": result.again,
        "solved": {True: "yes", False: "no"}.get(result.solved)
        if result.solved is not None
        else "",
    }
    figures = "; ".join(f"{name}: {value}" for name, value in answers.items() if value)
    if is_contradictory(result.score, result.again):
        figures += " (satisfied, but would not buy again)"
    following = f"next: {result.next}" if result.next else ""
    return "\n".join(each for each in (figures, result.words, following) if each)


def _keep_rating(
    uow: UnitOfWork, task: TaskRecord, result: CallResult, score: int, now: datetime
) -> str:
    """Keep the rating under a talk of its own, which nobody can open; return its id."""
    talk_id = secrets.token_hex(12)
    token_hash = hash_of(secrets.token_urlsafe(32))
    uow.conversations.create(talk_id, token_hash, "phone", now, task.customer_id)
    uow.conversations.add_satisfaction(
        talk_id,
        score=score,
        expectation=result.expectation,
        again=result.again,
        comment=result.words,
        created_at=now,
    )
    return talk_id


def _look_after(
    uow: UnitOfWork,
    rules: FollowUpRules,
    task: TaskRecord,
    result: CallResult,
    by: Mover,
    now: datetime,
) -> Recorded:
    """Put the result into the case; a bad one goes to a supervisor, once."""
    case = uow.cases.leading(uow.cases.get(task.case_id)) if task.case_id is not None else None
    told = _told(result).replace("\n", "; ")
    is_reopened = False
    if case is not None:
        move_case(uow, case.number, "note", by=by, now=now, body={"note": f"call: {told}"})
        if result.solved is False and _may_reopen(case, by):
            why = f"follow-up call: {told}"
            reopened = move_case(uow, case.number, "reopen", by=by, now=now, body={"why": why})
            is_reopened = True
            if reopened.escalation_level > case.escalation_level:  # it has told a supervisor
                return Recorded(task, None, case.number, is_reopened)
    number = case.number if case is not None else None
    if not is_bad(result.score, result.solved):
        return Recorded(task, None, number)
    return Recorded(
        task, _tell_supervisor(uow, rules, task, number, told, now), number, is_reopened
    )


def _may_reopen(case: CaseRecord, by: Mover) -> bool:
    move = load_case_process().moves["reopen"]
    return case.stage in move.from_ and by.role in move.may(case.is_grave)


def _tell_supervisor(
    uow: UnitOfWork,
    rules: FollowUpRules,
    task: TaskRecord,
    number: str | None,
    told: str,
    now: datetime,
) -> int:
    text = rules.bad.note if number is None else rules.bad.case_note
    return uow.tasks.add(
        rules.bad.kind,
        now,
        origin=f"{rules.bad.kind}:{task.id}",
        customer_id=task.customer_id,
        case_id=task.case_id,
        order_id=task.order_id,
        contact=task.contact,
        due_at=after(read_shop(uow).hours, now, rules.bad.within_minutes),
        owner=rules.bad.owner,
        note=text.format_map({"case_number": number or "", "result": told[:SHOWN_CHARS]}),
    )


def called_talk(uow: UnitOfWork, case_id: int) -> str | None:
    """Return the talk under which the rating of the newest call about a case is kept."""
    wanted = TaskFilter(case_id=case_id, kind=load_follow_up_rules().kind)
    talks = (each.conversation_id for each in uow.tasks.page(wanted).items)
    return next((each for each in talks if each), None)
