"""How techniques do: outcomes, the shop's own decisions, other policies weighed against the log.

What a use led to is decided by `bot.dialogue.outcomes`; here it is read, and given up on when
nobody answers any more.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Literal

from bot.clock import SHOP_TIME_ZONE
from bot.crm.database import Database
from bot.crm.unit_of_work import UnitOfWork
from bot.dialogue.off_policy import Estimate
from bot.dialogue.technique_policies import POLICIES, estimates_of
from bot.dialogue.technique_values import CELLS, POOLED, TechniqueValues
from bot.dialogue.turn import CellSetting, CellTruth
from bot.errors import NotFoundError, UsageError
from bot.knowledge.book import Book
from bot.knowledge.technique_rules import Learning, load_learning

ALL_TRUTHS = "all"
ROWS_A_STEP = 100
EVER = datetime(1970, 1, 1, tzinfo=timezone.utc)
SET_VERBS = {"pin": "technique.pinned", "ban": "technique.banned"}
CLEARED = "technique.cleared"


@dataclass(frozen=True)
class TechniqueRow:
    """A technique in a cell, or with truth `unclear` in its kind as a whole.

    Attributes:
        outcomes: that were counted; `successes` of them.
        alpha, beta: of the Beta distribution that is believed of its chance.
        mode: `pin`, `ban` or ''.
    """

    kind: str
    truth: str
    technique: str
    fit: float
    outcomes: int
    successes: int
    alpha: float
    beta: float
    mode: str
    set_by: str = ""
    set_at: datetime | None = None


def first_quarter(learning: Learning, now: datetime) -> str:
    """Return the oldest quarter whose outcomes still count."""
    day = now.astimezone(SHOP_TIME_ZONE)
    quarters = day.year * 4 + (day.month - 1) // 3 - learning.horizon_quarters
    return f"{quarters // 4}-Q{quarters % 4 + 1}"


def list_techniques(
    uow: UnitOfWork, book: Book, now: datetime, kind: str | None = None
) -> list[TechniqueRow]:
    """Return every technique of the book in every cell that it fits.

    Raises:
        NotFoundError: there is no such kind.
    """
    if kind is not None:
        _check_kind(kind)
    learning = load_learning()
    counts = uow.techniques.counts(first_quarter(learning, now))
    modes = {
        (each.kind, each.truth, each.technique): each.mode for each in uow.techniques.settings()
    }
    deciders = uow.techniques.deciders()
    values = TechniqueValues(learning, counts)
    kinds = dict.fromkeys(each for each, _ in CELLS if kind in (None, each))
    levels = [(each, POOLED) for each in kinds] + [cell for cell in CELLS if cell[0] in kinds]
    rows = []
    for of_kind, truth in sorted(levels, key=lambda level: list(kinds).index(level[0])):
        for technique in book.techniques:
            fit = technique.fits.get(of_kind)  # type: ignore[call-overload]
            if fit is None:
                continue
            value = values.value(technique.id, fit, of_kind, truth)
            set_by, set_at = deciders.get((of_kind, truth, technique.id), ("", None))
            rows.append(
                TechniqueRow(
                    kind=of_kind,
                    truth=truth,
                    technique=technique.id,
                    fit=fit,
                    outcomes=values.outcomes(technique.id, of_kind, truth),
                    successes=values.successes(technique.id, of_kind, truth),
                    alpha=value.alpha,
                    beta=value.beta,
                    mode=modes.get((of_kind, truth, technique.id), ""),
                    set_by=set_by,
                    set_at=set_at,
                )
            )
    return rows


def set_technique(
    uow: UnitOfWork,
    book: Book,
    cell: tuple[str, str],
    technique: str,
    mode: Literal["pin", "ban", "clear"],
    *,
    actor: str,
    now: datetime,
) -> None:
    """Pin or ban a technique in a cell, or decide nothing any more; the audit trail keeps it.

    Args:
        cell: kind and truth; the truth `all` stands for all of the kind, `unclear` among them.

    Raises:
        NotFoundError: no such kind, truth or technique, or nothing to clear.
        UsageError: the technique does not fit the kind.
    """
    kind, _ = cell
    truths = _truths_of(*cell)
    fits = {each.id: each.fits for each in book.techniques}
    if technique not in fits:
        raise NotFoundError(f"there is no technique {technique!r}")
    if kind not in fits[technique] and mode != "clear":
        raise UsageError(f"{technique!r} does not fit {kind!r} in the book")
    was_set = False
    for truth in truths:
        if mode == "clear":
            if not uow.techniques.remove_setting(kind, truth, technique):
                continue
        else:
            setting = CellSetting(technique, kind, truth, mode)
            uow.techniques.put_setting(setting, actor, now)
        was_set = True
        subject = ("technique", f"{kind}/{truth}/{technique}")
        uow.audit.append(actor, SET_VERBS.get(mode, CLEARED), subject, {}, now)
    if not was_set:
        raise NotFoundError(f"nothing is decided for {technique!r} there")


def _check_kind(kind: str) -> None:
    kinds = dict.fromkeys(each for each, _ in CELLS)
    if kind not in kinds:
        raise NotFoundError(f"there is no kind {kind!r}; one of {', '.join(kinds)}")


def _truths_of(kind: str, truth: str) -> list[CellTruth]:
    _check_kind(kind)
    truths: list[CellTruth] = [POOLED, *(each for known, each in CELLS if known == kind)]
    if truth == ALL_TRUTHS:
        return truths
    if truth in truths:
        return [each for each in truths if each == truth]
    raise NotFoundError(f"{kind} has no truth {truth!r}; one of {', '.join((*truths, ALL_TRUTHS))}")


async def give_up_waiting(database: Database, now: datetime) -> AsyncIterator[None]:
    """Close uses that nobody has answered for long; yields between transactions.

    A customer who has ordered since the use has settled the objection by an act; with all others
    it was in vain.
    """
    before = now - timedelta(hours=load_learning().idle_hours)

    def step(uow: UnitOfWork) -> int:
        idle = uow.techniques.idle_uses(before, ROWS_A_STEP)
        for use in idle:
            uow.techniques.close_use(use.turn_id, "settled" if use.has_ordered else "left", now)
        return len(idle)

    while await database.write_async(step) == ROWS_A_STEP:
        yield


def evaluate_policy(
    uow: UnitOfWork, policy: str, now: datetime, *, days: int | None = None
) -> dict[str, Estimate]:
    """Return what another way of choosing would have brought, over all uses and by kind.

    Args:
        days: uses whose outcome became known in so many last days; None for all.

    Raises:
        NotFoundError: there is no such policy.
    """
    if policy not in POLICIES:
        raise NotFoundError(f"there is no policy {policy!r}; one of {', '.join(POLICIES)}")
    since = now - timedelta(days=days) if days else EVER
    uses = uow.techniques.chosen_uses(since)
    return estimates_of(uses, next(each for each in POLICIES if each == policy), load_learning())
