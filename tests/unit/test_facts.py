"""What may be said of promotions and opening hours."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bot.clock import SHOP_TIME_ZONE
from bot.dialogue.facts import lighter_facts, offer_facts, proof_facts
from bot.knowledge.book import load_book
from bot.knowledge.opening_hours import WEEKDAYS, OpeningHours
from bot.knowledge.selling_material import SellingMaterial
from bot.knowledge.shop import Shop, load_shop
from bot.settings import ROOT

TODAY = datetime(2026, 11, 22, 3, 0, tzinfo=timezone.utc)


@pytest.fixture(scope="module")
def shop() -> Shop:
    shop = load_shop(ROOT / "shops" / "sample")
    coupon = next(each for each in shop.promotions if each.id == "winter_coupon")
    return replace(shop, promotions=(coupon,))


@pytest.mark.parametrize(("price_fen", "is_said"), [(19_899, False), (19_900, True)])
def test_facts_tell_a_coupon_only_where_the_product_reaches_its_minimum(
    shop: Shop, price_fen: int, is_said: bool
) -> None:
    kettle = shop.product("kettle")
    assert kettle is not None
    priced = replace(shop, products=(replace(kettle, price_fen=price_fen),))
    assert ("promotion" in offer_facts(priced, "kettle", "price", TODAY)) == is_said


def test_facts_tell_the_shops_coupon_where_no_product_is_named(shop: Shop) -> None:
    assert "promotion" in offer_facts(shop, None, "price", TODAY)


@pytest.mark.parametrize(
    ("hour_utc", "day", "expected"),
    [
        (3, 23, "2026-11-23T11:00:00+08:00"),  # Monday 11:00, open
        (4, 23, "2026-11-23T13:00:00+08:00"),  # the lunch break
        (14, 23, "2026-11-24T09:00:00+08:00"),  # Monday 22:00
    ],
)
def test_opening_hours_say_when_people_are_there_next(
    shop: Shop, hour_utc: int, day: int, expected: str
) -> None:
    moment = datetime(2026, 11, day, hour_utc, 0, tzinfo=timezone.utc)
    opening = shop.hours.next_opening(moment)
    assert opening is not None and opening.isoformat() == expected
    assert shop.hours.is_open(moment) == (opening == moment)


@pytest.mark.parametrize(
    ("at", "opens"),
    [
        ("2026-11-24T03:00:00+08:00", "2026-11-28T18:00:00+08:00"),
        ("2026-11-28T23:59:59.900+08:00", "2026-11-28T23:59:59.900+08:00"),  # the last moment
        ("2026-11-29T00:00:00+08:00", "2026-11-29T00:00:00+08:00"),  # goes on into Sunday
        ("2026-11-29T01:59:59+08:00", "2026-11-29T01:59:59+08:00"),
        ("2026-11-29T02:00:00+08:00", "2026-11-30T18:00:00+08:00"),
        ("2026-12-01T00:00:00+08:00", "2026-12-05T18:00:00+08:00"),  # Monday ended
    ],
)
def test_a_night_shift_ends_at_midnight_or_goes_on(at: str, opens: str) -> None:
    night = OpeningHours(
        weekly={"mon": ["18:00-24:00"], "sat": ["18:00-24:00"], "sun": ["00:00-02:00"]}
    )
    assert night.next_opening(datetime.fromisoformat(at)) == datetime.fromisoformat(opens)


@given(st.datetimes(datetime(2026, 1, 1), datetime(2029, 1, 1)))
def test_who_is_there_day_and_night_is_always_there(naive: datetime) -> None:
    always = OpeningHours(weekly={day: ["00:00-24:00"] for day in WEEKDAYS})
    assert always.is_open(naive.replace(tzinfo=SHOP_TIME_ZONE))


def test_proof_of_the_product_goes_before_what_holds_for_all_and_policies_come_last() -> None:
    sample = load_shop(ROOT / "shops" / "sample")
    facts = proof_facts(sample, "humidifier", "product", TODAY)
    own = next(each for each in sample.material.proofs if each.id == "humidifier_noise")
    assert facts["proof"] == own.text
    assert facts["second_proof"] != facts["proof"]
    assert "humidifier" not in facts["story"]
    bare = replace(sample, material=SellingMaterial())
    assert proof_facts(bare, "humidifier", "product", TODAY)["proof"] == sample.policy("genuine")


def test_proof_past_its_day_is_not_said() -> None:
    sample = load_shop(ROOT / "shops" / "sample")
    own = next(each for each in sample.material.proofs if each.id == "humidifier_noise")
    late = datetime(2028, 1, 1, tzinfo=timezone.utc)
    assert own.text not in proof_facts(sample, "humidifier", "product", late).values()


def test_lighter_product_does_the_same_work_is_clearly_cheaper_and_in_stock() -> None:
    sample = load_shop(ROOT / "shops" / "sample")
    rice_cooker = sample.product("rice_cooker")
    assert rice_cooker is not None
    language = load_book().language
    facts = lighter_facts(sample, language, rice_cooker, TODAY)
    lighter = next(each for each in sample.products if each.name == facts["lighter"])
    assert lighter.id == "small_rice_cooker"
    purifier = sample.product("air_purifier")  # the cheaper ones of its category clean no air
    assert purifier is not None and lighter_facts(sample, language, purifier, TODAY) == {}
    nearly = tuple(
        replace(each, price_fen=rice_cooker.price_fen * 9 // 10) if each.id == lighter.id else each
        for each in sample.products
    )
    assert lighter_facts(replace(sample, products=nearly), language, rice_cooker, TODAY) == {}
    sold_out = tuple(
        replace(each, stock=0) if each.id != rice_cooker.id else each for each in sample.products
    )
    assert lighter_facts(replace(sample, products=sold_out), language, rice_cooker, TODAY) == {}


def test_wrong_belief_is_corrected_by_the_words_that_show_it() -> None:
    material = load_shop(ROOT / "shops" / "sample").material
    assert material.correction_of("这个要接煤气吧", "air_fryer")
    assert material.correction_of("这个要接煤气吧", "desk_lamp") == ""
    assert material.correction_of("不错", "air_fryer") == ""


def test_proof_of_what_was_asked_goes_first_and_none_is_told_twice_running() -> None:
    sample = load_shop(ROOT / "shops" / "sample")
    genuine = sample.policy("genuine")
    asked = {"about": "收到的是翻新机怎么办"}
    assert proof_facts(sample, "humidifier", "product", TODAY, **asked)["proof"] == genuine
    again = proof_facts(sample, "humidifier", "product", TODAY, **asked, just_said=genuine)
    assert again["proof"] != genuine
