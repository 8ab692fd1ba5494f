"""Uses of techniques, what came of them, and what the shop has decided about them.

Outcomes are counted by cell and quarter when they are written, so that a turn reads some hundred
rows however many uses there were.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import cast

from msgspec import convert, to_builtins
from sqlalchemy import Table, bindparam, delete, exists, func, select, text
from sqlalchemy.orm import Session

from bot.clock import SHOP_TIME_ZONE
from bot.crm.counts import UNDONE, count
from bot.crm.models import (
    Conversation,
    Message,
    Objection,
    Order,
    TechniqueCount,
    TechniqueSetting,
    TechniqueUse,
)
from bot.dialogue.outcomes import SUCCESSES, takes_its_place
from bot.dialogue.technique_values import cell_truth
from bot.dialogue.turn import (
    CellCounts,
    CellSetting,
    CellTruth,
    Outcome,
    RankedTechnique,
    RecordTechnique,
)
from bot.errors import NotFoundError

_use = cast(Table, TechniqueUse.__table__)
_count = cast(Table, TechniqueCount.__table__)
_setting = cast(Table, TechniqueSetting.__table__)
_CELL = (_count.c.kind, _count.c.truth, _count.c.technique)  # as the key has them
_COUNTS = (
    select(*_CELL, func.sum(_count.c.successes), func.sum(_count.c.failures))
    .where(_count.c.quarter >= bindparam("first_quarter"))
    .group_by(*_CELL)
    .order_by(*_CELL)
)
_SETTINGS = select(
    _setting.c.technique, _setting.c.kind, _setting.c.truth, _setting.c.mode
).order_by(_setting.c.kind, _setting.c.truth, _setting.c.technique)
_ADD_COUNTS = text(  # both databases read it
    """INSERT INTO technique_count (kind, truth, technique, quarter, successes, failures)
    VALUES (:kind, :truth, :technique, :quarter, :successes, :failures)
    ON CONFLICT (kind, truth, technique, quarter) DO UPDATE SET
    successes = technique_count.successes + excluded.successes,
    failures = technique_count.failures + excluded.failures"""
)


@dataclass(frozen=True)
class ChosenUse:
    """A use that was chosen among others and whose outcome is known."""

    conversation_id: str
    kind: str
    truth: CellTruth
    technique: str
    ranked: tuple[RankedTechnique, ...]
    is_success: bool


@dataclass(frozen=True)
class IdleUse:
    """A use that nobody has answered."""

    turn_id: int
    has_ordered: bool


def quarter_of(moment: datetime) -> str:
    """Return the quarter of the shop's day, such as `2026-Q4`."""
    day = moment.astimezone(SHOP_TIME_ZONE)
    return f"{day.year}-Q{(day.month + 2) // 3}"


