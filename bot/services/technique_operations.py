"""What staff commands can ask about techniques: a part of `operations`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any, Literal

from msgspec import Struct

from bot.services.application import Application
from bot.services.techniques import evaluate_policy, list_techniques, set_technique

ACTOR = "cli"


class TechniqueList(Struct, frozen=True, forbid_unknown_fields=True):
    """List what is known of every technique in every cell, of one kind or of all."""

    kind: str | None = None


class TechniqueSet(Struct, frozen=True, forbid_unknown_fields=True):
    """Pin or ban a technique in a cell, or decide nothing any more."""

    kind: str
    truth: str
    technique: str
    mode: Literal["pin", "ban", "clear"]


class TechniqueEvaluate(Struct, frozen=True, forbid_unknown_fields=True):
    """Estimate from the log what another way of choosing would have brought."""

    policy: str
    days: int | None = None


async def _list(app: Application, args: TechniqueList) -> Any:
    now = app.clock.now()
    rows = await app.database.read_async(lambda uow: list_techniques(uow, app.book, now, args.kind))
    return [asdict(row) for row in rows]


async def _set(app: Application, args: TechniqueSet) -> Any:
    now = app.clock.now()
    cell = (args.kind, args.truth)
    await app.database.write_async(
        lambda uow: set_technique(
            uow, app.book, cell, args.technique, args.mode, actor=ACTOR, now=now
        )
    )


async def _evaluate(app: Application, args: TechniqueEvaluate) -> Any:
    now = app.clock.now()
    found = await app.database.read_async(
        lambda uow: evaluate_policy(uow, args.policy, now, days=args.days)
    )
    return {name: asdict(each) for name, each in found.items()}


OPERATIONS: dict[str, tuple[type[Struct], Callable[[Application, Any], Awaitable[Any]]]] = {
    "technique.list": (TechniqueList, _list),
    "technique.set": (TechniqueSet, _set),
    "technique.evaluate": (TechniqueEvaluate, _evaluate),
}
