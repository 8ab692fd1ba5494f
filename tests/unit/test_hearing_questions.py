"""A plain question about the product in talk, read as something else (D-SEL-12)."""

from __future__ import annotations

from datetime import date

import pytest

from bot.dialogue.hearing_questions import is_question_about
from bot.dialogue.product_questions import read_question, recorded_answer
from bot.dialogue.turn import MessageAnalysis
from bot.knowledge.book import load_book
from bot.knowledge.shop import Shop, load_shop
from bot.settings import ROOT

RULES = load_book().selling
TODAY = date(2026, 11, 22)


@pytest.fixture(scope="module")
def shop() -> Shop:
    return load_shop(ROOT / "shops" / "sample")


@pytest.mark.parametrize(
    ("intent", "confidence", "text", "more", "is_asked"),
    [
        ("out_of_scope", 0.4, "恁这风扇吹着吵人不", {}, True),
        ("inform", 0.9, "我问的是噪音，不是价格", {}, True),
        ("ask_price", 0.9, "那噪声呢，高档大概多少", {}, True),
        ("ask_price", 0.9, "静音的多少钱", {}, False),
        ("complaint_product", 0.6, "风扇吵不吵", {}, True),
        ("complaint_product", 0.9, "风扇吵不吵", {}, False),
        ("complaint_product", 0.6, "风扇太吵了，退不退", {}, False),
        ("complaint_product", 0.6, "风扇吵不吵", {"threats": ["authority"]}, False),
        ("objection_product", 0.99, "夜里会不会很吵", {}, True),
        ("objection_product", 0.99, "声音肯定大", {}, False),
        ("inform", 0.9, "家里怕吵", {}, False),
        ("objection_product", 0.9, "請問會不會很吵？我淺眠", {}, True),
        ("complaint_product", 0.8, "这是干嘛用的，屋里太热了", {}, True),
        ("complaint_product", 0.6, "就是老的那台声音太响了", {}, True),
        ("complaint_product", 0.75, "风扇烫不烫手", {"harm": ["bodily"]}, True),
        ("complaint_product", 0.75, "风扇漏电，孩子被电到怎么办", {"harm": ["bodily"]}, False),
        ("objection_product", 0.9, "漏电电到孩子怎么办", {"harm": ["bodily"]}, False),
        ("affirm", 0.9, "嗯，省电吗", {}, True),
        ("affirm", 0.9, "嗯，省电", {}, False),
        ("complaint_product", 0.95, "老的那台退给你们，还没到账", {}, False),
        ("out_of_scope", 0.4, "今天天气怎么样", {}, False),
    ],
)
def test_question_about_what_customers_ask_about_is_heard(
    shop: Shop,
    intent: str,
    confidence: float,
    text: str,
    more: dict[str, object],
    is_asked: bool,
) -> None:
    analysis = MessageAnalysis(1, intent, confidence, **more)  # type: ignore[arg-type]
    fan = shop.product("electric_fan")
    assert is_question_about(RULES, analysis, text, fan, is_on_record=True) is is_asked
    assert not is_question_about(RULES, analysis, text, None, is_on_record=False)


def test_worry_put_as_a_question_is_probed_where_nothing_is_on_record(shop: Shop) -> None:
    analysis = MessageAnalysis(1, "objection_product", 0.99)
    fan = shop.product("electric_fan")
    assert not is_question_about(RULES, analysis, "会不会很吵", fan, is_on_record=False)


@pytest.mark.parametrize(
    ("product_id", "text", "found"),
    [
        ("electric_fan", "风扇吵不吵", "离床两米"),
        ("air_purifier", "噪音多少分贝", "同一份报告"),
        ("vacuum_cleaner", "家里两只猫，猫毛吸得动吗", "沙发缝"),
        ("air_purifier", "滤网一片多少钱", "229元"),
        ("air_purifier", "比上一代强在哪", "安静约3分贝"),
        ("rice_cooker", "我爸不会用怎么办", "老两口"),
        ("air_fryer", "炸鸡翅用油多吗", "32克"),
        ("desk_lamp", "风大不大，吵吗", ""),
    ],
)
def test_what_is_on_record_answers_where_the_catalogue_is_silent(
    shop: Shop, product_id: str, text: str, found: str
) -> None:
    product = shop.product(product_id)
    assert product is not None
    question = read_question(RULES, text, product=product)
    said = recorded_answer(RULES, shop, product, question, text, TODAY)
    assert found in said if found else said == ""
