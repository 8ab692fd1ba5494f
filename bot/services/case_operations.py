"""What staff commands can ask about complaint cases: a part of `operations` (ISO 10002)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from msgspec import Struct

from bot.crm.cases import CaseFilter
from bot.crm.records import CaseRecord
from bot.crm.unit_of_work import UnitOfWork
from bot.errors import NotAllowedError
from bot.services.application import Application
from bot.services.case_alarms import list_alarms
from bot.services.case_board import board_of, read_file
from bot.services.case_opening import NewCase, enter_case
from bot.services.case_telling import tell_decision
from bot.services.case_work import Mover
from bot.services.cases import move_case, mover_of
from bot.services.queue import sign_in
from bot.services.said_promises import note_promises, read_promises

LISTED = 200
COMMUNICATE = "communicate"


class CaseList(Struct, frozen=True, forbid_unknown_fields=True):
    """List cases, newest first; `is_overdue`: those late for an answer or a solution."""

    is_open: bool | None = None
    is_overdue: bool = False
    stage: str | None = None
    severity: str | None = None
    owner: str | None = None


class CaseNumber(Struct, frozen=True, forbid_unknown_fields=True):
    """All about one case; `moves` are those that `name` may make."""

    number: str
    name: str = ""


class CaseMoveBy(Struct, frozen=True, forbid_unknown_fields=True):
    """Make a move of a case; `body` is what the move takes."""

    number: str
    move: str
    name: str
    body: dict[str, Any] = {}


class CaseEntry(Struct, frozen=True, forbid_unknown_fields=True):
    """Enter a complaint that was heard by phone, in the shop, by a dealer."""

    name: str
    case: NewCase


class Nothing(Struct, frozen=True, forbid_unknown_fields=True):
    """No arguments."""


async def _list(app: Application, args: CaseList) -> Any:
    now = app.clock.now()
    wanted = CaseFilter(
        stage=args.stage,
        owner=args.owner,
        severity=args.severity,
        is_open=args.is_open,
        overdue_at=now if args.is_overdue else None,
    )
    page = await app.database.read_async(lambda uow: uow.cases.page(wanted, limit=LISTED))
    return page.items


async def _show(app: Application, args: CaseNumber) -> Any:
    now = app.clock.now()

    def read(uow: UnitOfWork) -> Any:
        person = uow.staff.find(args.name) if args.name else None
        return read_file(uow, args.number, person.role if person else "manager", now)

    return await app.database.read_async(read)


async def _board(app: Application, _: Nothing) -> Any:
    now = app.clock.now()
    return await app.database.read_async(lambda uow: board_of(uow, now))


async def _alarms(app: Application, _: Nothing) -> Any:
    rows = await app.database.read_async(list_alarms)
    return [{**asdict(row), "seconds": row.seconds} for row in rows]


async def move_and_tell(
    app: Application,
    number: str,
    move: str,
    *,
    by: Callable[[UnitOfWork], Mover],
    body: dict[str, Any] | None = None,
    expected: int | None = None,
) -> CaseRecord:
    """Make a move of a case for staff, and tell the customer what they are to see of it.

    What its note tells of a call is read for promises (D-CUS-11).

    Raises:
        NotFoundError, VersionConflictError, NotAllowedError, UsageError: as `move_case` says.
    """
    now = app.clock.now()
    remark = (body or {}).get("note")
    found = await read_promises(app.engine, remark, now) if isinstance(remark, str) else ()

    def write(uow: UnitOfWork) -> tuple[CaseRecord, list[dict[str, Any]]]:
        who = by(uow)
        case = move_case(uow, number, move, by=who, now=now, body=body, expected=expected)
        talk = uow.conversations.get(case.conversation_id)
        if who.name:  # a program promises nothing
            rules, name = app.book.promises, who.name
            note_promises(uow, rules, talk, found, now, made_by=name, owner=name)
        return case, tell_decision(uow, app.book, case, now) if move == COMMUNICATE else []

    case, events = await app.database.write_async(write)
    if events:
        await app.notifier.publish(case.conversation_id, events)
    await app.tell_standing(case.conversation_id)
    if case.merged_into_id is not None:  # the other one took over what was graver here
        leading = await app.database.read_async(lambda uow: uow.cases.leading(case))
        await app.tell_standing(leading.conversation_id)
    return case


async def _move(app: Application, args: CaseMoveBy) -> Any:
    now = app.clock.now()
    return await move_and_tell(
        app, args.number, args.move, by=lambda uow: _mover(uow, args.name, now), body=args.body
    )


async def _enter(app: Application, args: CaseEntry) -> Any:
    now = app.clock.now()
    return await app.database.write_async(
        lambda uow: enter_case(uow, args.case, by=_mover(uow, args.name, now), now=now)
    )


def _mover(uow: UnitOfWork, name: str, now: datetime) -> Mover:
    """Return who makes a move; it must be somebody.

    Raises:
        NotAllowedError: there is no such user, or no name was given.
    """
    if not name:
        raise NotAllowedError("say who you are: --as NAME")
    return mover_of(sign_in(uow, name, now))


OPERATIONS: dict[str, tuple[type[Struct], Callable[[Application, Any], Awaitable[Any]]]] = {
    "case.list": (CaseList, _list),
    "case.show": (CaseNumber, _show),
    "case.board": (Nothing, _board),
    "case.alarms": (Nothing, _alarms),
    "case.move": (CaseMoveBy, _move),
    "case.enter": (CaseEntry, _enter),
}
