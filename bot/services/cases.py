"""Complaint cases: opened, added to, and moved, all through one function (ISO 10002, D-CMP-5).

`move_case` is the only way in which a case changes, whoever does it: staff by the API or the
terminal, the server by the clock, the bot and the customer in T2. It asks the process whether the
move is legal, and writes case, event, audit entry and webhook event together.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from bot.crm.records import CaseRecord
from bot.crm.unit_of_work import UnitOfWork
from bot.dialogue.case_clocks import Clocks, Timekeeper
from bot.dialogue.case_process import obstacle_to
from bot.dialogue.complaint import is_graver
from bot.errors import NotAllowedError, UsageError, VersionConflictError
from bot.knowledge.case_rules import Fact, Move, load_case_process
from bot.services.case_alarms import note_gravity
from bot.services.case_bodies import Close, read_body
from bot.services.case_events import CHANGED, IS_OVERDUE, tell_case
from bot.services.case_facts import clocks_of, columns_of, facts_of, timekeeper_of
from bot.services.case_moves import EFFECTS
from bot.services.case_work import Mover, Work
from bot.services.written import given

SERVER, BOT = Mover("server", "server"), Mover("bot", "bot")
OVERDUE_AT_ONCE = 50  # so that no transaction is long


def move_case(
    uow: UnitOfWork,
    number: str,
    move: str,
    *,
    by: Mover,
    now: datetime,
    body: dict[str, Any] | None = None,
    expected: int | None = None,
    message_id: int | None = None,
) -> CaseRecord:
    """Make a move of a case, if it is legal.

    Args:
        body: what the move takes (`bot.services.case_bodies`).
        expected: the version that the caller has seen; None for whatever it is.
        message_id: the customer's message on which it rests.

    Raises:
        NotFoundError, VersionConflictError: no such case, or not as the caller has seen it.
        NotAllowedError: not for this role.
        UsageError: not from this stage, something is not known yet, or the body does not fit.
    """
    process, case = load_case_process(), uow.cases.find(number)
    if expected not in (None, case.version):  # before anything else: it may be another case by now
        raise VersionConflictError("it was changed meanwhile: read it again")
    keeper, proposals = timekeeper_of(uow, case.severity), uow.proposals.of_case(case.id)
    facts = facts_of(process, case, proposals, is_late=keeper.is_late(clocks_of(case), now))
    said = read_body(move, body or {}) if move in EFFECTS else None
    obstacle = obstacle_to(process, move, facts, by.role, _told(said))
    if obstacle is not None or said is None:
        text = obstacle.text if obstacle else f"move: {move!r} is not known"
        raise NotAllowedError(text) if obstacle and obstacle.is_role else UsageError(text)
    rule = process.moves[move]
    effect = EFFECTS[move](Work(uow, process, case, proposals, by, keeper, now), said)
    values = dict(effect.values)
    if rule.to is not None and rule.to != case.stage:
        values["stage"] = rule.to
    values |= _run_clocks(uow, case, values, rule, by, now)
    stage = {"stage": values["stage"]} if "stage" in values else {}
    moved = uow.cases.change(
        case.id,
        values,
        actor=by.actor,
        verb=rule.verb,
        body={**effect.said, **stage},
        now=now,
        message_id=message_id,
    )
    uow.audit.append(by.actor, f"case.{rule.verb}", ("case", case.id), effect.said, now)
    tell_case(uow, IS_OVERDUE if move == "overdue" else CHANGED, moved, now)
    return _attend(uow, case, moved, by, now, message_id)


def _attend(
    uow: UnitOfWork,
    before: CaseRecord,
    case: CaseRecord,
    by: Mover,
    now: datetime,
    message_id: int | None,
) -> CaseRecord:
    """Harm and threats go to a supervisor at once and raise an alarm, whoever noted them."""
    if case.merged_into_id is not None and before.merged_into_id is None:
        note_gravity(uow, None, uow.cases.get(case.merged_into_id), now)
        return case
    is_theirs = by.role in load_case_process().approvers["supervisor"]
    if case.is_grave and not (before.is_grave or case.escalation_level or is_theirs):
        case = escalate_urgently(uow, case, now)
    note_gravity(uow, before, case, now, message_id=message_id)
    return case


def escalate_urgently(uow: UnitOfWork, case: CaseRecord, now: datetime) -> CaseRecord:
    """Tell a supervisor at once of bodily harm or a threat (D-CMP-4, 9)."""
    return move_case(uow, case.number, "escalate", by=BOT, now=now, body={"why": "urgent"})


def _told(body: object) -> set[Fact]:
    """Return what a move's own body tells."""
    return {"level"} if isinstance(body, Close) and body.cause_level is not None else set()


