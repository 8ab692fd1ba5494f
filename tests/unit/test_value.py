"""What a customer is worth, and why (D-CUS-1)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from bot.dialogue.value import OrderFacts, grade_of
from bot.knowledge.customer_rules import GRADES, GradeRule, load_customer_rules

TODAY = date(2026, 11, 22)
BOOK = load_customer_rules()
# Numbers of the tests' own: the shop may change the book's.
VALUE = structs.replace(
    BOOK.value,
    assumed_margin=0.25,
    buys_now_fen=[1, 30_000, 100_000, 300_000],
    quiet_after_days=180,
    new_interests=[1, 3],
    household_sizes=[3, 5],
    ordinary_could_buy=2,
    grades=[
        GradeRule("vip", "-", "key", 150_000),
        GradeRule("important", "-", "key", 50_000),
        GradeRule("ordinary", "-", "ordinary", 3_000),
        GradeRule("small", "-", "small"),
    ],
)
RULES = structs.replace(BOOK, value=VALUE)
BUYER = OrderFacts(orders=4, spent_fen=120_000, last_ordered_on=TODAY - timedelta(days=20))

CATEGORIES = st.frozensets(st.sampled_from("abcdef"))
FACTS = st.builds(
    OrderFacts,
    orders=st.integers(0, 50),
    spent_fen=st.integers(0, 10**9),
    profit_fen=st.none() | st.integers(-(10**6), 10**6),
    last_ordered_on=st.none() | st.dates(),
    returned_orders=st.integers(0, 50),
    cases=st.integers(0, 50),
    categories_bought=CATEGORIES,
    categories_asked=CATEGORIES,
    household_size=st.none() | st.integers(0, 20),
    credit=st.none() | st.sampled_from("ABCD"),
    shop_revenue_fen=st.none() | st.integers(0, 10**10),
    shop_margin=st.none() | st.floats(-1, 1),
)


@pytest.mark.parametrize(
    ("profit_fen", "grade"),
    [
        (150_000, "vip"),
        (149_999, "important"),
        (50_000, "important"),
        (49_999, "ordinary"),
        (3_000, "ordinary"),
        (2_999, "small"),
        (0, "small"),
        (-5_000, "small"),
    ],
)
def test_profit_decides_the_grade_at_the_thresholds(profit_fen: int, grade: str) -> None:
    result = grade_of(RULES, replace(BUYER, profit_fen=profit_fen), TODAY)
    assert (result.grade, result.rule) == (grade, f"profit_{grade}")
    assert result.is_key == (grade in {"vip", "important"})


def test_spending_counts_by_the_margin_where_the_profit_is_not_known() -> None:
    result = grade_of(RULES, replace(BUYER, spent_fen=200_000), TODAY)
    assert (result.grade, result.rule) == ("important", "estimate_important")
    assert result.evidence["profit_fen"] == 50_000


def test_a_known_loss_beats_high_spending() -> None:
    assert grade_of(RULES, replace(BUYER, spent_fen=10**7, profit_fen=-1), TODAY).grade == "small"


@given(FACTS, st.integers(0, 10**6))
def test_more_profit_never_lowers_the_grade(facts: OrderFacts, more_fen: int) -> None:
    less = replace(facts, profit_fen=facts.profit_fen or 0)
    more = replace(less, profit_fen=(less.profit_fen or 0) + more_fen)
    poorer, richer = (grade_of(RULES, each, TODAY).grade for each in (less, more))
    if poorer is None or richer is None:
        assert poorer == richer
    else:
        assert GRADES.index(richer) <= GRADES.index(poorer)


@given(FACTS, st.dates())
def test_every_customer_of_whom_something_is_known_has_a_grade_and_could_buy_no_less_than_now(
    facts: OrderFacts, today: date
) -> None:
    result = grade_of(RULES, facts, today)
    if result.grade is None:
        assert (result.buys_now, result.could_buy, facts.orders) == (None, None, 0)
        return
    assert result.buys_now is not None and result.could_buy is not None
    assert 0 <= result.buys_now <= result.could_buy <= 4
    assert result.strategy
    assert len(result.rule) <= 40  # the column's width


@given(FACTS)
def test_who_has_not_ordered_is_ordinary_at_most(facts: OrderFacts) -> None:
    assert grade_of(RULES, replace(facts, orders=0), TODAY).grade in {None, "ordinary", "small"}


@given(FACTS, CATEGORIES)
def test_more_interest_never_lowers_what_a_customer_could_buy(
    facts: OrderFacts, more: frozenset[str]
) -> None:
    asked = facts.categories_asked | more
    before = grade_of(RULES, facts, TODAY).could_buy or 0
    assert (grade_of(RULES, replace(facts, categories_asked=asked), TODAY).could_buy or 0) >= before


def test_nothing_known_gives_no_grade() -> None:
    result = grade_of(RULES, OrderFacts(), TODAY)
    assert (result.grade, result.rule, result.evidence) == (None, "nothing_known", {})


@pytest.mark.parametrize(
    ("facts", "grade"),
    [
        (OrderFacts(categories_asked=frozenset("a")), "small"),
        (OrderFacts(categories_asked=frozenset("abc")), "ordinary"),
        (OrderFacts(household_size=5), "ordinary"),
        (OrderFacts(credit="A"), "small"),
        (OrderFacts(last_ordered_on=date(2020, 1, 1)), "small"),  # before the window
    ],
)
def test_who_has_not_ordered_is_graded_by_what_he_could_buy(facts: OrderFacts, grade: str) -> None:
    result = grade_of(RULES, facts, TODAY)
    assert (result.grade, result.rule) == (grade, f"no_orders_{grade}")


@pytest.mark.parametrize(
    ("spent_fen", "buys_now"),
    [(0, 0), (1, 1), (29_999, 1), (30_000, 2), (100_000, 3), (300_000, 4), (10**9, 4)],
)
def test_what_a_customer_buys_now_follows_the_sums(spent_fen: int, buys_now: int) -> None:
    assert grade_of(RULES, replace(BUYER, spent_fen=spent_fen), TODAY).buys_now == buys_now


@pytest.mark.parametrize(("days", "buys_now"), [(180, 3), (181, 2)])
def test_a_long_silence_takes_from_what_is_bought_now_but_not_from_what_could_be(
    days: int, buys_now: int
) -> None:
    facts = replace(BUYER, last_ordered_on=TODAY - timedelta(days=days))
    result = grade_of(RULES, facts, TODAY)
    assert (result.buys_now, result.could_buy) == (buys_now, 3)


def test_categories_already_bought_and_a_small_household_give_no_room() -> None:
    facts = replace(
        BUYER,
        spent_fen=1,
        categories_bought=frozenset("ab"),
        categories_asked=frozenset("ab"),
        household_size=2,
    )
    assert grade_of(RULES, facts, TODAY).could_buy == 1


def warned(facts: OrderFacts) -> set[str]:
    return {warning.id for warning in grade_of(RULES, facts, TODAY).warnings}


HEALTHY = replace(
    BUYER, orders=10, profit_fen=40_000, credit="B", shop_revenue_fen=10**8, shop_margin=0.3
)


@pytest.mark.parametrize(
    ("warning", "facts"),
    [
        ("dependence", replace(HEALTHY, shop_revenue_fen=600_000)),
        ("thin_margin", replace(HEALTHY, profit_fen=12_000)),
        ("many_returns", replace(HEALTHY, returned_orders=3)),
        ("many_cases", replace(HEALTHY, cases=3)),
        ("weak_credit", replace(HEALTHY, credit="C")),
        ("weak_credit", replace(HEALTHY, credit="D")),
        ("may_grow", replace(HEALTHY, spent_fen=1, profit_fen=0, household_size=6)),
    ],
)
def test_big_is_not_always_good_and_small_may_grow(warning: str, facts: OrderFacts) -> None:
    assert warned(HEALTHY) == set()
    assert warning in warned(facts)


def test_one_return_of_one_order_is_no_pattern() -> None:
    assert warned(replace(HEALTHY, orders=1, returned_orders=1, cases=1)) == set()


def test_a_vip_with_room_is_not_called_a_small_one_that_may_grow() -> None:
    facts = replace(HEALTHY, spent_fen=1, profit_fen=200_000, household_size=6)
    assert "may_grow" not in warned(facts)


def test_evidence_holds_the_figures_that_were_used_and_leaves_out_what_is_not_known() -> None:
    facts = replace(HEALTHY, categories_asked=frozenset("ba"), credit=None)
    evidence = grade_of(RULES, facts, TODAY).evidence
    assert evidence["threshold_fen"] == 3_000
    assert evidence["days_since_last_order"] == 20
    assert evidence["new_interests"] == ["a", "b"]
    assert evidence["margin_gap"] == -0.0333
    assert not {"credit", "credit_rank", "household_size"} & evidence.keys()
