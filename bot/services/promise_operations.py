"""What staff commands can ask about promises: a part of `operations` (D-CUS-11)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from msgspec import Struct

from bot.crm.promises import PromiseCount, PromiseFilter
from bot.services.application import Application
from bot.services.promise_keeping import keep_owed, withdraw_owed
from bot.services.promises import (
    NewPromise,
    actor_of,
    add_promise,
)
from bot.services.written import check_moment

LISTED = 200


class PromiseList(Struct, frozen=True, forbid_unknown_fields=True):
    """List promises, newest first; `is_overdue`: those past their date that nobody has kept."""

    state: str | None = None
    owner: str | None = None
    kind: str | None = None
    is_overdue: bool = False


class PromiseKeep(Struct, frozen=True, forbid_unknown_fields=True):
    """Say that a promise was kept."""

    number: int
    name: str = ""


class PromiseWithdraw(Struct, frozen=True, forbid_unknown_fields=True):
    """Say that a promise is no longer owed, and why."""

    number: int
    why: str
    name: str = ""


class PromiseAnswer(Struct, frozen=True, forbid_unknown_fields=True):
    """Give the answer that was promised, to the customer."""

    number: int
    name: str
    text: str
    is_confirmed: bool = False


class PromisePeriod(Struct, frozen=True, forbid_unknown_fields=True):
    """Count what became of the promises that were due in a period."""

    since: datetime
    until: datetime


@dataclass(frozen=True)
class PromiseFigures:
    """What became of the promises of one maker and kind; `kept_share` is of those settled."""

    made_by: str
    kind: str
    open: int
    kept: int
    late: int
    broken: int
    withdrawn: int
    kept_share: float | None


def figures_of(counts: Sequence[PromiseCount]) -> list[PromiseFigures]:
    """Return what became of promises, one line a maker and kind."""
    tables: dict[tuple[str, str], dict[str, int]] = {}
    for each in counts:
        tables.setdefault((each.made_by, each.kind), {})[each.state] = each.count
    figures = []
    for (made_by, kind), states in tables.items():
        kept, late, broken = (states.get(name, 0) for name in ("kept", "late", "broken"))
        settled = kept + late + broken
        figures.append(
            PromiseFigures(
                made_by=made_by,
                kind=kind,
                open=states.get("open", 0),
                kept=kept,
                late=late,
                broken=broken,
                withdrawn=states.get("withdrawn", 0),
                kept_share=kept / settled if settled else None,
            )
        )
    return figures


async def _list(app: Application, args: PromiseList) -> Any:
    wanted = PromiseFilter(
        state="open" if args.is_overdue else args.state,
        owner=args.owner,
        kind=args.kind,
        due_before=app.clock.now() if args.is_overdue else None,
    )
    page = await app.database.read_async(lambda uow: uow.promises.page(wanted, limit=LISTED))
    return page.items


async def _add(app: Application, args: NewPromise) -> Any:
    now = app.clock.now()
    return await app.database.write_async(lambda uow: add_promise(uow, app.book, args, now))


async def _keep(app: Application, args: PromiseKeep) -> Any:
    now = app.clock.now()
    kept = await app.database.write_async(
        lambda uow: keep_owed(uow, args.number, actor_of(uow, args.name), now)
    )
    if kept.case_id is not None:  # it may have been a remedy
        await app.tell_standing(kept.conversation_id)
    return kept


async def _withdraw(app: Application, args: PromiseWithdraw) -> Any:
    now = app.clock.now()
    return await app.database.write_async(
        lambda uow: withdraw_owed(uow, args.number, args.why, actor_of(uow, args.name), now)
    )


async def _answer(app: Application, args: PromiseAnswer) -> Any:
    warnings = await app.answer_promise(
        args.number, args.name, args.text, is_confirmed=args.is_confirmed
    )
    return {"warnings": warnings}


async def _figures(app: Application, args: PromisePeriod) -> Any:
    check_moment("since", args.since)
    check_moment("until", args.until)
    return figures_of(
        await app.database.read_async(lambda uow: uow.promises.counts(args.since, args.until))
    )


OPERATIONS: dict[str, tuple[type[Struct], Callable[[Application, Any], Awaitable[Any]]]] = {
    "promise.list": (PromiseList, _list),
    "promise.add": (NewPromise, _add),
    "promise.keep": (PromiseKeep, _keep),
    "promise.withdraw": (PromiseWithdraw, _withdraw),
    "promise.answer": (PromiseAnswer, _answer),
    "promise.figures": (PromisePeriod, _figures),
}
