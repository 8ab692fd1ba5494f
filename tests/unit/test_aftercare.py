"""The aftercare calendar: what is due on which day, and for whom it is not (D-CUS-7)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from bot.dialogue.aftercare import (
    CareCustomer,
    CareProduct,
    PurchasedLine,
    PurchasedOrder,
    Reminder,
    add_months,
    due_reminders,
)
from bot.knowledge.customer_rules import AftercareRule, CareWording, load_customer_rules


def rule(id_: str, event: str, offset_days: int, grace_days: int, **more: object) -> AftercareRule:
    more = {"scripts": ["{greeting}"], **more}
    return AftercareRule(id_, event, offset_days, grace_days, id_, id_, **more)  # type: ignore[arg-type]


THANKS = rule(
    "thanks",
    "placed",
    1,
    2,
    scripts=[
        "{greeting}: {products} left {dispatched_on}",
        "{greeting}: {products} leaves {dispatch_on}",
        "{greeting}: {products} of {ordered_on}, {order_number}",
    ],
)
ARRIVED = rule("arrived", "dispatched", 5, 5, needs=["not_delivered", "no_open_case"])
WORKS = rule("works", "delivered", 3, 5, questions=["works?", "again?"])
OPINION = rule("opinion", "delivered", 90, 14, needs=["durable"], scripts=["{products}"])
WARRANTY = rule("warranty", "warranty_ends", -30, 14, scripts=["{product} until {ends_on}"])
REFILL = rule(
    "refill", "runs_out", -5, 5, needs=["on_sale", "no_open_case"], scripts=["{product} {ends_on}"]
)
BIRTHDAY = rule("birthday", "birthday", 0, 1)
RULES = structs.replace(
    load_customer_rules(),
    wording=CareWording("Dear {name}", "Hello", "{month}/{day}", "+"),
    household_size=2,
    durable_years=1.0,
    aftercare=[THANKS, ARRIVED, WORKS, OPINION, WARRANTY, REFILL, BIRTHDAY],
)
CUSTOMER = CareCustomer(id=7, name="Li", birthday="1990-05-17")
PRODUCTS = {
    "kettle": CareProduct(warranty_months=12, life_years=5.0),
    "filter": CareProduct(content_units=120.0, daily_use_per_person=2.0),
}
KETTLE = PurchasedLine("kettle", "Kettle", 1)
FILTER = PurchasedLine("filter", "Filter", 1)  # 120 uses, 2 people, 2 a day: 30 days
PLACED = date(2026, 3, 10)
ORDER = PurchasedOrder("A1", "placed", PLACED, (KETTLE,))
EVERYTHING = replace(ORDER, lines=(KETTLE, FILTER), dispatched_on=PLACED, delivered_on=PLACED)


def due(
    today: date, *orders: PurchasedOrder, customer: CareCustomer = CUSTOMER
) -> tuple[Reminder, ...]:
    return due_reminders(RULES, orders, customer, PRODUCTS, today)


def origins(today: date, *orders: PurchasedOrder, customer: CareCustomer = CUSTOMER) -> list[str]:
    return [each.origin for each in due(today, *orders, customer=customer)]


def days_due(
    rule_id: str, order: PurchasedOrder, until_days: int = 500, customer: CareCustomer = CUSTOMER
) -> list[date]:
    """Return the days on which a rule's reminder for `order` is due (of any rule: "")."""
    days = (order.placed_on + timedelta(days=number) for number in range(until_days))
    return [
        day
        for day in days
        if any(
            each.order_number == order.number and rule_id in ("", each.kind)
            for each in due(day, order, customer=customer)
        )
    ]


def test_thanks_are_due_the_next_day_and_for_the_grace_days_only() -> None:
    assert days_due("thanks", ORDER) == [date(2026, 3, 11), date(2026, 3, 12), date(2026, 3, 13)]
    (reminder,) = due(date(2026, 3, 13), ORDER)
    assert reminder == Reminder(
        origin="aftercare:thanks:A1",
        kind="thanks",
        due_on=date(2026, 3, 11),
        order_number="A1",
        product_id=None,
        title="thanks",
        script="Dear Li: Kettle of 3/10, A1",
    )


