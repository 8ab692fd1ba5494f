"""What may be said of promotions and opening hours."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from msgspec.structs import replace

from bot.dialogue.facts import offer_facts
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
