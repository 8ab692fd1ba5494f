"""Chinese input methods: the Enter that takes a candidate sends nothing (pitfall 1)."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import CDPSession, expect

from tests.browser.shop_server import ShopServer
from tests.browser.visitor import Visit, Visitor

COMPOSING = 229  # the key code of every key that an input method has taken
WATCH = """() => {
    window.heard = []
    for (const name of ['compositionstart', 'compositionend', 'keydown'])
        window.addEventListener(name, (event) => window.heard.push(
            name === 'keydown' ? `${event.key} ${event.keyCode} ${event.isComposing}` : name
        ), true)
}"""


class InputMethod:
    """Composes in the focused field as Chromium lets an input method do it."""

    def __init__(self, visitor: Visitor) -> None:
        self._session: CDPSession = visitor.page.context.new_cdp_session(visitor.page)

    def compose(self, text: str) -> None:
        place = len(text)
        self._send("Input.imeSetComposition", text=text, selectionStart=place, selectionEnd=place)

    def commit(self, text: str) -> None:
        self._send("Input.insertText", text=text)

    def press(self, key: str, key_code: int) -> None:
        for kind in ("rawKeyDown", "keyUp"):
            values = {"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": key_code}
            self._send("Input.dispatchKeyEvent", **values)

    def _send(self, method: str, **values: Any) -> None:
        self._session.send(method, values)


def compose_in_chromes_order(method: InputMethod) -> None:
    """The key comes while the composition is on, then it ends."""
    method.compose("n")
    method.compose("ni hao")
    method.press("Enter", COMPOSING)
    method.commit("你好")


def compose_in_safaris_order(method: InputMethod) -> None:
    """The composition ends first; only the key code says whose the key was."""
    method.compose("n")
    method.compose("ni hao")
    method.commit("你好")
    method.press("Enter", COMPOSING)


ORDERS = {
    compose_in_chromes_order: ["compositionstart", "Enter 229 true", "compositionend"],
    compose_in_safaris_order: ["compositionstart", "compositionend", "Enter 229 false"],
}


@pytest.mark.parametrize("compose", ORDERS)
def test_enter_that_takes_a_candidate_sends_nothing(
    shop: ShopServer, visit: Visit, compose: Any
) -> None:
    visitor = visit(shop.address).open()
    visitor.page.evaluate(WATCH)
    visitor.composer.focus()
    compose(InputMethod(visitor))
    assert visitor.page.evaluate("heard") == ORDERS[compose], "not the order meant here"

    expect(visitor.composer).to_have_value("你好")
    visitor.composer.press("End")
    visitor.page.keyboard.type("吗")
    visitor.composer.press("Enter")
    visitor.sees("re: 你好吗")
    expect(visitor.composer).to_have_value("")
    assert shop.said(visitor.conversation) == ["你好吗"]


def test_escape_that_drops_a_composition_leaves_the_window_open(
    shop: ShopServer, visit: Visit
) -> None:
    visitor = visit(shop.address).open()
    visitor.composer.focus()
    method = InputMethod(visitor)
    method.compose("ni")
    method.press("Escape", COMPOSING)
    expect(visitor.panel).to_be_visible()


def test_shift_enter_breaks_the_line(shop: ShopServer, visit: Visit) -> None:
    visitor = visit(shop.address).open()
    visitor.composer.fill("first")
    visitor.composer.press("Shift+Enter")
    visitor.page.keyboard.type("second")
    visitor.composer.press("Enter")
    expect(visitor.bubbles("own")).to_have_text("first\nsecond")
    assert shop.said(visitor.conversation) == ["first\nsecond"]
