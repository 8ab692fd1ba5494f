"""From the page to the database through the real engine, on the demo shop's own page."""

from __future__ import annotations

import re
from datetime import datetime, timezone

from playwright.sync_api import expect

from bot.clock import SHOP_TIME_ZONE
from tests.browser.shop_server import ShopServer
from tests.browser.visitor import WORDS, Visit

OBJECTIONS = "SELECT id, kind, state FROM objection WHERE conversation_id = ?"
TECHNIQUES = "SELECT technique FROM technique_use WHERE objection_id = ?"
CASES = "SELECT * FROM complaint_case WHERE conversation_id = ?"


def yuan_of(shop: ShopServer, product: str) -> str:
    row = shop.rows("SELECT price_fen FROM product WHERE id = ?", product)[0]
    return f"{row['price_fen'] / 100:g}"


def test_price_objection_from_the_page_to_the_ledger(real_shop: ShopServer, visit: Visit) -> None:
    visitor = visit(real_shop.address, f"{real_shop.address}/").open()
    expect(visitor.bubbles("bot").first).to_contain_text(WORDS["header.automatic"])
    visitor.say("加湿器多少钱")
    expect(visitor.bubbles("bot").nth(1)).to_contain_text(yuan_of(real_shop, "humidifier"))
    card = visitor.log.get_by_role("article").first
    expect(card).to_contain_text(f"¥{yuan_of(real_shop, 'humidifier')}")
    visitor.say("这个加湿器太贵了")
    expect(visitor.bubbles("bot")).to_have_count(4)
    found = real_shop.rows(OBJECTIONS, visitor.conversation)
    assert [(row["kind"], row["state"]) for row in found] == [("price", "probed")]
    visitor.say("没别的了")
    expect(visitor.bubbles("bot")).to_have_count(6)
    found = real_shop.rows(OBJECTIONS, visitor.conversation)
    assert [(row["kind"], row["state"]) for row in found] == [("price", "answered")]
    used = real_shop.rows(TECHNIQUES, found[0]["id"])
    assert [row["technique"] for row in used] == ["breakdown"]

    visitor.say("可以接受")
    visitor.panel.get_by_role("button", name="怎么下单", exact=True).click()
    expect(visitor.bubbles("own")).to_have_count(5)
    expect(visitor.panel.locator(".pl-typing")).to_have_text("")
    found = real_shop.rows(OBJECTIONS, visitor.conversation)
    assert [(row["kind"], row["state"]) for row in found] == [("price", "settled")]
    said = ["加湿器多少钱", "这个加湿器太贵了", "没别的了", "可以接受", "怎么下单"]
    assert real_shop.said(visitor.conversation) == said
    assert real_shop.rows(CASES, visitor.conversation) == []


def test_broken_cup_from_the_page_to_the_case_and_its_progress(
    real_shop: ShopServer, visit: Visit
) -> None:
    # Far from the shop: its times are the shop's all the same.
    page = f"{real_shop.address}/"
    visitor = visit(real_shop.address, page, timezone_id="America/New_York").open()
    visitor.say("收到的杯子是碎的")
    expect(visitor.case_card).to_be_visible()
    case = real_shop.rows(CASES, visitor.conversation)[0]
    deadline = datetime.fromisoformat(case["deadline_at"]).replace(tzinfo=timezone.utc)
    clock = deadline.astimezone(SHOP_TIME_ZONE).strftime("%H:%M")
    expect(visitor.case_card).to_contain_text(case["number"])
    expect(visitor.case_card).to_contain_text(WORDS["stage.acknowledgement"])
    expect(visitor.case_card.locator("time")).to_have_text(re.compile(rf".+ {clock}$"))
    said = "\n".join(visitor.texts("bot"))
    assert case["number"] in said
    assert (case["stage"], case["severity"]) == ("acknowledgement", "slight")
    assert real_shop.rows(OBJECTIONS, visitor.conversation) == []

    visitor.page.reload()
    visitor.open()
    expect(visitor.case_card).to_contain_text(case["number"])
    with visitor.page.expect_popup() as opened:
        visitor.case_card.get_by_role("link", name=WORDS["case.progress"]).click()
    progress = opened.value
    expect(progress.get_by_text(case["number"]).first).to_be_visible()
    expect(progress.get_by_text(WORDS["event.opened"])).to_be_visible()
    expect(progress.get_by_text(clock).first).to_be_visible()


def test_this_one_is_the_product_that_the_customer_looks_at(
    real_shop: ShopServer, visit: Visit
) -> None:
    visitor = visit(real_shop.address)
    visitor.api("setContext", {"product": "kettle", "page": "https://shop.example/kettle"})
    visitor.open().say("这个多少钱")
    expect(visitor.bubbles("bot").nth(1)).to_contain_text(yuan_of(real_shop, "kettle"))
    visitor.api("setContext", {"product": "desk_lamp"})
    visitor.say("这个多少钱")
    expect(visitor.bubbles("bot").nth(2)).to_contain_text(yuan_of(real_shop, "desk_lamp"))
    sql = "SELECT product_id, page FROM conversation WHERE id = ?"
    row = real_shop.rows(sql, visitor.conversation)[0]
    assert row["product_id"] == "desk_lamp"