@pytest.mark.parametrize(
    ("promised_on", "dispatched_on", "script"),
    [
        (date(2026, 3, 15), None, "Dear Li: Kettle leaves 3/15"),
        (date(2026, 3, 11), None, "Dear Li: Kettle leaves 3/11"),
        # A promise that is already broken is not repeated.
        (date(2026, 3, 10), None, "Dear Li: Kettle of 3/10, A1"),
        (date(2026, 3, 15), date(2026, 3, 11), "Dear Li: Kettle left 3/11"),
    ],
)
def test_thanks_name_the_promised_dispatch_date(
    promised_on: date, dispatched_on: date | None, script: str
) -> None:
    order = replace(ORDER, dispatch_promised_on=promised_on, dispatched_on=dispatched_on)
    assert due(date(2026, 3, 11), order)[0].script == script


def test_who_has_no_name_is_greeted_without() -> None:
    anybody = replace(CUSTOMER, name="")
    assert due(date(2026, 3, 11), ORDER, customer=anybody)[0].script.startswith("Hello:")


def test_a_script_lists_its_questions() -> None:
    order = replace(ORDER, delivered_on=date(2026, 3, 12))
    works = next(each for each in due(date(2026, 3, 15), order) if each.kind == "works")
    assert works.script == "Dear Li\n1. works?\n2. again?"


def test_an_order_that_arrived_is_not_asked_whether_it_did() -> None:
    sent = replace(ORDER, dispatched_on=date(2026, 3, 11))
    assert "aftercare:arrived:A1" in origins(date(2026, 3, 16), sent)
    arrived = replace(sent, delivered_on=date(2026, 3, 14))
    assert "aftercare:arrived:A1" not in origins(date(2026, 3, 16), arrived)


@pytest.mark.parametrize("state", ["cancelled", "returned"])
def test_an_order_that_does_not_stand_reminds_of_nothing(state: str) -> None:
    order = replace(EVERYTHING, state=state)
    assert (days_due("", EVERYTHING) != [], days_due("", order)) == (True, [])


def test_a_customer_who_wants_no_contact_is_left_alone() -> None:
    refusing = replace(CUSTOMER, contact_refused=True)
    assert days_due("", EVERYTHING, customer=refusing) == []
    assert origins(date(2026, 5, 17), customer=refusing) == []


def test_while_a_case_is_open_nothing_is_offered() -> None:
    order = replace(ORDER, lines=(FILTER,), delivered_on=PLACED)
    assert days_due("refill", order)
    assert days_due("refill", order, customer=replace(CUSTOMER, open_cases=1)) == []


def test_only_durable_products_are_asked_about_after_months() -> None:
    order = replace(ORDER, lines=(KETTLE, FILTER), delivered_on=PLACED)
    (reminder,) = due(PLACED + timedelta(days=90), order)
    assert (reminder.kind, reminder.script) == ("opinion", "Kettle")
    assert days_due("opinion", replace(order, lines=(FILTER,))) == []


# Warranty


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2028, 1, 31), 1, date(2028, 2, 29)),
        (date(2024, 2, 29), 12, date(2025, 2, 28)),
        (date(2024, 2, 29), 48, date(2028, 2, 29)),
        (date(2026, 12, 31), 2, date(2027, 2, 28)),
        (date(2026, 3, 31), 6, date(2026, 9, 30)),
        (date(2026, 11, 15), 1, date(2026, 12, 15)),
        (date(2026, 12, 15), 12, date(2027, 12, 15)),
    ],
)
def test_months_end_on_the_same_day_or_the_last_of_a_shorter_month(
    start: date, months: int, end: date
) -> None:
    assert add_months(start, months) == end


@given(st.dates(date(1990, 1, 1), date(2090, 1, 1)), st.integers(0, 240))
def test_months_never_skip_one(start: date, months: int) -> None:
    end = add_months(start, months)
    passed = (end.year - start.year) * 12 + end.month - start.month
    assert passed == months and end.day <= start.day


def test_the_last_check_is_offered_before_the_warranty_ends() -> None:
    order = replace(ORDER, placed_on=date(2024, 2, 20), delivered_on=date(2024, 2, 29))
    days = days_due("warranty", order)
    assert (days[0], days[-1]) == (date(2025, 1, 29), date(2025, 2, 12))
    (reminder,) = due(days[0], order)
    assert reminder.origin == "aftercare:warranty:A1:kettle"
    assert (reminder.product_id, reminder.script) == ("kettle", "Kettle until 2/28")


