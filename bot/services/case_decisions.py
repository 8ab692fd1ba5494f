"""What is written when a case is decided, and its remedies offered, answered, carried out.

The moves of D-CMP-5 (4) to (6), as `case_moves` has the others. What the bot may not do here,
whatever the process says, is refused: to decline, to overrule a person, to grant what the shop does
not let it grant (`case_remedies`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bot.errors import NotAllowedError, UsageError
from bot.services import case_bodies as bodies
from bot.services import case_remedies as remedies
from bot.services.case_work import Effect, Work, said_in

BOT = "bot"  # a role, and by what the bot is named


def _decide(work: Work, body: bodies.Decide) -> Effect:
    if body.outcome != "decline" and not body.able:
        raise UsageError("able: what we are not able to do cannot be accepted; decide otherwise")
    if work.mover.role == BOT and body.outcome == "decline":
        raise NotAllowedError("outcome: a person declines, with reasons")
    if work.mover.role == BOT and work.case.decided_by not in (None, BOT):
        raise NotAllowedError("outcome: a person has decided")
    values = {
        "decision": body.outcome,
        "is_reasonable": body.reasonable,
        "is_our_duty": body.must,
        "is_possible": body.able,
        "how": body.how or None,
        "reason": body.reason,
        "decided_by": work.mover.actor,
        "customer_answer": None,
        "told_at": None,
    }
    return Effect(values, said_in(body))


def _propose(work: Work, body: bodies.Propose) -> Effect:
    made = remedies.propose(
        work.uow, work.process, work.case, body, work.mover.actor, work.mover.role, work.now
    )
    said = {"proposal": made.ordinal, "approver": made.approver}
    return Effect({"told_at": None}, {**said_in(body), **said})


def _approve(work: Work, body: bodies.Choose) -> Effect:
    return _judge(work, body, "ready")


def _refuse(work: Work, body: bodies.Refuse) -> Effect:
    return _judge(work, body, "refused")


def _judge(work: Work, body: bodies.Choose | bodies.Refuse, state: str) -> Effect:
    row = remedies.chosen(work.proposals, body.proposal, "waiting")
    may = work.process.approvers[row.approver]  # type: ignore[index]
    if work.mover.role not in may:
        raise NotAllowedError(f"proposal {row.ordinal}: not for {work.mover.role}, but for {may}")
    work.uow.proposals.change(row.id, work.now, state=state, approved_by=work.mover.actor)
    return Effect({}, {**said_in(body), "proposal": row.ordinal})


def _drop(work: Work, body: bodies.Choose) -> Effect:
    row = remedies.chosen(work.proposals, body.proposal, "waiting", "ready", "offered")
    work.uow.proposals.change(row.id, work.now, state="dropped")
    return Effect({}, {**said_in(body), "proposal": row.ordinal})


def _communicate(work: Work, body: bodies.Communicate) -> Effect:
    """Tell the customer; a declined claim names where else they may turn."""
    for row in work.proposals:
        if row.state == "ready":
            work.uow.proposals.change(row.id, work.now, state="offered")
    is_declined = work.case.decision == "decline"
    recourse = _recourse(work, body.recourse, is_needed=is_declined)
    return Effect({"told_at": work.now, "recourse": recourse}, said_in(body))


def _recourse(work: Work, named: list[str], *, is_needed: bool) -> list[str]:
    """Return where else the customer was told to turn, with what they had been told before."""
    known = work.process.recourse
    for each in named:
        if each not in known:
            raise UsageError(f"recourse: there is no {each!r}; there are {', '.join(known)}")
    told = named or (list(known) if is_needed else [])
    return list(dict.fromkeys([*work.case.recourse, *told]))


def _accept(work: Work, body: bodies.Answer) -> Effect:
    said = said_in(body)
    if any(row.state == "offered" for row in work.proposals):
        row = remedies.chosen(work.proposals, body.proposal, "offered")
        remedies.owe(work.uow, work.case, row, body.words, work.mover.name, work.now)
        said["proposal"] = row.ordinal
    elif body.proposal is not None:
        raise UsageError(f"proposal: {body.proposal} is not offered")
    return Effect({"customer_answer": "accepted"}, said)


def _reject(work: Work, body: bodies.Reject) -> Effect:
    """A no keeps the case open, and names where else they may turn."""
    remedies.turn_down(
        work.uow, work.proposals, body.proposal, "rejected", body.words, work.mover.actor, work.now
    )
    recourse = _recourse(work, body.recourse, is_needed=True)
    return Effect({"customer_answer": "rejected", "recourse": recourse}, said_in(body))


def _counter(work: Work, body: bodies.Counter) -> Effect:
    remedies.turn_down(
        work.uow, work.proposals, body.proposal, "countered", body.words, work.mover.actor, work.now
    )
    return Effect({"customer_answer": "countered"}, said_in(body))


def _carry_out(work: Work, body: bodies.Choose) -> Effect:
    row = remedies.chosen(work.proposals, body.proposal, "accepted")
    remedies.finish(work.uow, row, work.mover.actor, work.now)
    return Effect({}, {**said_in(body), "proposal": row.ordinal})


EFFECTS: dict[str, Callable[[Work, Any], Effect]] = {
    "decide": _decide,
    "propose": _propose,
    "approve": _approve,
    "refuse": _refuse,
    "drop": _drop,
    "communicate": _communicate,
    "accept": _accept,
    "reject": _reject,
    "counter": _counter,
    "carry_out": _carry_out,
}
