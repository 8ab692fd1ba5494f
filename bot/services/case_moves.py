"""What each move of a case writes. Whether it is legal was asked before (`bot.services.cases`).

A function a move: it takes what the move says and returns the columns that it sets and the body of
its event. Proposals, promises, tasks and other cases it changes itself. Here is what a case goes
through but for the decision and its remedies, which are in `case_decisions`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bot.dialogue.case_process import RANKS, priority_of, severity_of
from bot.dialogue.complaint import is_graver
from bot.errors import NotAllowedError, UsageError
from bot.services import case_bodies as bodies
from bot.services import case_decisions
from bot.services.case_events import CHANGED, tell_case
from bot.services.case_trouble import same_trouble_before
from bot.services.case_work import Effect, Work, raise_level, said_in
from bot.services.case_work import Mover as Mover

THREATS = ("authority", "media", "legal")  # a crisis (D-CMP-9)
HARMS = ("bodily", "mental", "economic")
URGENT_REACTION = "angry"


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
    **case_decisions.EFFECTS,
    "acknowledge": _acknowledge,
    "assess": _assess,
    "investigate": _investigate,
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