@pytest.mark.parametrize(
    ("dispatched_on", "delivered_on", "first"),
    [
        (None, None, date(2027, 2, 8)),
        (date(2026, 3, 12), None, date(2027, 2, 10)),
        (date(2026, 3, 12), date(2026, 3, 15), date(2027, 2, 13)),
    ],
)
def test_the_warranty_counts_from_the_arrival_as_well_as_it_is_known(
    dispatched_on: date | None, delivered_on: date | None, first: date
) -> None:
    order = replace(ORDER, dispatched_on=dispatched_on, delivered_on=delivered_on)
    assert days_due("warranty", order)[0] == first


def test_a_product_without_warranty_or_gone_from_the_shop_reminds_of_none() -> None:
    gone = PurchasedLine("toaster", "Toaster", 1)
    assert days_due("warranty", replace(ORDER, lines=(FILTER, gone))) == []


# Running out


@pytest.mark.parametrize(
    ("quantity", "household_size", "days"),
    [(1, None, 30), (1, 0, 30), (1, 3, 20), (2, 3, 40), (1, 7, 8)],
)
def test_a_supply_lasts_quantity_by_people_and_use(
    quantity: int, household_size: int | None, days: int
) -> None:
    line = replace(FILTER, quantity=quantity)
    order = replace(ORDER, lines=(line,), delivered_on=PLACED)
    customer = replace(CUSTOMER, household_size=household_size)
    runs_out_on = PLACED + timedelta(days=days)
    expected = [runs_out_on - timedelta(days=number) for number in range(5, -1, -1)]
    assert days_due("refill", order, customer=customer) == expected
    reminder = next(
        each for each in due(expected[0], order, customer=customer) if each.kind == "refill"
    )
    assert reminder.script == f"Filter {runs_out_on.month}/{runs_out_on.day}"


def test_who_bought_again_is_reminded_once_when_all_of_it_is_used_up() -> None:
    first = replace(ORDER, lines=(FILTER,), delivered_on=PLACED)
    again = PurchasedOrder("A2", "delivered", PLACED, (FILTER,), delivered_on=date(2026, 3, 30))
    assert days_due("refill", first)[0] == date(2026, 4, 4)
    days = [PLACED + timedelta(days=number) for number in range(200)]
    # in any order, since rows come as they come
    for orders in ((first, again), (again, first)):
        reminded = {
            each: day
            for day in reversed(days)
            for each in origins(day, *orders)
            if "refill" in each
        }
        assert reminded == {"aftercare:refill:A2:filter": date(2026, 5, 4)}


def test_a_supply_bought_after_the_last_was_used_up_counts_from_its_own_arrival() -> None:
    first = replace(ORDER, lines=(FILTER,), delivered_on=PLACED)
    again = PurchasedOrder("A2", "delivered", PLACED, (FILTER,), delivered_on=date(2026, 7, 1))
    assert "aftercare:refill:A2:filter" in origins(date(2026, 7, 26), first, again)


def test_a_product_twice_in_one_order_is_one_supply_and_one_reminder() -> None:
    twice = replace(ORDER, lines=(FILTER, FILTER), delivered_on=PLACED)
    assert days_due("refill", twice)[0] == PLACED + timedelta(days=55)
    kettles = replace(ORDER, lines=(KETTLE, KETTLE), delivered_on=PLACED)
    assert origins(date(2027, 2, 8), kettles) == ["aftercare:warranty:A1:kettle"]


def test_what_is_no_longer_sold_is_not_offered() -> None:
    order = replace(ORDER, lines=(FILTER,), delivered_on=PLACED)
    products = {"filter": replace(PRODUCTS["filter"], is_on_sale=False)}
    today = date(2026, 4, 5)
    assert origins(today, order) == ["aftercare:refill:A1:filter"]
    assert due_reminders(RULES, [order], CUSTOMER, products, today) == ()


def test_use_that_divides_badly_loses_no_day() -> None:
    products = {"filter": CareProduct(content_units=0.6, daily_use_per_person=0.1)}
    order = replace(ORDER, lines=(FILTER,), delivered_on=PLACED)
    reminders = due_reminders(RULES, [order], CUSTOMER, products, PLACED + timedelta(days=3))
    # 0.6 / (2 × 0.1) is 2.999… in floats; it means three days, and five before
    assert [each.due_on for each in reminders if each.kind == "refill"] == [date(2026, 3, 8)]


