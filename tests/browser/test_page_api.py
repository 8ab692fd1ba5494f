"""What a host page can ask of the widget, and what it is told."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import jwt
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import IDENTITY_SECRET
from tests.browser.host_pages import HostPages
from tests.browser.shop_server import ShopServer
from tests.browser.visitor import WORDS, Visit, Visitor
from tests.crash.server_process import wait_for

LISTEN = """() => {
    window.told = []
    for (const name of ['open', 'close', 'message'])
        prelude.on(name, (detail) => told.push(detail ? `${name} ${detail.text}` : name))
}"""
BOUND = (
    "SELECT identity_sub, customer.name FROM conversation JOIN customer"
    " ON customer.id = conversation.customer_id WHERE conversation.id = ?"
)


def signed(subject: str, **changes: Any) -> str:
    expires = datetime.now(timezone.utc) + timedelta(hours=1)
    claims = {"sub": subject, "name": "王芳", "aud": "sample", "exp": int(expires.timestamp())}
    return jwt.encode({**claims, **changes}, IDENTITY_SECRET, "HS256")


def customer_of(shop: ShopServer, visitor: Visitor) -> str | None:
    rows = shop.rows(BOUND, visitor.conversation)
    return rows[0]["identity_sub"] if rows else None


def test_page_opens_closes_and_hears(shop: ShopServer, visit: Visit) -> None:
    visitor = visit(shop.address)
    visitor.page.evaluate(LISTEN)
    visitor.api("open")
    expect(visitor.composer).to_be_visible()
    visitor.wait_until_online()
    visitor.ask("hello")
    visitor.api("close")
    expect(visitor.panel).to_have_count(0)
    assert visitor.page.evaluate("told") == ["open", "message re: hello", "close"]


def test_listener_that_was_ended_or_that_fails_stops_nothing(
    shop: ShopServer, visit: Visit
) -> None:
    visitor = visit(shop.address)
    visitor.page.evaluate("() => { window.told = []; window.off = prelude.on('open', told.push) }")
    visitor.page.evaluate("() => { off(); prelude.on('nonsense', 3); prelude.setContext(null) }")
    visitor.open().ask("hello")
    assert visitor.page.evaluate("told") == []


def test_calls_before_the_script_wait_for_it(
    shop: ShopServer, host_pages: HostPages, visit: Visit
) -> None:
    early = "window.prelude = [['setContext', {product: 'kettle'}], ['open']]"
    script = host_pages.put("/early.js", early, "application/javascript")
    address = host_pages.plain(shop.address, head=f'<script src="{script}"></script>')
    visitor = visit(shop.address, address)
    expect(visitor.composer).to_be_visible()
    visitor.wait_until_online()
    sql = "SELECT product_id FROM conversation WHERE id = ?"
    assert [row["product_id"] for row in shop.rows(sql, visitor.conversation)] == ["kettle"]


def test_logged_in_customer_takes_the_talk_along_and_leaves_it_at_the_door(
    shop: ShopServer, visit: Visit
) -> None:
    visitor = visit(shop.address).open()
    visitor.ask("as a visitor")
    visitor.api("identify", signed("c-7"))
    wait_for(lambda: customer_of(shop, visitor) in ("c-7", None), 15.0)
    visitor.ask("as a customer")
    theirs = shop.rows("SELECT id FROM conversation WHERE identity_sub = 'c-7'")
    assert len(theirs) == 1
    assert shop.said(theirs[0]["id"]) == ["as a visitor", "as a customer"]
    assert shop.rows(BOUND, theirs[0]["id"])[0]["name"] == "王芳"

    visitor.api("identify", "")
    expect(visitor.bubbles("own")).to_have_count(0)
    visitor.api("identify", signed("c-7"))
    expect(visitor.bubbles("own")).to_have_text(["as a visitor", "as a customer"])
    visitor.api("identify", "")
    expect(visitor.bubbles("own")).to_have_count(0)
    visitor.ask("somebody else at this computer")
    assert shop.said(theirs[0]["id"]) == ["as a visitor", "as a customer"]


@pytest.mark.parametrize(
    "token",
    [
        signed("c-8", aud="another shop"),
        signed("c-8", exp=1),
        signed("c-8", exp=4_000_000_000),
        jwt.encode({"sub": "c-8", "aud": "sample", "exp": 4e9}, "x" * 40, "HS256"),
        "nonsense",
    ],
    ids=["another_shop", "expired", "good_for_too_long", "forged", "nonsense"],
)
def test_customer_who_is_not_believed_goes_on_as_a_visitor(
    shop: ShopServer, visit: Visit, token: str
) -> None:
    visitor = visit(shop.address)
    visitor.api("identify", token)
    visitor.open().ask("hello")
    assert customer_of(shop, visitor) is None
    assert shop.said(visitor.conversation) == ["hello"]
    assert shop.rows("SELECT id FROM conversation WHERE identity_sub = 'c-8'") == []


def test_attributes_of_the_tag_are_followed(
    shop: ShopServer, host_pages: HostPages, visit: Visit
) -> None:
    attributes = (
        'data-color="#2d5f8b" data-position="left" data-greeting="欢迎光临" '
        'data-quick="有优惠吗,怎么退换" data-title="小店" data-open'
    )
    visitor = visit(shop.address, host_pages.plain(shop.address, attributes=attributes))
    expect(visitor.composer).to_be_visible()
    visitor.wait_until_online()
    expect(visitor.bubbles("bot")).to_have_text(["欢迎光临"])
    expect(visitor.panel.get_by_role("heading", name="小店")).to_be_visible()
    expect(visitor.panel.locator("header")).to_contain_text(WORDS["header.automatic"])
    box = visitor.launcher.bounding_box()
    assert box is not None and box["x"] < 200
    visitor.panel.get_by_role("button", name="怎么退换", exact=True).click()
    visitor.sees("re: 怎么退换")
