"""Proposals of a case: within whose limit they are, what is owed once accepted (D-CMP-5, 6).

What the bot may offer is decided here and nowhere else: a remedy that the shop lets it grant,
within its limit. `bot.dialogue.remedies` only proposes.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bot.crm.records import CaseRecord, ProposalRecord
from bot.crm.unit_of_work import UnitOfWork
from bot.dialogue.promises import times_of, usual_due
from bot.dialogue.turn import CreateTask, MakePromise
from bot.errors import NotAllowedError, UsageError
from bot.knowledge.book import load_book
from bot.knowledge.case_rules import CaseProcess, Role
from bot.knowledge.remedy_rules import GRANTORS, Remedy, causes_put_right
from bot.knowledge.shop import Shop
from bot.services.case_bodies import Propose
from bot.services.granted import granted_today
from bot.services.promises import BOT, keep_promise, store_promise, withdraw_promise
from bot.services.shop import read_shop

REMEDY = "remedy"  # kind of promise
PROPOSED = "proposed"  # verb of the move `propose`


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
        UsageError: an unknown limit or remedy, a value without a limit, or not as its remedy says.
        NotAllowedError: the bot, of what the shop does not let it grant.
    """
    shop = read_shop(uow)
    remedy = _remedy(shop, body)
    approvers = _approvers(uow, shop, case, body, now)
    if role == BOT:
        _check_bot(case, body, remedy, approvers)
    elif remedy is not None and remedy.grants != BOT:
        approvers.append(remedy.grants)
    waits_for = [each for each in GRANTORS if each in approvers and role not in _may(process, each)]
    approver = waits_for[-1] if waits_for else ""
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


def _may(process: CaseProcess, approver: str) -> list[Role]:
    """Return who may approve what waits for an approver."""
    return process.approvers[approver]  # type: ignore[index]


def _remedy(shop: Shop, body: Propose) -> Remedy | None:
    """Return the shop's remedy that is offered, None for one in somebody's own words.

    Raises:
        UsageError: there is none with this id, or it is of another kind, limit or value.
    """
    if not body.remedy:
        return None
    remedy = next((each for each in shop.remedies if each.id == body.remedy), None)
    if remedy is None:
        raise UsageError(f"remedy: remedies.yml has no {body.remedy!r}")
    if (body.kind, body.limit) != (remedy.kind, remedy.limit):
        against = f"against {remedy.limit!r}" if remedy.limit else "against no limit"
        raise UsageError(f"remedy: {remedy.id!r} is {remedy.kind} and counts {against}")
    if remedy.value in ("nothing", "fixed") and body.value_fen != remedy.value_fen:
        raise UsageError(f"value_fen: {remedy.id!r} costs {remedy.value_fen}")
    return remedy


def _check_bot(
    case: CaseRecord, body: Propose, remedy: Remedy | None, approvers: Sequence[str]
) -> None:
    """Let the bot offer what the shop lets it grant, and nothing else.

    Raises:
        NotAllowedError: it says what stands against it.
    """
    if remedy is None:
        raise NotAllowedError("remedy: the bot offers only what remedies.yml lists")
    if remedy.grants != BOT:
        raise NotAllowedError(f"remedy: {remedy.id!r} is granted by {remedy.grants}")
    if case.is_grave:
        raise NotAllowedError("remedy: bodily harm or a threat is no matter for the bot")
    if case.follows_id is not None:
        raise NotAllowedError("remedy: the same trouble again is a matter for people")
    if not remedy.suits(causes_put_right(case.causes, is_grave=case.is_grave)):
        raise NotAllowedError(f"remedy: {remedy.id!r} is not for {', '.join(case.causes)}")
    if approvers:
        raise NotAllowedError(
            f"value_fen: {body.value_fen} is not within a limit; {approvers[-1]} approves it"
        )


def _approvers(
    uow: UnitOfWork, shop: Shop, case: CaseRecord, body: Propose, now: datetime
) -> list[str]:
    """Return who must approve by the limits: nobody within the limit of the customer's day."""
    if body.kind == "moral" and (body.value_fen or body.limit):
        raise UsageError("value_fen: what costs something is material")
    if not body.limit:
        return ["manager"] if body.value_fen else []
    limits = {each.id: each for each in shop.limits}
    limit = limits.get(body.limit)
    if limit is None:
        raise UsageError(f"limit: there is no {body.limit!r}; there are {', '.join(limits)}")
    if limit.max_fen is None:
        return []
    granted = granted_today(uow, case.conversation_id, case.customer_id, now).get(limit.id, 0)
    return [] if granted + body.value_fen <= limit.max_fen else [limit.approver_above]


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

    A moral one (an apology, a word of thanks) is done by having been said, unless the shop lists
    it: then somebody has to call, to write, to invite.
    """
    if row.kind == "moral" and not _is_listed(uow, case, row):
        uow.proposals.change(row.id, now, state="done", answer=words)
        return
    promise_id = _promise(uow, case, row, name, now)
    uow.proposals.change(row.id, now, state="accepted", answer=words, promise_id=promise_id)


def _is_listed(uow: UnitOfWork, case: CaseRecord, row: ProposalRecord) -> bool:
    """Tell whether a proposal was made of a remedy of the shop; its event knows."""
    return any(
        each.body.get("proposal") == row.ordinal and each.body.get("remedy")
        for each in uow.cases.events_of(case.number)
        if each.verb == PROPOSED
    )


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
