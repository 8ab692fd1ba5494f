"""Everything without a mouse, and what a screen reader is told."""

from __future__ import annotations

from playwright.sync_api import Locator, expect

from tests.browser.shop_server import ShopServer
from tests.browser.visitor import WORDS, Visit, Visitor

MOST_STEPS = 25


def tab_to(visitor: Visitor, target: Locator, key: str = "Tab") -> None:
    """Press the key until `target` has the focus."""
    for _ in range(MOST_STEPS):
        if target.evaluate("each => each.getRootNode().activeElement === each"):
            return
        visitor.page.keyboard.press(key)
    raise AssertionError(f"{MOST_STEPS} times {key} do not reach {target}")


def test_talk_by_keyboard_alone(shop: ShopServer, visit: Visit) -> None:
    visitor = visit(shop.address)
    keyboard = visitor.page.keyboard
    tab_to(visitor, visitor.launcher)
    keyboard.press("Enter")
    expect(visitor.composer).to_be_focused()
    visitor.wait_until_online()
    keyboard.type("options")
    keyboard.press("Enter")
    visitor.sees("re: options")
    expect(visitor.composer).to_be_focused()

    chip = visitor.panel.get_by_role("button", name="See prices", exact=True)
    tab_to(visitor, chip, "Shift+Tab")
    keyboard.press("Enter")
    visitor.sees("re: See prices [ask_price]")
    tab_to(visitor, visitor.composer)
    keyboard.press("Escape")
    expect(visitor.panel).to_have_count(0)
    expect(visitor.launcher).to_be_focused()
    keyboard.press("Enter")
    expect(visitor.composer).to_be_focused()
    assert shop.said(visitor.conversation) == ["options", "See prices"]


def test_focus_is_not_lost_with_the_button_that_goes(shop: ShopServer, visit: Visit) -> None:
    visitor = visit(shop.address).open()
    visitor.ask("options")
    visitor.panel.get_by_role("button", name="See prices", exact=True).press("Enter")
    visitor.sees("re: See prices [ask_price]")
    inside = "host => !!host.shadowRoot.activeElement"
    assert visitor.host.evaluate(inside), "the focus fell out of the window"


def test_survey_by_keyboard_alone(shop: ShopServer, visit: Visit) -> None:
    visitor = visit(shop.address).open()
    visitor.ask("hello")
    keyboard = visitor.page.keyboard
    visitor.composer.focus()
    tab_to(visitor, visitor.button("panel.end"), "Shift+Tab")
    keyboard.press("Enter")
    score = visitor.survey.get_by_role("radio").first
    tab_to(visitor, score)
    keyboard.press("ArrowRight")
    keyboard.press("ArrowRight")
    tab_to(visitor, visitor.button("survey.send"))
    keyboard.press("Enter")
    expect(visitor.survey).to_have_count(0)
    expect(visitor.composer).to_be_focused()
    sql = "SELECT score FROM satisfaction WHERE conversation_id = ?"
    assert [row["score"] for row in shop.rows(sql, visitor.conversation)] == [3]


def test_screen_reader_is_told_who_speaks_and_what_happens(shop: ShopServer, visit: Visit) -> None:
    visitor = visit(shop.address).open()
    visitor.ask("hello")
    expect(visitor.log).to_have_attribute("aria-live", "polite")
    rows = visitor.log.locator(".pl-row")
    expect(rows.nth(1)).to_contain_text(WORDS["speaker.you"])
    expect(rows.nth(2)).to_contain_text(WORDS["speaker.bot"])
    status = visitor.panel.get_by_role("status")
    expect(status).to_have_count(2)  # one for the connection, one for typing, before they speak
    visitor.button("standing.person").click()
    expect(status.first).to_contain_text(WORDS["notice.queue"].split("{n}")[0])
    expect(visitor.panel).to_have_accessible_name("栗岸小家电铺")
