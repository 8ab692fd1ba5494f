"""What a customer is worth: X, Y and the grade, with reasons (D-CUS-1).

A grade changes who is served first and how, never a price, concession or remedy (design decision
9), so nothing that decides about money may read it. Thresholds and texts are data
(`customers.yml`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from bot.knowledge.customer_rules import CustomerRules, Grade, GradeRule, ValueRules, WarningRule

Credit = Literal["A", "B", "C", "D"]
HIGHEST = 4  # of X and of Y
CREDITS: tuple[Credit, ...] = ("A", "B", "C", "D")


@dataclass(frozen=True)
class OrderFacts:
    """What is known of a customer over the rules' window.

    Args:
        orders: orders that were not cancelled; those returned count.
        profit_fen: what the shop earned by them; None where it is not known of all.
        last_ordered_on: the last order ever, also one before the window.
        returned_orders: how many of `orders` came back.
        cases: complaint cases.
        categories_asked: categories asked about, bought or not.
        shop_revenue_fen: what all customers spent in the window; None: not known.
        shop_margin: share of the shop's revenue that is profit; None: not known.
    """

    orders: int = 0
    spent_fen: int = 0
    profit_fen: int | None = None
    last_ordered_on: date | None = None
    returned_orders: int = 0
    cases: int = 0
    categories_bought: frozenset[str] = frozenset()
    categories_asked: frozenset[str] = frozenset()
    household_size: int | None = None
    credit: Credit | None = None
    shop_revenue_fen: int | None = None
    shop_margin: float | None = None


@dataclass(frozen=True)
class ValueWarning:
    """A reason to look twice, in the words of the book."""

    id: str
    text: str


@dataclass(frozen=True)
class GradeResult:
    """The grade with what it rests on; `grade`, X and Y are None when nothing is known.

    `rule` names what decided: where the profit came from (`profit`, `estimate`, `no_orders`)
    and the grade, or `nothing_known`. `evidence` holds plain values only.
    """

    grade: Grade | None
    rule: str
    buys_now: int | None
    could_buy: int | None
    is_key: bool
    strategy: str
    warnings: tuple[ValueWarning, ...]
    evidence: Mapping[str, int | float | str | list[str]]


def advice_for(
    rules: CustomerRules, grade: str | None, warned: Sequence[str]
) -> tuple[str, tuple[str, ...]]:
    """Return the strategy for a grade and the texts of warnings, as staff read them."""
    found = [rule.strategy for rule in rules.value.grades if rule.id == grade]
    texts = tuple(rule.text for rule in rules.value.warnings if rule.id in warned)
    return rules.value.strategies[found[0]] if found else "", texts


def grade_of(rules: CustomerRules, facts: OrderFacts, today: date) -> GradeResult:
    """Return the grade, X, Y, the strategy and the warnings for a customer (D-CUS-1).

    Who has no order in the window is `ordinary` at most. More profit never lowers a grade, and
    Y is never below X.
    """
    if not _is_anything_known(facts):
        return GradeResult(None, "nothing_known", None, None, False, "", (), {})
    value = rules.value
    quiet_days = (today - facts.last_ordered_on).days if facts.last_ordered_on else None
    buys_now, could_buy = _potential(value, facts, quiet_days)
    profit_fen, basis = _profit(value, facts)
    rule = _grade_rule(value, facts, profit_fen, could_buy)
    figures = _figures(facts, could_buy - buys_now)
    evidence = {
        "orders": facts.orders,
        "spent_fen": facts.spent_fen,
        "profit_fen": profit_fen,
        "threshold_fen": rule.profit_fen,
        "days_since_last_order": quiet_days,
        "returned_orders": facts.returned_orders,
        "cases": facts.cases,
        "new_interests": sorted(facts.categories_asked - facts.categories_bought),
        "household_size": facts.household_size,
        "credit": facts.credit,
        **figures,
    }
    return GradeResult(
        grade=rule.id,
        rule=f"{basis}_{rule.id}",
        buys_now=buys_now,
        could_buy=could_buy,
        is_key=rule.strategy == "key",
        strategy=value.strategies[rule.strategy],
        warnings=tuple(
            ValueWarning(warning.id, warning.text)
            for warning in value.warnings
            if _holds(warning, rule.id, facts.orders, figures)
        ),
        evidence={name: known for name, known in evidence.items() if known is not None},
    )


def _is_anything_known(facts: OrderFacts) -> bool:
    told = facts.categories_asked or facts.household_size or facts.credit or facts.cases
    return bool(facts.orders or facts.last_ordered_on or told)


def _potential(rules: ValueRules, facts: OrderFacts, quiet_days: int | None) -> tuple[int, int]:
    """Return X and Y; a long silence takes from X what Y keeps."""
    bought = _steps(rules.buys_now_fen, facts.spent_fen)
    is_quiet = quiet_days is not None and quiet_days > rules.quiet_after_days
    interests = len(facts.categories_asked - facts.categories_bought)
    room = _steps(rules.new_interests, interests)
    room += _steps(rules.household_sizes, facts.household_size or 0)
    return max(bought - is_quiet, 0), min(bought + room, HIGHEST)


def _steps(thresholds: Sequence[int], number: int) -> int:
    return sum(number >= threshold for threshold in thresholds)


def _profit(rules: ValueRules, facts: OrderFacts) -> tuple[int, str]:
    """Return the profit in fen and whence it is known."""
    if facts.profit_fen is not None:
        return facts.profit_fen, "profit" if facts.orders else "no_orders"
    estimate_fen = round(facts.spent_fen * rules.assumed_margin)
    return estimate_fen, "estimate" if facts.orders else "no_orders"


def _grade_rule(rules: ValueRules, facts: OrderFacts, profit_fen: int, could_buy: int) -> GradeRule:
    if not facts.orders:
        wanted: Grade = "ordinary" if could_buy >= rules.ordinary_could_buy else "small"
        return next(rule for rule in rules.grades if rule.id == wanted)
    reached = (
        rule for rule in rules.grades if rule.profit_fen is None or profit_fen >= rule.profit_fen
    )
    return next(reached)


def _figures(facts: OrderFacts, growth_room: int) -> dict[str, float]:
    """Return the figures that warnings ask for, as far as they are known."""
    figures: dict[str, float] = {"growth_room": growth_room}
    if facts.orders:
        figures["returns_per_order"] = facts.returned_orders / facts.orders
        figures["cases_per_order"] = facts.cases / facts.orders
    if facts.credit:
        figures["credit_rank"] = CREDITS.index(facts.credit) + 1
    if facts.shop_revenue_fen:
        figures["revenue_share"] = facts.spent_fen / facts.shop_revenue_fen
    if facts.shop_margin is not None and facts.profit_fen is not None and facts.spent_fen:
        figures["margin_gap"] = facts.shop_margin - facts.profit_fen / facts.spent_fen
    return {name: round(figure, 4) for name, figure in figures.items()}


def _holds(warning: WarningRule, grade: Grade, orders: int, figures: Mapping[str, float]) -> bool:
    figure = figures.get(warning.figure)
    is_meant = (not warning.grades or grade in warning.grades) and orders >= warning.min_orders
    return is_meant and figure is not None and figure >= warning.at_least
