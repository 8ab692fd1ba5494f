"""What each move of a case writes. Whether it is legal was asked before (`bot.services.cases`).

A function a move: it takes what the move says and returns the columns that it sets and the body of
its event. Proposals, promises, tasks and other cases it changes itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from bot.crm.records import CaseRecord, ProposalRecord
from bot.crm.unit_of_work import UnitOfWork
from bot.dialogue.case_clocks import Timekeeper
from bot.dialogue.case_process import RANKS, priority_of, severity_of
from bot.dialogue.complaint import is_graver
from bot.errors import NotAllowedError, UsageError
from bot.knowledge.case_rules import CaseProcess, Cause, Role
from bot.services import case_bodies as bodies
from bot.services import case_remedies as remedies
from bot.services.case_events import CHANGED, tell_case
from bot.services.case_trouble import same_trouble_before

THREATS = ("authority", "media", "legal")  # a crisis (D-CMP-9)
HARMS = ("bodily", "mental", "economic")
URGENT_REACTION = "angry"


class Mover(NamedTuple):
    """Who makes a move: by what the audit trail names them, their role, their name if a person."""

    actor: str
    role: Role
    name: str = ""


@dataclass(frozen=True)
class Work:
    """A move under way."""

    uow: UnitOfWork
    process: CaseProcess
    case: CaseRecord
    proposals: list[ProposalRecord]
    mover: Mover
    keeper: Timekeeper
    now: datetime


class Effect(NamedTuple):
    """The columns that a move sets, and what its event says."""

    values: dict[str, Any]
    said: dict[str, Any]


def said_in(body: bodies.Body) -> dict[str, Any]:
    """Return what a body says, without what it leaves out."""
    values = msgspec.to_builtins(body)
    return {name: value for name, value in values.items() if value not in (None, "", [], {})}


def raise_level(work: Work, cause: Cause) -> dict[str, Any]:
    """Go one level up, with a task for whoever has to hear of it; at the top nothing is left."""
    level = work.case.escalation_level + 1
    if level > len(work.process.escalation):
        return {}
    rule = work.process.escalation[level - 1]
    note = rule.task.format(number=work.case.number, why=work.process.escalated_because[cause])
    work.uow.tasks.add(
        "case_escalated",
        work.now,
        conversation_id=work.case.conversation_id,
        customer_id=work.case.customer_id,
        case_id=work.case.id,
        note=note,
        due_at=work.keeper.due_at("first_answer", work.now),
    )
    return {"escalation_level": level}


def _only_said(work: Work, body: bodies.Body) -> Effect:
    return Effect({}, said_in(body))


def _acknowledge(work: Work, body: bodies.Noted) -> Effect:
    return Effect({"acknowledged_at": work.now}, said_in(body))


def _assess(work: Work, body: bodies.Assess) -> Effect:
    """Note what is known now; bodily harm is taken back by a supervisor alone (D-CMP-4)."""
    case = work.case
    degrees: dict[str, str] = case.harm_degrees | dict(body.harm)
    outlets: dict[str, str] = case.outlets | dict(body.outlets)
    is_crisis = case.crisis or any(each in outlets for each in THREATS)
    reaction = body.reaction or case.reaction
    is_angry = reaction == URGENT_REACTION
    found = severity_of(degrees, is_crisis=is_crisis, is_angry=is_angry)
    severity = max(body.severity or case.severity, found, key=RANKS.index)
    if body.severity is None and len(degrees) == len(HARMS):  # all of it is known
        severity = found
    is_lowered = case.severity == "bodily" and severity != "bodily"
    if is_lowered and work.mover.role not in work.process.approvers["supervisor"]:
        raise NotAllowedError("severity: bodily harm is taken back by a supervisor alone")
    heard = [name for name, degree in degrees.items() if degree != "none"]
    values: dict[str, Any] = {
        "causes": body.causes or case.causes,
        "severity": severity,
        "reaction": reaction,
        "harm": [*case.harm, *(each for each in heard if each not in case.harm)],
        "harm_degrees": degrees,
        "outlets": outlets,
        "crisis": is_crisis,
        "dealer": body.dealer or case.dealer,
        "product_id": body.product_id or case.product_id,
        "wish": body.wish or case.wish,
    }
    lifted = priority_of(severity, is_crisis=is_crisis, is_angry=is_angry, small_ones=False)
    values["priority"] = max(case.priority, lifted) if not is_lowered else lifted
    return _follow(work, Effect(values, said_in(body)))


def _follow(work: Work, effect: Effect) -> Effect:
    """Go one level up if what is known now shows that it is the same trouble again."""
    values, said = effect
    earlier = same_trouble_before(
        work.uow, work.case, values["product_id"], values["causes"], work.now
    )
    if earlier is None or work.case.follows_id is not None:
        return effect
    follows = {"follows_id": earlier.id, **raise_level(work, "again")}
    return Effect({**values, **follows}, {**said, "follows": earlier.number})


def _investigate(work: Work, body: bodies.Investigate) -> Effect:
    return Effect({"finding": body.finding or work.case.finding}, said_in(body))


def _decide(work: Work, body: bodies.Decide) -> Effect:
    if body.outcome != "decline" and not body.able:
        raise UsageError("able: what we are not able to do cannot be accepted; decide otherwise")
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


def _end_contact(work: Work, body: bodies.Why) -> Effect:
    return Effect({"ended_at": work.now, "end_reason": body.why}, said_in(body))


def _close(work: Work, body: bodies.Close) -> Effect:
    values = {
        "closed_at": work.now,
        "close_reason": body.reason,
        "cause_level": body.cause_level or work.case.cause_level,
    }
    return Effect(values, said_in(body))


def _reopen(work: Work, body: bodies.Why) -> Effect:
    """Begin anew, one level up: everything has to be shown again before it is closed."""
    for row in work.proposals:
        if row.state in ("waiting", "ready", "offered"):
            work.uow.proposals.change(row.id, work.now, state="dropped")
    emptied = (
        *("acknowledged_at", "told_at", "ended_at", "closed_at", "resolved_at", "finding"),
        *("decision", "is_reasonable", "is_our_duty", "is_possible", "how", "reason"),
        *("decided_by", "customer_answer", "cause_level", "end_reason", "close_reason"),
    )
    values: dict[str, Any] = dict.fromkeys(emptied)
    return Effect({**values, **raise_level(work, "reopened")}, said_in(body))


def _assign(work: Work, body: bodies.Assign) -> Effect:
    return Effect({"owner": body.owner}, said_in(body))


def _take(work: Work, _: bodies.Body) -> Effect:
    owner = work.mover.name or work.mover.actor
    return Effect({"owner": owner}, {"owner": owner})


def _escalate(work: Work, body: bodies.Why) -> Effect:
    values = raise_level(work, "asked")
    return Effect(values, {**said_in(body), "level": values["escalation_level"]})


def _overdue(work: Work, _: bodies.Body) -> Effect:
    values = {"overdue_count": work.case.overdue_count + 1, **raise_level(work, "overdue")}
    return Effect(values, {"level": values.get("escalation_level", work.case.escalation_level)})


def _merge(work: Work, body: bodies.Merge) -> Effect:
    """Go on in another open case of the same customer, which takes what was graver here."""
    case, into = work.case, work.uow.cases.find(body.into)
    if into.id == case.id or not work.process.is_open(into.stage):
        raise UsageError(f"into: {into.number} is not another open case")
    if case.customer_id is None or case.customer_id != into.customer_id:
        raise UsageError("into: another customer's; merge the customers first, or link the cases")
    if any(row.state == "accepted" for row in work.proposals):
        raise UsageError("an accepted remedy is owed here: carry it out, or merge the other way")
    is_worse = is_graver(case.severity, into.severity)
    causes = [*into.causes, *(each for each in case.causes if each not in into.causes)]
    dues = [each for each in (case.solution_due_at, into.solution_due_at) if each is not None]
    values: dict[str, Any] = {
        "causes": [each for each in causes if each != "unknown"] or ["unknown"],
        "harm": [*into.harm, *(each for each in case.harm if each not in into.harm)],
        "harm_degrees": {**case.harm_degrees, **into.harm_degrees},
        "outlets": {**case.outlets, **into.outlets},
        "crisis": case.crisis or into.crisis,
        "severity": case.severity if is_worse else into.severity,
        "priority": max(case.priority, into.priority),
        "escalation_level": max(case.escalation_level, into.escalation_level),
        "deadline_at": min(case.deadline_at, into.deadline_at),
        "solution_due_at": min(dues, default=None),
        "watch_at": work.now,  # the server looks when it is due now
    }
    changed = work.uow.cases.change(
        into.id,
        values,
        actor=work.mover.actor,
        verb="absorbed",
        body={"number": case.number},
        now=work.now,
    )
    tell_case(work.uow, CHANGED, changed, work.now)
    work.uow.audit.append(
        work.mover.actor, "case.absorbed", ("case", into.id), {"number": case.number}, work.now
    )
    return Effect({"merged_into_id": into.id}, {"into": into.number})


def _link(work: Work, body: bodies.Link) -> Effect:
    """Follow an earlier case; the same customer's second failure goes one level up (D-CMP-10)."""
    case, to = work.case, work.uow.cases.find(body.to)
    if to.id >= case.id:
        raise UsageError(f"to: {to.number} is not an earlier case")
    is_news = case.follows_id is None and work.process.is_open(case.stage)
    is_theirs = case.customer_id is not None and case.customer_id == to.customer_id
    values: dict[str, Any] = {"follows_id": to.id}
    if is_news and is_theirs:
        values |= raise_level(work, "again")
    return Effect(values, {"to": to.number})


EFFECTS: dict[str, Callable[[Work, Any], Effect]] = {
    "acknowledge": _acknowledge,
    "assess": _assess,
    "investigate": _investigate,
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
    "wait": _only_said,
    "resume": _only_said,
    "speak": _only_said,
    "end_contact": _end_contact,
    "close": _close,
    "reopen": _reopen,
    "assign": _assign,
    "take": _take,
    "note": _only_said,
    "escalate": _escalate,
    "overdue": _overdue,
    "merge": _merge,
    "link": _link,
}
