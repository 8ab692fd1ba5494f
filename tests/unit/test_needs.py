"""Which needs a text names, what answers them, and that a budget is kept (D-SEL-3, 6)."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bot.dialogue.need_finding import SPIN, next_question
from bot.dialogue.needs import budget_in, matching_triple, needs_in, recommend
from bot.knowledge.shop import load_shop
from bot.settings import ROOT

SHOP = load_shop(ROOT / "shops" / "sample")
TODAY = date(2026, 11, 22)


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("晚上睡觉怕吵", ["quiet"]),
        ("家里三口人", ["household"]),
        ("卧室用，20平", ["room_size"]),
        ("平时给爸妈用", ["safe_for_family"]),
        ("多少钱", []),
    ],
)
def test_needs_are_read_from_the_customers_words(text: str, ids: list[str]) -> None:
    assert [each.need.id for each in needs_in(text)] == ids


def test_need_with_a_figure_is_said_back_with_it() -> None:
    assert needs_in("家里三口人")[0].name == "3口人"


@pytest.mark.parametrize(
    ("product_id", "text", "index"),
    [
        ("humidifier", "睡眠浅，怕吵", 1),
        ("humidifier", "老忘了关，家里有老人", 2),
        ("rice_cooker", "早上赶时间", 1),
        ("rice_cooker", "一家五口人", 0),
        ("hair_dryer", "经常出差", 2),
        ("humidifier", "随便看看", None),
    ],
)
def test_triple_that_answers_the_named_need_is_chosen(
    product_id: str, text: str, index: int | None
) -> None:
    product = SHOP.product(product_id)
    assert product is not None
    assert matching_triple(product, text) == index


@pytest.mark.parametrize(
    ("text", "product_id"),
    [
        ("屋里太干了", "humidifier"),
        ("衣柜老返潮", "dehumidifier"),
        ("小孩写作业用", "desk_lamp"),
        ("经常出差，要吹头发", "hair_dryer"),
        ("家里养猫，猫毛多", "vacuum_cleaner"),
        ("新房刚装修，怕甲醛", "air_purifier"),
    ],
)
def test_recommendation_answers_the_need(text: str, product_id: str) -> None:
    found = recommend(SHOP.products, text, today=TODAY)
    assert found is not None and found.product.id == product_id


def test_where_it_stands_alone_recommends_nothing() -> None:
    assert recommend(SHOP.products, "20平的卧室", today=TODAY) is None
    assert recommend(SHOP.products, "随便", today=TODAY) is None


@given(
    st.sampled_from(["怕吵", "早上赶时间", "给爸妈用", "一家三口人", "好打理"]),
    st.integers(5_000, 150_000),
)
def test_nothing_above_the_budget_is_recommended_while_something_within_answers(
    text: str, budget_fen: int
) -> None:
    found = recommend(SHOP.products, text, budget_fen=budget_fen, today=TODAY)
    assert found is not None
    assert found.is_over_budget == (found.product.price_fen > budget_fen)
    if found.is_over_budget:
        free = [recommend([p], text, today=TODAY) for p in SHOP.products]
        assert all(each.product.price_fen > budget_fen for each in free if each)


def test_what_is_out_of_stock_or_out_of_date_is_not_recommended() -> None:
    gone = [replace(each, stock=0) for each in SHOP.products]
    assert recommend(gone, "屋里太干了", today=TODAY) is None
    dated = [replace(each, valid_until="2027-12-31") for each in SHOP.products]
    assert recommend(dated, "屋里太干了", today=date(2027, 12, 31)) is not None
    assert recommend(dated, "屋里太干了", today=date(2028, 1, 1)) is None


def test_budget_is_the_most_that_was_named() -> None:
    assert budget_in([{"entity": "budget", "value": "300", "resolved": 30_000}]) == 30_000
    span = {"min": 20_000, "max": 30_000}
    assert budget_in([{"entity": "budget", "value": "x", "resolved": span}]) == 30_000
    assert budget_in([{"entity": "amount", "value": "300", "resolved": 30_000}]) is None


@pytest.mark.parametrize(
    ("by_spin", "order"),
    [(True, list(SPIN)), (False, ["open", "high_gain", "closed", "imagining"])],
)
def test_need_is_asked_for_by_spin_or_from_open_to_imagining(
    by_spin: bool, order: list[str]
) -> None:
    asked = [""]
    for _ in range(4):
        asked.append(next_question(asked[-1], "短", by_spin=by_spin))
    assert asked[1:] == order