def test_figures_that_are_a_mistake_overflow_nothing() -> None:
    products = {"filter": CareProduct(content_units=1e12, daily_use_per_person=1e-9)}
    order = replace(ORDER, lines=(FILTER,) * 3, delivered_on=PLACED)
    assert due_reminders(RULES, [order], CUSTOMER, products, date(2026, 8, 1)) == ()


# Birthdays


@pytest.mark.parametrize(
    ("birthday", "today", "year"),
    [
        ("1990-05-17", date(2026, 5, 17), 2026),
        ("05-17", date(2026, 5, 18), 2026),
        ("1992-02-29", date(2028, 2, 29), 2028),
        ("1992-02-29", date(2027, 2, 28), 2027),
        ("02-29", date(2027, 3, 1), 2027),  # the day of grace
        ("1990-12-31", date(2027, 1, 1), 2026),  # … over New Year
    ],
)
def test_a_birthday_is_wished_once_a_year(birthday: str, today: date, year: int) -> None:
    customer = replace(CUSTOMER, birthday=birthday)
    assert origins(today, customer=customer) == [f"aftercare:birthday:customer-7:{year}"]


@pytest.mark.parametrize(
    ("birthday", "today"),
    [
        ("1990-05-17", date(2026, 5, 16)),
        ("1990-05-17", date(2026, 5, 19)),
        ("1992-02-29", date(2028, 2, 28)),
        ("", date(2026, 5, 17)),
        ("unknown", date(2026, 5, 17)),
        ("1990-02-30", date(2026, 3, 1)),
    ],
)
def test_no_birthday_is_wished_on_another_day_or_without_a_date(birthday: str, today: date) -> None:
    assert origins(today, customer=replace(CUSTOMER, birthday=birthday)) == []


def test_a_notice_ahead_of_a_birthday_in_january_comes_in_december() -> None:
    rules = structs.replace(RULES, aftercare=[rule("birthday", "birthday", -3, 1)])
    customer = replace(CUSTOMER, birthday="01-02")
    (reminder,) = due_reminders(rules, [], customer, {}, date(2026, 12, 30))
    assert (reminder.origin, reminder.due_on) == (
        "aftercare:birthday:customer-7:2027",
        date(2026, 12, 30),
    )


# The whole calendar


@given(st.dates(date(2026, 3, 1), date(2027, 12, 31)))
def test_nothing_is_due_early_or_beyond_its_grace(today: date) -> None:
    grace = {each.id: each.grace_days for each in RULES.aftercare}
    for each in due(today, EVERYTHING):
        assert 0 <= (today - each.due_on).days <= grace[each.kind]


def test_an_origin_fits_its_column_with_the_longest_ids() -> None:
    line = PurchasedLine("k" * 63, "K", 1)
    order = replace(ORDER, number="9" * 64, lines=(line,))
    rules = structs.replace(RULES, aftercare=[structs.replace(WARRANTY, id="w" * 20)])
    products = {line.product_id: PRODUCTS["kettle"]}
    (reminder,) = due_reminders(rules, [order], CUSTOMER, products, date(2027, 2, 8))
    assert len(reminder.origin) <= 160


def test_promised_day_of_dispatch_that_has_passed_is_told_until_it_is_sent() -> None:
    late = rule("late", "dispatch_promised", 1, 5, needs=["not_dispatched"], scripts=["{products}"])
    rules = structs.replace(RULES, aftercare=[late])
    promised = replace(ORDER, dispatch_promised_on=date(2026, 3, 12))

    def found(today: date, order: PurchasedOrder) -> list[str]:
        return [each.origin for each in due_reminders(rules, [order], CUSTOMER, PRODUCTS, today)]

    assert found(date(2026, 3, 12), promised) == []
    assert found(date(2026, 3, 13), promised) == ["aftercare:late:A1"]
    assert found(date(2026, 3, 13), replace(promised, dispatched_on=date(2026, 3, 12))) == []
    assert found(date(2026, 3, 13), ORDER) == []  # nothing was promised
