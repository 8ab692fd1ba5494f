"""Proposals of a case: within whose limit they are, what is owed once accepted (D-CMP-5, 6)."""

from __future__ import annotations

from datetime import datetime

from bot.clock import start_of_day
from bot.crm.records import CaseRecord, ProposalRecord
from bot.crm.unit_of_work import UnitOfWork
from bot.dialogue.promises import times_of, usual_due
from bot.dialogue.turn import CreateTask, MakePromise
from bot.errors import UsageError
from bot.knowledge.book import load_book
from bot.knowledge.case_rules import CaseProcess, Role
from bot.services.case_bodies import Propose
from bot.services.promises import BOT, keep_promise, store_promise, withdraw_promise
from bot.services.shop import read_shop

REMEDY = "remedy"  # kind of promise


def propose(
    uow: UnitOfWork,
    process: CaseProcess,
    case: CaseRecord,
    body: Propose,
    actor: str,
    role: Role,
    now: datetime,
) -> ProposalRecord:
    """Store a proposal; what is above the proposer's limit waits for approval.

    Raises:
        UsageError: an unknown limit, or a value without one.
    """
    approver = _approver(uow, case, body, now)
    if approver and role in process.approvers[approver]:  # type: ignore[index]
        approver = ""
    return uow.proposals.add(
        case.id,
        now,
        made_by=actor,
        kind=body.kind,
        text=body.text,
        limit_id=body.limit,
        value_fen=body.value_fen,
        approver=approver,
        state="waiting" if approver else "ready",
    )


def _approver(uow: UnitOfWork, case: CaseRecord, body: Propose, now: datetime) -> str:
    """Return who must approve: nobody within the limit of the customer's day."""
    if body.kind == "moral" and (body.value_fen or body.limit):
        raise UsageError("value_fen: what costs something is material")
    if not body.limit:
        return "manager" if body.value_fen else ""
    limits = {each.id: each for each in read_shop(uow).limits}
    limit = limits.get(body.limit)
    if limit is None:
        raise UsageError(f"limit: there is no {body.limit!r}; there are {', '.join(limits)}")
    if limit.max_fen is None:
        return ""
    since = start_of_day(now)
    granted = uow.concessions.granted_since(case.conversation_id, case.customer_id, since)
    offered = uow.proposals.value_since(case.id, case.customer_id, limit.id, since)
    total = granted.get(limit.id, 0) + offered + body.value_fen
    return "" if total <= limit.max_fen else limit.approver_above


def chosen(proposals: list[ProposalRecord], ordinal: int | None, *states: str) -> ProposalRecord:
    """Return the named proposal of these states, or the only one.

    Raises:
        UsageError: there is none, or several and none was named.
    """
    fitting = [
        row
        for row in proposals
        if row.state in states and (ordinal is None or row.ordinal == ordinal)
    ]
    if len(fitting) == 1:
        return fitting[0]
    there = [row.ordinal for row in proposals if row.state in states]
    if not there:
        raise UsageError(f"proposal: none is {' or '.join(states)}")
    raise UsageError(f"proposal: name one of {', '.join(map(str, there))}")


def owe(
    uow: UnitOfWork, case: CaseRecord, row: ProposalRecord, words: str, name: str, now: datetime
) -> None:
    """Note that the customer has accepted; what is material is promised from now on (D-CUS-11).

    A moral one (an apology, a word of thanks) is done by having been said.
    """
    if row.kind == "moral":
        uow.proposals.change(row.id, now, state="done", answer=words)
        return
    promise_id = _promise(uow, case, row, name, now)
    uow.proposals.change(row.id, now, state="accepted", answer=words, promise_id=promise_id)


def _promise(
    uow: UnitOfWork, case: CaseRecord, row: ProposalRecord, name: str, now: datetime
) -> int | None:
    """Promise the remedy; None where no day can be named, then it is owed without one."""
    rules, hours = load_book().promises, read_shop(uow).hours
    due_at = usual_due(rules, REMEDY, hours, now)
    if due_at is None:
        return None
    command = MakePromise(
        kind=REMEDY,
        text=row.text,
        owner=case.owner,
        times=times_of(rules, REMEDY, hours, due_at, now),
        task=CreateTask(kind=REMEDY, contact="", due="", note=row.text, due_at=due_at),
        about=f"case.{case.number}",
    )
    conversation = uow.conversations.get(case.conversation_id)
    return store_promise(uow, command, conversation, now, made_by=name or BOT).id


def turn_down(
    uow: UnitOfWork,
    proposals: list[ProposalRecord],
    ordinal: int | None,
    state: str,
    words: str,
    actor: str,
    now: datetime,
) -> None:
    """Note that the customer wants the named proposal not, or none of them.

    Raises:
        UsageError: the named one is not offered.
    """
    on_the_table = ("offered", "accepted")
    rows = [row for row in proposals if row.state in on_the_table]
    if ordinal is not None:
        rows = [chosen(proposals, ordinal, *on_the_table)]
    for row in rows:
        if row.promise_id is not None and uow.promises.get(row.promise_id).state == "open":
            withdraw_promise(uow, row.promise_id, state, actor, now)
        uow.proposals.change(row.id, now, state=state, answer=words)


def finish(uow: UnitOfWork, row: ProposalRecord, actor: str, now: datetime) -> None:
    """Note that an accepted remedy was carried out; its promise is kept, by the clock."""
    if row.promise_id is not None:
        promise = uow.promises.get(row.promise_id)
        is_replaced = any(uow.promises.open_of_task(promise.task_id or 0))
        if promise.kept_at is None and (promise.state == "open" or not is_replaced):
            if promise.state in ("open", "broken"):
                keep_promise(uow, row.promise_id, actor, now)
    uow.proposals.change(row.id, now, state="done")
