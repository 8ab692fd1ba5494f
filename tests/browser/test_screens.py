"""Small screens, large type, less motion."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.shop_server import ShopServer
from tests.browser.visitor import WORDS, Visit, Visitor

PHONE: dict[str, Any] = {"has_touch": True, "is_mobile": True, "device_scale_factor": 2}
SCREENS: dict[str, dict[str, Any]] = {
    "phone_390": {"viewport": {"width": 390, "height": 844}, **PHONE},
    "phone_320": {"viewport": {"width": 320, "height": 568}, **PHONE},
    "keyboard_is_up": {"viewport": {"width": 360, "height": 320}, **PHONE},
    # A desktop of 1280 x 800 at 200 % has half of that in CSS pixels.
    "zoom_200": {"viewport": {"width": 640, "height": 400}, "device_scale_factor": 2},
}
WIDER_THAN_THEMSELVES = """(root) => Array.from(root.querySelectorAll('*'))
    .concat(document.documentElement)
    .filter((each) => each.scrollWidth > each.clientWidth + 1 && each.clientWidth > 0
        && !['hidden', 'clip', 'visible'].includes(getComputedStyle(each).overflowX))
    .map((each) => `${each.tagName}.${each.className} ${each.scrollWidth} > ${each.clientWidth}`)"""
OUTSIDE = """(root) => Array.from(root.querySelectorAll('button, textarea, a, .pl-bubble, article'))
    .filter((each) => {
        const box = each.getBoundingClientRect()
        return box.width > 0 && (box.left < -0.5 || box.right > innerWidth + 0.5)
    })
    .map((each) => `${each.tagName}.${each.className} ${each.textContent}`)"""
MOST_MOVING = """async (host) => {
    const lasts = (each) => (each.effect.getComputedTiming().activeDuration || 0) > 1
    let most = 0
    for (let frame = 0; frame < 60; frame++) {
        await new Promise(requestAnimationFrame)
        most = Math.max(most, host.shadowRoot.getAnimations().filter(lasts).length)
    }
    return most
}"""
LONG = "https://shop.example/" + "a-very-long-address/" * 12


def talk(visitor: Visitor) -> None:
    for text in ("card", "options", LONG, "加湿器开一整晚要多少水" * 12):
        visitor.ask(text)
    visitor.button("standing.problem").click()
    expect(visitor.case_card).to_be_visible()


def assert_fits(visitor: Visitor) -> None:
    panel = visitor.panel
    assert panel.evaluate(WIDER_THAN_THEMSELVES) == []
    assert panel.evaluate(OUTSIDE) == []
    width = visitor.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width[0] <= width[1], "the page scrolls sideways"
    for part in (visitor.composer, visitor.button("action.send"), visitor.button("panel.close")):
        expect(part).to_be_in_viewport(ratio=1)
    assert visitor.log.locator("xpath=..").evaluate("box => box.clientHeight") >= 60


@pytest.mark.parametrize("name", SCREENS)
def test_everything_is_in_reach_on(shop: ShopServer, visit: Visit, name: str) -> None:
    visitor = visit(shop.address, **SCREENS[name]).open()
    assert_fits(visitor)
    talk(visitor)
    assert_fits(visitor)
    visitor.composer.fill("six\n" * 8)
    assert_fits(visitor)
    visitor.composer.fill("end")
    visitor.button("action.send").click()
    visitor.sees("re: end")
    visitor.button("panel.end").click()
    expect(visitor.button("survey.skip")).to_be_in_viewport(ratio=1)
    if name != "keyboard_is_up":  # which it is not while the question is asked
        expect(visitor.composer).to_be_in_viewport(ratio=1)


def test_phone_does_not_zoom_into_the_field_and_says_send(shop: ShopServer, visit: Visit) -> None:
    visitor = visit(shop.address, **SCREENS["phone_390"]).open()
    size = visitor.composer.evaluate("field => parseFloat(getComputedStyle(field).fontSize)")
    assert size >= 16
    expect(visitor.composer).to_have_attribute("enterkeyhint", "send")


def test_targets_are_large_enough_to_tap(shop: ShopServer, visit: Visit) -> None:
    visitor = visit(shop.address, **SCREENS["phone_320"]).open()
    visitor.ask("options")
    boxes = [each.bounding_box() for each in visitor.panel.get_by_role("button").all()]
    small = [box for box in boxes if box and min(box["width"], box["height"]) < 24]
    assert boxes and not small


@pytest.mark.parametrize(("wish", "moves"), [("no-preference", True), ("reduce", False)])
def test_motion_follows_the_visitors_wish(
    shop: ShopServer, visit: Visit, wish: str, moves: bool
) -> None:
    visitor = visit(shop.address, reduced_motion=wish)
    visitor.page.evaluate("() => prelude.open()")
    expect(visitor.composer).to_be_visible()
    visitor.say("card")
    counted = visitor.host.evaluate(MOST_MOVING)
    assert (counted > 0) == moves


def test_english_and_traditional_faces_have_their_words(shop: ShopServer, visit: Visit) -> None:
    visitor = visit(shop.address).open()
    glyphs = visitor.composer.evaluate("field => getComputedStyle(field).fontFamily")
    assert "Noto Sans CJK SC" in glyphs and "PingFang SC" in glyphs
    expect(visitor.button("standing.person")).to_be_visible()
    assert WORDS["standing.person"] == "转人工"
