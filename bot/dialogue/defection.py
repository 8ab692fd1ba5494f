"""Partial defection: the regular who buys less after something went wrong (D-CMP-14).

A silent complainer says nothing and leaves. What is made of it is a task that asks openly what
is wrong; it offers nothing for sale. Who merely buys less, with nothing having gone wrong, is
nobody to be asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from itertools import groupby
from statistics import median
from typing import Literal

from bot.knowledge.customer_rules import CustomerRules, DefectionRules, IncidentKind

Sign = Literal["interval", "basket"]


@dataclass(frozen=True)
class PastOrder:
    """An order that stands (neither cancelled nor returned), with the shop's day."""

    number: str
    placed_on: date
    total_fen: int


@dataclass(frozen=True)
class Incident:
    """Something that went wrong for the customer, with the shop's day."""

    kind: IncidentKind
    on: date


@dataclass(frozen=True)
class BuyingHistory:
    """All that stands of a customer's orders, in any order, and what went wrong."""

    orders: tuple[PastOrder, ...]
    incidents: tuple[Incident, ...]
    contact_refused: bool = False


@dataclass(frozen=True)
class Defection:
    """A silent complainer: the task to be made, once for its `origin`, and why."""

    origin: str
    kind: str
    order_number: str
    signs: tuple[Sign, ...]
    title: str
    script: str
    evidence: Mapping[str, int | float | str]


def defection_of(rules: CustomerRules, history: BuyingHistory, today: date) -> Defection | None:
    """Return the partial defection that shows today, or None.

    The regular's usual interval and basket are medians of what he bought up to the incident;
    orders of one day are one. The origin names the last order before it, so that one episode is
    asked about once, whatever happens or is bought afterwards.
    """
    if history.contact_refused:
        return None
    days = _buying_days(history.orders, today)
    for incident in sorted(history.incidents, key=lambda each: (each.on, each.kind), reverse=True):
        found = _after(rules.defection, days, incident, today)
        if found:
            return found
    return None


def _buying_days(orders: Sequence[PastOrder], today: date) -> list[PastOrder]:
    """Return the orders up to today, oldest first, those of one day as one."""
    known = sorted(
        (order for order in orders if order.placed_on <= today),
        key=lambda order: (order.placed_on, order.number),
    )
    days = []
    for day, group in groupby(known, key=lambda order: order.placed_on):
        same_day = list(group)
        total_fen = sum(order.total_fen for order in same_day)
        days.append(PastOrder(same_day[-1].number, day, total_fen))
    return days


@dataclass(frozen=True)
class _Change:
    """A regular's buying up to an incident and since; its fields are the evidence."""

    incident: IncidentKind
    incident_on: str
    orders_before: int
    orders_since: int
    usual_interval_days: float
    silent_days: int
    usual_basket_fen: float
    basket_fen: float


def _after(
    rules: DefectionRules, days: Sequence[PastOrder], incident: Incident, today: date
) -> Defection | None:
    before = [day for day in days if day.placed_on <= incident.on]
    if len(before) < rules.min_orders:
        return None
    silent_before_days = (incident.on - days[-1].placed_on).days
    if -silent_before_days > rules.incident_days:
        return None
    change = _change(before, days[len(before) :], incident, today)
    signs = _signs(rules, change, silent_before_days)
    if not signs:
        return None
    questions = (f"{number}. {text}" for number, text in enumerate(rules.questions, 1))
    return Defection(
        origin=f"defection:{before[-1].number}",
        kind=rules.kind,
        order_number=before[-1].number,
        signs=signs,
        title=rules.title.format(incident=rules.incidents[incident.kind]),
        script="\n".join([rules.script, *questions]),
        evidence=asdict(change),
    )


def _change(
    before: Sequence[PastOrder], since: Sequence[PastOrder], incident: Incident, today: date
) -> _Change:
    intervals = (
        (later.placed_on - earlier.placed_on).days
        for earlier, later in zip(before, before[1:], strict=False)
    )
    last = since[-1] if since else before[-1]
    return _Change(
        incident=incident.kind,
        incident_on=incident.on.isoformat(),
        orders_before=len(before),
        orders_since=len(since),
        usual_interval_days=median(intervals),
        silent_days=(today - last.placed_on).days,
        usual_basket_fen=median(day.total_fen for day in before),
        basket_fen=median(day.total_fen for day in since) if since else last.total_fen,
    )


def _signs(rules: DefectionRules, change: _Change, silent_before_days: int) -> tuple[Sign, ...]:
    """Return what shows; nothing once the customer is gone, which is another matter (D-CUS-8)."""
    limit_days = max(rules.interval_factor * change.usual_interval_days, rules.min_gap_days)
    if change.silent_days > limit_days + rules.gone_after_days:
        return ()
    signs: list[Sign] = []
    # A silence that was too long before anything went wrong has another reason.
    if change.silent_days > limit_days and silent_before_days <= limit_days:
        signs.append("interval")
    if change.orders_since and change.basket_fen < rules.basket_share * change.usual_basket_fen:
        signs.append("basket")
    return tuple(signs)
