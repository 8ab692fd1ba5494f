"""What staff commands can ask about follow-up calls: a part of `operations` (D-SEL-13)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from msgspec import Struct

from bot.services.application import Application
from bot.services.cases import mover_of
from bot.services.follow_up import CallResult, find_call, follow_ups, record_call
from bot.services.queue import sign_in

LISTED = 200


class CallList(Struct, frozen=True, forbid_unknown_fields=True):
    """List the open calls, the one due first in front; `is_due`: those whose time has come."""

    is_due: bool = True


class CallNumber(Struct, frozen=True, forbid_unknown_fields=True):
    """One call with its script."""

    number: int


class CallRecord(Struct, frozen=True, forbid_unknown_fields=True):
    """Write down what came of a call."""

    number: int
    name: str
    result: CallResult


async def _list(app: Application, args: CallList) -> Any:
    due_before = app.clock.now() if args.is_due else None
    return await app.database.read_async(lambda uow: follow_ups(uow, due_before, LISTED))


async def _show(app: Application, args: CallNumber) -> Any:
    return await app.database.read_async(lambda uow: find_call(uow, args.number))


async def _record(app: Application, args: CallRecord) -> Any:
    now = app.clock.now()

    def write(uow: Any) -> Any:
        by = mover_of(sign_in(uow, args.name, now))
        return record_call(uow, args.number, args.result, by=by, now=now)

    return await app.database.write_async(write)


OPERATIONS: dict[str, tuple[type[Struct], Callable[[Application, Any], Awaitable[Any]]]] = {
    "followup.list": (CallList, _list),
    "followup.show": (CallNumber, _show),
    "followup.record": (CallRecord, _record),
}
