"""Partial defection: a regular who buys less after something went wrong (D-CMP-14)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from bot.dialogue.defection import BuyingHistory, Defection, Incident, PastOrder, defection_of
from bot.knowledge.customer_rules import IncidentKind, load_customer_rules

BOOK = load_customer_rules()
RULES = structs.replace(
    BOOK,
    defection=structs.replace(
        BOOK.defection,
        min_orders=4,
        interval_factor=2.0,
        min_gap_days=14,
        basket_share=0.5,
        incident_days=90,
        gone_after_days=180,
    ),
)
START = date(2026, 1, 1)


def day(number: int) -> date:
    return START + timedelta(days=number)


def order(number: int, total_fen: int = 10_000) -> PastOrder:
    return PastOrder(f"N{number}", day(number), total_fen)


# Every 30 days, the last on day 90; stretched from day 151 on.
REGULAR = tuple(order(number) for number in (0, 30, 60, 90))
FAULT = Incident("fault", day(95))


def defection(
    today: int, *incidents: Incident, orders: tuple[PastOrder, ...] = REGULAR
) -> Defection | None:
    return defection_of(RULES, BuyingHistory(orders, incidents), day(today))


@pytest.mark.parametrize("kind", get_args(IncidentKind))
def test_a_regular_who_falls_silent_after_an_incident_is_found(kind: IncidentKind) -> None:
    found = defection(151, Incident(kind, day(95)))
    assert found is not None
    assert (found.origin, found.signs) == ("defection:N90", ("interval",))
    assert RULES.defection.incidents[kind] in found.title
    assert found.evidence == {
        "incident": kind,
        "incident_on": day(95).isoformat(),
        "orders_before": 4,
        "orders_since": 0,
        "usual_interval_days": 30,
        "silent_days": 61,
        "usual_basket_fen": 10_000,
        "basket_fen": 10_000,
    }


def test_the_task_asks_every_question_of_the_book() -> None:
    found = defection(151, FAULT)
    assert found is not None
    assert found.script.splitlines()[0] == RULES.defection.script
    assert len(found.script.splitlines()) == 1 + len(RULES.defection.questions)


def test_without_an_incident_nobody_is_asked() -> None:
    assert defection(151) is None


def test_a_silence_of_twice_the_usual_is_not_yet_one() -> None:
    assert defection(150, FAULT) is None


@pytest.mark.parametrize(("incident_day", "is_found"), [(150, True), (151, False)])
def test_a_silence_that_was_too_long_before_the_incident_is_not_its_doing(
    incident_day: int, is_found: bool
) -> None:
    assert (defection(160, Incident("fault", day(incident_day))) is not None) == is_found


def test_who_has_few_orders_is_no_regular() -> None:
    assert defection(151, FAULT, orders=REGULAR[1:]) is None


def test_orders_after_the_incident_do_not_make_a_regular() -> None:
    assert defection(200, Incident("fault", day(70)), orders=(*REGULAR, order(100))) is None


def test_orders_of_one_day_are_one() -> None:
    split = (order(0), replace(order(0), number="N0b"), order(30), order(90))
    assert defection(200, FAULT, orders=split) is None


@pytest.mark.parametrize(("total_fen", "is_found"), [(4_999, True), (5_000, False)])
def test_a_basket_that_shrinks_after_an_incident_is_found(total_fen: int, is_found: bool) -> None:
    found = defection(125, FAULT, orders=(*REGULAR, order(120, total_fen)))
    assert (found is not None) == is_found
    if found:
        assert found.signs == ("basket",)


def test_a_basket_that_shrank_before_the_incident_is_not_its_doing() -> None:
    orders = (*REGULAR[:3], order(90, 1_000))
    assert defection(100, FAULT, orders=orders) is None


def test_an_order_split_over_one_day_is_no_smaller_basket() -> None:
    halves = (order(120, 4_000), replace(order(120, 4_000), number="N120b"))
    assert defection(125, FAULT, orders=(*REGULAR, *halves)) is None


def test_both_signs_may_show() -> None:
    found = defection(200, FAULT, orders=(*REGULAR, order(120, 1_000)))
    assert found is not None and found.signs == ("interval", "basket")


def test_one_episode_keeps_its_origin_whatever_comes_later() -> None:
    later = Incident("low_rating", day(97))
    found = [
        defection(151, FAULT),
        defection(152, FAULT),
        defection(152, FAULT, later),
        defection(250, FAULT, orders=(*REGULAR, order(155, 1_000))),
    ]
    assert {each.origin for each in found if each} == {"defection:N90"}
    assert None not in found


def test_an_incident_after_a_new_order_is_a_new_episode() -> None:
    orders = (*REGULAR, order(120))
    found = defection(190, FAULT, Incident("low_rating", day(125)), orders=orders)
    assert found is not None and found.origin == "defection:N120"


def test_an_incident_long_before_the_last_order_explains_nothing() -> None:
    orders = (*REGULAR, *(order(number) for number in (120, 150, 180)))
    assert defection(245, FAULT, orders=orders) is not None  # day 180 is 85 days after it
    assert defection(275, FAULT, orders=(*orders, order(210))) is None


@pytest.mark.parametrize(("today", "is_found"), [(90 + 60 + 180, True), (90 + 60 + 181, False)])
def test_who_is_gone_is_not_leaving(today: int, is_found: bool) -> None:
    assert (defection(today, FAULT) is not None) == is_found


def test_a_daily_buyer_who_misses_some_days_is_not_asked() -> None:
    orders = tuple(order(number) for number in range(5))
    assert defection(18, Incident("fault", day(4)), orders=orders) is None
    assert defection(19, Incident("fault", day(4)), orders=orders) is not None


def test_who_refused_contact_is_not_asked() -> None:
    history = BuyingHistory(REGULAR, (FAULT,), contact_refused=True)
    assert defection_of(RULES, history, day(151)) is None


def test_what_lies_in_the_future_does_not_count() -> None:
    assert defection(151, FAULT, orders=(*REGULAR, order(152))) is not None
    assert defection(151, Incident("fault", day(152))) is None


HISTORIES = st.builds(
    BuyingHistory,
    st.lists(st.builds(order, st.integers(0, 400), st.integers(0, 10**6)), max_size=12).map(tuple),
    st.lists(
        st.builds(Incident, st.sampled_from(get_args(IncidentKind)), st.integers(0, 400).map(day)),
        max_size=3,
    ).map(tuple),
)


@given(HISTORIES, st.integers(0, 500), st.randoms(use_true_random=False))
def test_rows_in_any_order_give_the_same_answer(
    history: BuyingHistory, today: int, random: object
) -> None:
    orders, incidents = list(history.orders), list(history.incidents)
    random.shuffle(orders)  # type: ignore[attr-defined]
    random.shuffle(incidents)  # type: ignore[attr-defined]
    shuffled = BuyingHistory(tuple(orders), tuple(incidents))
    found = defection_of(RULES, history, day(today))
    assert defection_of(RULES, shuffled, day(today)) == found
    if found:
        assert history.incidents and len(history.orders) >= RULES.defection.min_orders