class TechniqueRepository:
    """Reads and writes of one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add_use(
        self, conversation_id: str, use: RecordTechnique, *, turn_id: int, now: datetime
    ) -> None:
        """Record the technique that a turn used, in the cell of its objection as it is now.

        Raises:
            NotFoundError: the conversation has no such objection.
        """
        about = self._session.execute(
            select(Objection.id, Objection.kind, Objection.truth).where(
                Objection.conversation_id == conversation_id, Objection.number == use.objection
            )
        ).one_or_none()
        if about is None:
            raise NotFoundError(f"conversation {conversation_id} has no objection {use.objection}")
        self._session.add(
            TechniqueUse(
                turn_id=turn_id,
                objection_id=about.id,
                technique=use.technique,
                alternatives=list(use.alternatives),
                kind=about.kind,
                truth=cell_truth(about.kind, about.truth),
                style=use.style,
                policy=use.policy,
                propensity=use.propensity,
                ranked=to_builtins(use.ranked),
                created_at=now,
            )
        )
        self._session.flush()
        count(self._session, now, techniques=1)

    def of_turn(self, turn_id: int) -> tuple[str | None, str | None]:
        """Return the technique a turn used, if any, and what came of it, if that is known."""
        use = self._session.get(TechniqueUse, turn_id)
        return (use.technique, use.outcome) if use else (None, None)

    def record_outcome(
        self,
        conversation_id: str,
        number: int,
        outcome: Outcome,
        *,
        before_turn_id: int,
        now: datetime,
    ) -> None:
        """Write what came of the last use on an objection, and count it in its cell.

        Args:
            before_turn_id: of the turns before this one.
        """
        turn_id = self._session.execute(
            select(TechniqueUse.turn_id)
            .join(Objection, Objection.id == TechniqueUse.objection_id)
            .where(
                Objection.conversation_id == conversation_id,
                Objection.number == number,
                TechniqueUse.turn_id < before_turn_id,
            )
            .order_by(TechniqueUse.turn_id.desc())
            .limit(1)
        ).scalar_one_or_none()
        if turn_id is not None:
            self.close_use(turn_id, outcome, now)

    def close_use(self, turn_id: int, outcome: Outcome, now: datetime) -> None:
        """Write what came of a turn's use, if that is not known for good, and count it."""
        use = self._session.get_one(TechniqueUse, turn_id)
        known = cast("Outcome | None", use.outcome)
        if not takes_its_place(known, outcome):
            return
        if known is not None and use.outcome_at is not None:
            self._count(use, known, use.outcome_at, -1)
        self._count(use, outcome, now, 1)
        use.outcome, use.outcome_at = outcome, now
        self._session.flush()

    def _count(self, use: TechniqueUse, outcome: Outcome, moment: datetime, number: int) -> None:
        is_success = outcome in SUCCESSES
        cell = {"kind": use.kind, "truth": use.truth, "technique": use.technique}
        counted = {"successes": number * is_success, "failures": number * (not is_success)}
        self._session.execute(_ADD_COUNTS, {"quarter": quarter_of(moment), **cell, **counted})

    def counts(self, first_quarter: str) -> tuple[CellCounts, ...]:
        """Return the outcomes by cell from a quarter on."""
        rows = self._session.connection().execute(_COUNTS, {"first_quarter": first_quarter})
        return tuple(
            CellCounts(technique, kind, truth, int(successes), int(failures))
            for kind, truth, technique, successes, failures in rows
        )

    def settings(self) -> tuple[CellSetting, ...]:
        """Return what the shop has decided."""
        return tuple(CellSetting(*row) for row in self._session.connection().execute(_SETTINGS))

    def deciders(self) -> dict[tuple[str, str, str], tuple[str, datetime]]:
        """Return who has pinned or banned what, and when, by kind, truth and technique."""
        rows = self._session.execute(select(TechniqueSetting)).scalars()
        return {(row.kind, row.truth, row.technique): (row.set_by, row.set_at) for row in rows}

    def put_setting(self, setting: CellSetting, actor: str, now: datetime) -> None:
        """Pin or ban a technique in a cell; a pin takes the place of another one's."""
        if setting.mode == "pin":
            self._session.execute(
                delete(_setting).where(
                    _setting.c.kind == setting.kind,
                    _setting.c.truth == setting.truth,
                    _setting.c.mode == "pin",
                )
            )
        values = to_builtins(setting)
        self._session.merge(TechniqueSetting(**values, set_by=actor, set_at=now))
        self._session.flush()

    def remove_setting(self, kind: str, truth: str, technique: str) -> bool:
        """Decide nothing any more; tell whether something was decided."""
        row = self._session.get(TechniqueSetting, (kind, truth, technique))
        if row is None:
            return False
        self._session.delete(row)
        self._session.flush()
        return True

    def idle_uses(self, before: datetime, limit: int) -> list[IdleUse]:
        """Return uses without an outcome in talks that were silent since a moment.

        An order of the same customer since the use, not undone, is told with it.
        """
        has_ordered = exists().where(
            Order.customer_id == Conversation.customer_id,
            Order.placed_at >= TechniqueUse.created_at,
            Order.state.not_in(UNDONE),
        )
        said_since = exists().where(
            Message.conversation_id == Conversation.id, Message.created_at >= before
        )
        rows = self._session.execute(
            select(TechniqueUse.turn_id, has_ordered)
            .join(Objection, Objection.id == TechniqueUse.objection_id)
            .join(Conversation, Conversation.id == Objection.conversation_id)
            .where(
                TechniqueUse.outcome.is_(None),
                TechniqueUse.created_at < before,
                Conversation.updated_at < before,
                ~said_since,
            )
            .order_by(TechniqueUse.turn_id)
            .limit(limit)
        )
        return [IdleUse(turn_id, bool(ordered)) for turn_id, ordered in rows]

    def chosen_uses(self, since: datetime) -> list[ChosenUse]:
        """Return what was chosen with a known chance and has had an outcome since a moment."""
        rows = self._session.execute(
            select(
                Objection.conversation_id,
                TechniqueUse.kind,
                TechniqueUse.truth,
                TechniqueUse.technique,
                TechniqueUse.ranked,
                TechniqueUse.outcome,
            )
            .join(Objection, Objection.id == TechniqueUse.objection_id)
            .where(TechniqueUse.propensity.is_not(None), TechniqueUse.outcome_at >= since)
            .order_by(TechniqueUse.turn_id)
        )
        return [
            ChosenUse(
                conversation_id=row.conversation_id,
                kind=row.kind,
                truth=cast(CellTruth, row.truth),
                technique=row.technique,
                ranked=convert(row.ranked, tuple[RankedTechnique, ...]),
                is_success=row.outcome in SUCCESSES,
            )
            for row in rows
        ]
