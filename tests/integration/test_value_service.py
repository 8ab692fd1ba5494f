"""Grades from what is in the database: set by rules, with history, never over a person's head."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from bot.crm.database import Database
from bot.crm.records import CustomerRecord, GradeRecord
from bot.dialogue.value import GradeResult
from bot.knowledge.customer_rules import load_customer_rules
from bot.services.customers import CustomerChange, change_customer, read_card
from bot.services.orders import OrderChange, OrderLineValue, put_order
from bot.services.rounds import CHUNK
from bot.services.value import grade_customers, open_valuation
from tests.conftest import Play
from tests.crash.test_scheduler import complain
from tests.fakes import START

PHONE = "13800138000"
DAY = timedelta(days=1)


def order(database: Database, number: str, total_fen: int, **more: Any) -> None:
    product = more.pop("product", "kettle")
    values = {"phone": PHONE, "placed_at": START - 10 * DAY, **more}
    change = OrderChange(lines=[OrderLineValue(product, 1, total_fen)], **values)
    database.write(lambda uow: put_order(uow, number, change, actor="cli", now=START))


def whose(database: Database, phone: str = PHONE) -> int:
    found = database.read(lambda uow: uow.customers.find("phone", phone))
    assert found is not None
    return found


def grade_all(database: Database, now: datetime = START) -> None:
    async def main() -> None:
        async for _ in grade_customers(database, now):
            pass

    asyncio.run(main())


def row(database: Database, phone: str = PHONE) -> CustomerRecord:
    customer_id = whose(database, phone)
    return database.read(lambda uow: uow.customers.get(customer_id))


def history(database: Database) -> list[GradeRecord]:
    customer_id = whose(database)
    return database.read(lambda uow: uow.customers.grades(customer_id))[::-1]


def change(database: Database, **values: Any) -> None:
    customer_id = whose(database)
    wanted = CustomerChange(**values)
    database.write(lambda uow: change_customer(uow, customer_id, wanted, actor="p1", now=START))


def result(database: Database) -> GradeResult:
    customer_id = whose(database)
    return database.read(lambda uow: open_valuation(uow, START).grade(uow, customer_id))


def test_grade_is_set_with_rule_and_evidence(database: Database) -> None:
    order(database, "A1", 300_000, profit_fen=60_000)
    grade_all(database)
    customer = row(database)
    assert (customer.grade, customer.buys_now, customer.could_buy) == ("important", 4, 4)
    (entry,) = history(database)
    assert (entry.grade, entry.rule, entry.actor) == ("important", "profit_important", "server")
    assert entry.evidence["profit_fen"] == 60_000
    assert entry.evidence["orders"] == 1


def test_second_night_writes_only_what_changed(database: Database) -> None:
    order(database, "A1", 300_000, profit_fen=60_000)
    grade_all(database)
    before = row(database)
    grade_all(database, START + DAY)
    assert row(database) == before
    order(database, "A2", 900_000, profit_fen=400_000)
    grade_all(database, START + 2 * DAY)
    assert [entry.grade for entry in history(database)] == ["important", "vip"]


def test_grade_that_a_person_set_stays_until_they_let_go(database: Database) -> None:
    order(database, "A1", 300_000, profit_fen=60_000)
    change(database, grade="small")
    grade_all(database)
    assert (row(database).grade, len(history(database))) == ("small", 1)
    change(database, grade=None)
    grade_all(database)
    assert row(database).grade == "important"


def test_of_whom_nothing_is_known_has_no_grade(play: Play) -> None:
    database = play.app.database
    conversation = play.start()
    grade_all(database)
    customer_id = database.read(lambda uow: uow.conversations.get(conversation)).customer_id
    assert customer_id is not None
    customer = database.read(lambda uow: uow.customers.get(customer_id))
    assert (customer.grade, customer.version) == (None, 1)


def test_order_that_was_cancelled_counts_for_nothing(database: Database) -> None:
    order(database, "A1", 900_000, profit_fen=400_000, state="cancelled")
    order(database, "A2", 20_000, profit_fen=4_000)
    evidence = result(database).evidence
    assert (evidence["orders"], evidence["spent_fen"], evidence["profit_fen"]) == (1, 20_000, 4_000)


def test_returned_order_counts_as_returned_and_earned_nothing(database: Database) -> None:
    order(database, "A1", 900_000, profit_fen=400_000, state="returned")
    order(database, "A2", 20_000, profit_fen=4_000)
    evidence = result(database).evidence
    assert (evidence["orders"], evidence["returned_orders"]) == (2, 1)
    assert (evidence["spent_fen"], evidence["profit_fen"]) == (20_000, 4_000)


def test_profit_is_estimated_unless_it_is_known_of_every_order(database: Database) -> None:
    order(database, "A1", 100_000, profit_fen=90_000)
    order(database, "A2", 100_000)
    assert result(database).rule.startswith("estimate_")
    order(database, "A2", 100_000, profit_fen=0)
    found = result(database)
    assert found.rule.startswith("profit_") and found.evidence["profit_fen"] == 90_000


def test_year_ends_at_midnight_of_the_shop(database: Database) -> None:
    # 22 November 2026 at the shop; 365 days before began on the 21st at 16:00 UTC
    first = datetime(2025, 11, 21, 16, 0, tzinfo=timezone.utc)
    order(database, "A1", 10_000, placed_at=first)
    order(database, "A2", 70_000, placed_at=first - timedelta(seconds=1))
    evidence = result(database).evidence
    assert (evidence["orders"], evidence["spent_fen"]) == (1, 10_000)


def test_product_asked_about_and_not_bought_is_room_to_grow(play: Play) -> None:
    database = play.app.database
    order(database, "A1", 10_000, product="kettle")
    before = result(database)
    customer_id = whose(database)

    def talk_about(product_id: str) -> None:
        conversation = play.start()
        database.write(
            lambda uow: uow.conversations.update_fields(
                conversation, customer_id=customer_id, product_id=product_id
            )
        )

    talk_about("rice_cooker")  # of the kettle's own category
    assert result(database).could_buy == before.could_buy
    talk_about("desk_lamp")
    assert result(database).could_buy == (before.could_buy or 0) + 1
    assert len(result(database).evidence["new_interests"]) == 1  # type: ignore[arg-type]


def test_case_is_seen_by_the_rules(play: Play) -> None:
    database = play.app.database
    for number in range(3):
        order(database, f"A{number}", 10_000)
    complain(play, whose(database), START - DAY)
    found = result(database)
    assert found.evidence["cases"] == 1
    assert "many_cases" in {warning.id for warning in found.warnings}


def test_share_of_the_shops_revenue_and_thin_margin_are_seen(database: Database) -> None:
    order(database, "B1", 500_000, profit_fen=200_000, phone="13900139000")
    order(database, "B2", 50_000, phone="13900139000")  # of unknown profit: in no margin
    for number in range(2):
        order(database, f"A{number}", 100_000, profit_fen=10_000)
    found = result(database)
    assert found.evidence["revenue_share"] == pytest.approx(200_000 / 750_000, abs=1e-4)
    assert found.evidence["margin_gap"] == pytest.approx(220_000 / 700_000 - 0.1, abs=1e-4)
    assert {"dependence", "thin_margin"} <= {warning.id for warning in found.warnings}


def test_every_customer_is_graded_however_many_there_are(database: Database) -> None:
    phones = [f"138{number:08}" for number in range(2 * CHUNK)]
    for number, phone in enumerate(phones):
        order(database, f"A{number}", 300_000, phone=phone)
    grade_all(database)
    assert {row(database, phone).grade for phone in phones} == {"important"}


def test_card_says_how_to_serve_them_and_why_to_look_twice(database: Database) -> None:
    order(database, "B1", 500_000, profit_fen=200_000, phone="13900139000")
    for number in range(2):
        order(database, f"A{number}", 100_000, profit_fen=10_000)
    customer_id = whose(database)
    assert database.read(lambda uow: read_card(uow, customer_id)).strategy == ""
    grade_all(database)
    card = database.read(lambda uow: read_card(uow, customer_id))
    rules = load_customer_rules().value
    texts = {rule.id: rule.text for rule in rules.warnings}
    assert card.strategy in rules.strategies.values()
    assert {texts["dependence"], texts["thin_margin"]} <= set(card.warnings)
    for number in range(8):  # they grow: the shop does not hang on this one any more
        order(database, f"C{number}", 900_000, profit_fen=300_000, phone="13900139000")
    grade_all(database, START + DAY)
    again = database.read(lambda uow: read_card(uow, customer_id))
    assert texts["dependence"] not in again.warnings


@pytest.mark.parametrize(
    ("grade", "by_spin"),
    [("vip", True), ("important", True), ("ordinary", False), ("small", False), (None, False)],
)
def test_turn_hears_of_a_grade_only_how_a_need_is_asked_for(
    play: Play, grade: str | None, by_spin: bool
) -> None:
    conversation = play.start()
    record = play.app.database.read(lambda uow: uow.conversations.get(conversation))
    assert record.customer_id is not None
    play.app.database.write(
        lambda uow: uow.customers.change(record.customer_id or 0, {"grade": grade}, START)
    )
    play.say(conversation, "x")
    assert play.engine.calls[-1][0].facts.asks_by_spin == by_spin
