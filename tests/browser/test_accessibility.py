"""axe finds nothing, whatever the widget shows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.cuttable_line import CuttableLine
from tests.browser.shop_server import ShopServer
from tests.browser.visitor import WORDS, Visit, Visitor
from tests.crash.test_picture_files import photo, save

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text("utf-8")
RUN = """async () => {
    const found = await axe.run(document, { resultTypes: ['violations'] })
    return found.violations.flatMap((rule) => rule.nodes.map(
        (node) => `${rule.id}: ${node.target.flat().join(' ')}: ${node.failureSummary}`
    ))
}"""

# The server refuses a frame with an unknown field.
SPOIL_MESSAGES = """() => {
    const send = WebSocket.prototype.send
    WebSocket.prototype.send = function (text) {
        const frame = JSON.parse(text)
        if (frame.type === 'message') frame.unknown = 1
        send.call(this, JSON.stringify(frame))
    }
}"""


def closed(visitor: Visitor, shop: ShopServer) -> None:
    expect(visitor.launcher).to_be_visible()


def open_and_empty(visitor: Visitor, shop: ShopServer) -> None:
    visitor.open()


def talking(visitor: Visitor, shop: ShopServer) -> None:
    visitor.open().ask("look at https://shop.example/a")
    visitor.ask("phone")
    visitor.ask("options")


def product_card(visitor: Visitor, shop: ShopServer) -> None:
    visitor.open().ask("card")
    expect(visitor.log.get_by_role("article")).to_be_visible()


def case_card(visitor: Visitor, shop: ShopServer) -> None:
    visitor.open().button("standing.problem").click()
    expect(visitor.case_card).to_be_visible()


def queue(visitor: Visitor, shop: ShopServer) -> None:
    visitor.open().button("standing.person").click()
    expect(visitor.notices).to_have_count(1)
    visitor.say("waiting")
    expect(visitor.log).to_contain_text(WORDS["mark.held"])


def agent(visitor: Visitor, shop: ShopServer) -> None:
    visitor.open().ask("hello")
    person = {"conversation": visitor.conversation, "name": "阿霞"}
    shop.admin("user.add", name="阿霞", role="agent")
    shop.admin("queue.claim", **person)
    shop.admin("queue.answer", **person, text="您好")
    expect(visitor.bubbles("agent")).to_have_text(["您好"])


def survey(visitor: Visitor, shop: ShopServer) -> None:
    visitor.open().ask("hello")
    visitor.button("panel.end").click()
    visitor.survey.get_by_role("radio").first.click()
    expect(visitor.button("survey.send")).to_be_visible()


def after_the_survey(visitor: Visitor, shop: ShopServer) -> None:
    survey(visitor, shop)
    visitor.button("survey.send").click()
    expect(visitor.button("survey.anew")).to_be_visible()


def upload_preview(visitor: Visitor, shop: ShopServer) -> None:
    visitor.open()
    choose(visitor, save(photo(), "JPEG"))
    expect(visitor.panel.locator(".pl-draft")).to_contain_text(WORDS["picture.ready"])


def upload_error(visitor: Visitor, shop: ShopServer) -> None:
    visitor.open()
    choose(visitor, b"no picture")
    expect(visitor.panel.locator(".pl-draft")).to_contain_text(WORDS["picture.fault.type"])


def message_error(visitor: Visitor, shop: ShopServer) -> None:
    visitor.open().ask("hello")
    visitor.page.evaluate(SPOIL_MESSAGES)
    visitor.say("refused")
    expect(visitor.unsent.get_by_role("button")).to_have_count(2)


def choose(visitor: Visitor, data: bytes) -> None:
    file: Any = {"name": "cup.jpg", "mimeType": "image/jpeg", "buffer": data}
    visitor.panel.locator("input[type=file]").set_input_files([file])


STATES: list[Callable[[Visitor, ShopServer], None]] = [
    closed,
    open_and_empty,
    talking,
    product_card,
    case_card,
    queue,
    agent,
    survey,
    after_the_survey,
    upload_preview,
    upload_error,
    message_error,
]


def violations(visitor: Visitor) -> list[str]:
    visitor.page.evaluate(AXE)
    found: list[str] = visitor.page.evaluate(RUN)
    return found


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_axe_finds_nothing_when(
    shop: ShopServer, visit: Visit, state: Callable[[Visitor, ShopServer], None]
) -> None:
    visitor = visit(shop.address, reduced_motion="reduce")
    state(visitor, shop)
    assert violations(visitor) == []


def test_axe_finds_nothing_when_the_line_is_cut(shop: ShopServer, visit: Visit) -> None:
    line = CuttableLine(shop.port)
    visitor = visit(line.address, reduced_motion="reduce").open()
    visitor.ask("before")
    line.cut()
    visitor.say("kept")
    expect(visitor.panel.locator(".pl-trouble")).to_be_visible()
    assert violations(visitor) == []
    line.close()


@pytest.mark.parametrize("path", ["/", "/case.html", "/privacy", "/embed/index.html"])
def test_axe_finds_nothing_on_the_page(shop: ShopServer, visit: Visit, path: str) -> None:
    visitor = visit(shop.address, shop.address + path, reduced_motion="reduce")
    visitor.page.wait_for_load_state("networkidle")
    assert violations(visitor) == []


def test_axe_finds_what_is_wrong_inside_the_shadow_tree(shop: ShopServer, visit: Visit) -> None:
    visitor = visit(shop.address).open()
    visitor.composer.evaluate("field => field.removeAttribute('aria-label')")
    visitor.composer.evaluate("field => field.removeAttribute('placeholder')")
    assert any(each.startswith("label:") for each in violations(visitor))
