"""Figures of the dashboard, a day each, counted in the transaction that changes them.

`METRICS` says what each figure is; `recount` computes the same from the tables, and a test
compares the two after random histories.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import delete, select, text
from sqlalchemy.orm import Session

from bot.clock import SHOP_TIME_ZONE
from bot.crm.models import (
    Case,
    CaseEvent,
    Conversation,
    Customer,
    DayCount,
    Objection,
    Order,
    Satisfaction,
    Task,
    TechniqueUse,
    Turn,
)

METRICS = {
    "customers": "customers seen for the first time",
    "conversations": "conversations begun",
    "turns": "turns of the bot, given up ones included",
    "turns.failed": "turns given up",
    "objections.<kind>": "objections raised, by kind (D-OBJ-1)",
    "techniques": "techniques used",
    "cases": "complaint cases opened",
    "cases.overdue": "times that one was escalated for being late",
    "cases.closed": "times that one was closed",
    "cases.reopened": "times that one was opened again",
    "tasks": "tasks made",
    "ratings": "surveys answered",
    "ratings.sum": "sum of their scores",
    "orders": "orders placed, but those cancelled or returned",
    "revenue_fen": "what was to be paid for them",
}
Counts = dict[tuple[str, str], int]
COUNTED_VERBS = {  # events of cases by which figures rise
    "overdue": "cases.overdue",
    "closed": "cases.closed",
    "reopened": "cases.reopened",
}
UNDONE = ("cancelled", "returned")
_GATHERED = "gathered counts"
_UPSERT = text(  # both databases read it; SQLAlchemy's own cannot be kept compiled
    """INSERT INTO day_count (day, metric, value) VALUES (:day, :metric, :value)
    ON CONFLICT (day, metric) DO UPDATE SET value = day_count.value + excluded.value"""
)


def day_of(moment: datetime) -> str:
    """Return the day of a moment as the shop's people see it."""
    return moment.astimezone(SHOP_TIME_ZONE).date().isoformat()


def count(session: Session, moment: datetime, **metrics: int) -> None:
    """Add to a day's figures; `__` in a name stands for the dot."""
    add(session, {(day_of(moment), name.replace("__", ".")): n for name, n in metrics.items()})


def add(session: Session, counts: Mapping[tuple[str, str], int]) -> None:
    """Add to figures, in one order for all writers, so that none waits for another in a ring."""
    gathered: Counter[tuple[str, str]] | None = session.info.get(_GATHERED)
    if gathered is not None:
        gathered.update(counts)
        return
    rows = [
        {"day": day, "metric": metric, "value": value}
        for (day, metric), value in sorted(counts.items())
        if value
    ]
    if rows:
        session.connection().execute(_UPSERT, rows)


def order_counts(placed_at: datetime, state: str, total_fen: int) -> Counter[tuple[str, str]]:
    """Return what an order adds to the figures; nothing once it is undone."""
    if state in UNDONE:
        return Counter()
    day = day_of(placed_at)
    return Counter({(day, "orders"): 1, (day, "revenue_fen"): total_fen})


class CountRepository:
    """Reads and writes of one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @contextmanager
    def gathered(self) -> Iterator[None]:
        """Write what is counted inside at the end, together: for whoever writes many rows."""
        counts: Counter[tuple[str, str]] = Counter()
        self._session.info[_GATHERED] = counts
        try:
            yield
        finally:
            del self._session.info[_GATHERED]
        add(self._session, counts)

    def between(self, first_day: str, last_day: str) -> Counts:
        """Return the figures of some days, both included, by day and metric."""
        rows = self._session.execute(
            select(DayCount.day, DayCount.metric, DayCount.value).where(
                DayCount.day >= first_day, DayCount.day <= last_day, DayCount.value != 0
            )
        )
        return {(day, metric): value for day, metric, value in rows}

    def recount(self) -> Counts:
        """Compute all figures anew from the tables; reads everything."""
        found: Counter[tuple[str, str]] = Counter()
        plain = (
            (Customer, "customers"),
            (Conversation, "conversations"),
            (Turn, "turns"),
            (TechniqueUse, "techniques"),
            (Task, "tasks"),
            (Satisfaction, "ratings"),
        )
        for model, metric in plain:
            for moment in self._session.execute(select(model.created_at)).scalars():
                found[day_of(moment), metric] += 1
        for moment in self._session.execute(select(Case.opened_at)).scalars():
            found[day_of(moment), "cases"] += 1
        moves = select(CaseEvent.created_at, CaseEvent.verb).where(
            CaseEvent.verb.in_(COUNTED_VERBS)
        )
        for moment, verb in self._session.execute(moves):
            found[day_of(moment), COUNTED_VERBS[verb]] += 1
        failed = select(Turn.created_at).where(Turn.kind == "failed")
        for moment in self._session.execute(failed).scalars():
            found[day_of(moment), "turns.failed"] += 1
        for moment, kind in self._session.execute(select(Objection.created_at, Objection.kind)):
            found[day_of(moment), f"objections.{kind}"] += 1
        scores = select(Satisfaction.created_at, Satisfaction.score)
        for moment, score in self._session.execute(scores):
            found[day_of(moment), "ratings.sum"] += score
        orders = select(Order.placed_at, Order.state, Order.total_fen)
        for moment, state, total in self._session.execute(orders):
            found.update(order_counts(moment, state, total))
        return {key: value for key, value in found.items() if value}

    def rebuild(self) -> None:
        """Put the recount in place of the figures."""
        self._session.execute(delete(DayCount))
        add(self._session, self.recount())