def _run_clocks(
    uow: UnitOfWork,
    case: CaseRecord,
    values: dict[str, Any],
    rule: Move,
    by: Mover,
    now: datetime,
) -> dict[str, Any]:
    """Return the clocks as they stand after a move."""
    process = load_case_process()
    after = replace(case, **values)
    keeper = timekeeper_of(uow, after.severity)
    clocks = clocks_of(after)
    if is_graver(after.severity, case.severity):
        clocks = keeper.tighten(clocks, case.opened_at)
    if rule.starts:
        clocks = keeper.start(now)
    if rule.resumes:
        clocks = keeper.resume(clocks, now)
    if rule.pauses:
        clocks = keeper.pause(clocks, now)
    if "first_answer" in rule.stops and by.role in process.first_answer_by:
        clocks = replace(clocks, first_answered_at=clocks.first_answered_at or now)
    known = facts_of(process, after, uow.proposals.of_case(case.id)).known
    if "solution" in rule.stops and {"accepted", "remedied"} <= known:
        clocks = replace(
            clocks, resolved_at=clocks.resolved_at or now, paused_at=None, resume_by=None
        )
    return {**columns_of(clocks), "watch_at": _watch_at(keeper, clocks, after.stage)}


def _watch_at(keeper: Timekeeper, clocks: Clocks, stage: str) -> datetime | None:
    return keeper.watch_at(clocks) if keeper.process.is_open(stage) else None


class CaseChange(Struct, frozen=True, forbid_unknown_fields=True):
    """What a caller may do to a case in short: give it to somebody, note something."""

    owner: Annotated[str, Meta(min_length=1, max_length=80)] | UnsetType = UNSET
    note: Annotated[str, Meta(min_length=1, max_length=2000)] | UnsetType = UNSET


def change_case(
    uow: UnitOfWork,
    number: str,
    change: CaseChange,
    *,
    by: Mover,
    now: datetime,
    expected: int | None = None,
) -> CaseRecord:
    """Assign a case or note something, each a move; an owner who has it already gets it not again.

    Raises:
        NotFoundError, VersionConflictError: no such case, or not as the caller has seen it.
        NotAllowedError, UsageError: as `move_case` says.
    """
    case, values = uow.cases.find(number), given(change)
    if expected not in (None, case.version):  # also when there is nothing to change
        raise VersionConflictError("it was changed meanwhile: read it again")
    if values.get("owner", case.owner) != case.owner:
        body = {"owner": values["owner"]}
        case = move_case(uow, number, "assign", by=by, now=now, body=body)
    if "note" in values:
        case = move_case(uow, number, "note", by=by, now=now, body={"note": values["note"]})
    return case


def note_answer(uow: UnitOfWork, conversation_id: str, name: str, now: datetime) -> None:
    """A person has written to the customer: if a case waits for its first answer, this is it."""
    case, person = uow.cases.open_case_of(conversation_id), uow.staff.find(name)
    if case is None or person is None or case.first_answered_at is not None:
        return
    if person.role in load_case_process().moves["speak"].by:
        move_case(uow, case.number, "speak", by=mover_of(person), now=now)


def note_overdue(uow: UnitOfWork, now: datetime) -> int:
    """Look at some open cases whose time has come; return how many, 0 when none is left.

    A pause that has lasted too long ends; what is late goes one level up, each level once.
    """
    for looked_at in range(OVERDUE_AT_ONCE):
        case = uow.cases.next_to_watch(now)
        if case is None:
            return looked_at
        keeper, clocks = timekeeper_of(uow, case.severity), clocks_of(case)
        if clocks.resume_by is not None and clocks.resume_by < now:
            move_case(uow, case.number, "resume", by=SERVER, now=now)
        elif keeper.is_late(clocks, now):
            move_case(uow, case.number, "overdue", by=SERVER, now=now)
        else:  # the opening hours, or the rules, are others by now
            uow.cases.watch(case.id, keeper.watch_at(clocks))
    return OVERDUE_AT_ONCE


def mover_of(person: Any) -> Mover:
    """Return a person of the shop, or a program, as one who makes moves."""
    return Mover(person.code, person.role, person.name)
