"""What a question about goods asks for; only what is recorded is an answer (D-SEL-12)."""

from __future__ import annotations

from datetime import date
from itertools import permutations

import pytest
from msgspec.structs import replace

from bot.dialogue.product_questions import (
    alternative_to,
    difference_of,
    other_of,
    read_question,
    stock_of,
)
from bot.knowledge.book import load_book
from bot.knowledge.products import Product
from bot.knowledge.shop import Shop, load_shop
from bot.settings import ROOT

BOOK = load_book()
RULES = BOOK.selling
TODAY = date(2026, 11, 22)


@pytest.fixture(scope="module")
def shop() -> Shop:
    return load_shop(ROOT / "shops" / "sample")


def goods(shop: Shop, product_id: str) -> Product:
    found = shop.product(product_id)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("product_id", "text", "topic", "aspect"),
    [
        ("humidifier", "加湿器吵不吵", "fact", "noise"),
        ("humidifier", "这个还有货吗", "stock", ""),
        ("air_purifier", "净化器适合多大房间", "fact", "room"),
        ("kettle", "热水壶是什么材质的", "fact", "material"),
        ("kettle", "壶身烫手吗", "fact", "touch"),
        ("kettle", "烧水会不会烧干", "fact", "safety"),
        ("kettle", "看看有哪些产品", "catalogue", ""),
        ("kettle", "你们几点关门", "hours", ""),
        ("vacuum_cleaner", "吸尘器重不重", "fact", "weight"),
        ("desk_lamp", "台灯护眼吗", "fact", "light"),
        ("hair_dryer", "吹风机多少瓦", "fact", "power"),
        ("air_fryer", "炸锅吵吗", "unknown", "noise"),
        ("air_fryer", "有红色的吗", "unknown", "colour"),
        ("rice_cooker", "能蒸鱼吗", "unknown", ""),
        ("rice_cooker", "电饭煲能煮粥吗", "fact", ""),
        ("air_fryer", "能做鸡翅吗", "fact", ""),
        ("air_fryer", "介绍一下空气炸锅", "overview", ""),
        ("air_fryer", "这个怎么样", "overview", ""),
        ("air_fryer", "这个怎么用", "policy", "usage"),
        ("air_fryer", "有什么特别的吗", "special", ""),
        ("air_fryer", "哪款适合我", "choice", ""),
        (None, "有什么推荐的吗", "choice", ""),
        (None, "看看有哪些产品", "overview", ""),
    ],
)
def test_question_is_read_by_what_it_asks_about(
    shop: Shop, product_id: str | None, text: str, topic: str, aspect: str
) -> None:
    product = shop.product(product_id)
    concepts = ("ATTR_COLOR",) if "色" in text else ()
    question = read_question(RULES, text, concepts=concepts, product=product)
    assert (question.topic, question.aspect) == (topic, aspect)


def test_fact_is_the_feature_that_tells_what_was_asked(shop: Shop) -> None:
    humidifier = goods(shop, "humidifier")
    question = read_question(RULES, "加湿器吵不吵", product=humidifier)
    assert question.triple is not None
    assert "分贝" in humidifier.features[question.triple]


def test_difference_needs_two_products(shop: Shop) -> None:
    fryer = goods(shop, "air_fryer")
    text = "和电饭煲有什么区别"
    pair = read_question(RULES, text, product=fryer, named=["rice_cooker"])
    assert pair.topic == "difference"
    assert read_question(RULES, "跟别的有什么区别", product=fryer).topic == "special"
    assert other_of(shop, fryer, ["rice_cooker", "air_fryer"]) == goods(shop, "rice_cooker")


def test_difference_names_only_what_is_recorded_of_both(shop: Shop) -> None:
    fan, purifier = goods(shop, "electric_fan"), goods(shop, "air_purifier")
    text = difference_of(RULES, BOOK.language, fan, purifier)
    assert "259元" in text and "899元" in text
    assert "24个月" in text and "6年" in text
    assert any(each in text for each in (*fan.features, *purifier.features))
    for one, other in permutations(shop.products, 2):
        text = difference_of(RULES, BOOK.language, one, other)
        for each in sorted((*one.features, *other.features), key=len, reverse=True):
            text = text.replace(each, "")
        follows = (*one.advantages, *other.advantages, *one.benefits, *other.benefits)
        assert not [each for each in follows if each in text]


@pytest.mark.parametrize(("pieces", "state"), [(6, "in"), (5, "few"), (1, "few"), (0, "out")])
def test_stock_is_told_as_it_is(shop: Shop, pieces: int, state: str) -> None:
    cooker = replace(goods(shop, "rice_cooker"), stock=pieces)
    assert stock_of(RULES, shop, cooker, TODAY) == state


def test_alternative_is_in_stock_and_does_the_same_work(shop: Shop) -> None:
    cooker = replace(goods(shop, "rice_cooker"), stock=0)
    other = alternative_to(RULES, shop, cooker, TODAY)
    assert other is not None and (other.id, other.stock > 0) == ("small_rice_cooker", True)
    kettle = replace(goods(shop, "kettle"), stock=0)  # others of its category boil no water
    assert alternative_to(RULES, shop, kettle, TODAY) is None
    lamp = replace(goods(shop, "desk_lamp"), stock=0)
    assert alternative_to(RULES, shop, lamp, TODAY) is None
    assert stock_of(RULES, shop, lamp, TODAY) == "out_alone"


def test_alternative_past_its_date_is_none(shop: Shop) -> None:
    cooker = goods(shop, "rice_cooker")
    dated = [replace(each, valid_until="2027-12-31") for each in shop.products]
    stale = replace(shop, products=tuple(dated))
    assert alternative_to(RULES, stale, cooker, date(2027, 12, 31)) is not None
    assert alternative_to(RULES, stale, cooker, date(2028, 1, 1)) is None
