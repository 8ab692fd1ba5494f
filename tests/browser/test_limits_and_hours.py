"""A shop that is closed and slow to take more: both are told honestly, and nothing is lost."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import BURST
from tests.browser.shop_folder import CLOSED_AT, OPENS
from tests.browser.shop_server import ShopServer
from tests.browser.visitor import WORDS, Visit


def test_closed_hours_are_told_with_the_time_of_opening(
    strict_shop: ShopServer, visit: Visit
) -> None:
    visitor = visit(strict_shop.address, at=CLOSED_AT).open()
    expect(visitor.notices).to_have_text([WORDS["notice.closed"].format(time=OPENS)])
    visitor.ask("hello")
    visitor.button("standing.person").click()
    expect(visitor.notices).to_have_text([WORDS["notice.closed_queue"].format(time=OPENS)])


def test_limit_is_told_and_what_was_too_much_is_stored_once_later(
    strict_shop: ShopServer, visit: Visit
) -> None:
    visitor = visit(strict_shop.address).open()
    texts = [f"message {number}" for number in range(BURST + 2)]
    for text in texts:
        visitor.say(text)
    trouble = visitor.panel.locator(".pl-trouble")
    told = WORDS["notice.slow_down"].split("{n}")
    expect(trouble).to_contain_text(told[0])
    expect(trouble).to_contain_text(told[1])
    expect(visitor.unsent).to_have_count(2)
    assert strict_shop.said(visitor.conversation) == texts[:BURST]

    visitor.button("standing.person").click()
    expect(visitor.unsent).to_have_count(0)
    expect(trouble).to_have_count(0)
    assert owner_of(strict_shop, visitor.conversation) == "queue"
    asked = WORDS["standing.person"]  # it did not wait for what was too much
    assert strict_shop.said(visitor.conversation) == [*texts[:BURST], asked, *texts[BURST:]]


def test_too_many_new_conversations_are_told_with_the_phone(
    strict_shop: ShopServer, visit: Visit
) -> None:
    visitor = visit(strict_shop.address).open()
    visitor.ask("the third conversation of the hour")
    fourth = visit(strict_shop.address)
    fourth.launcher.click()
    trouble = fourth.panel.locator(".pl-trouble")
    expect(trouble).to_contain_text(WORDS["notice.refused"].split("{n}")[0])
    fourth.say("kept")
    expect(fourth.unsent).to_have_count(1)
    assert fourth.conversation == ""


def owner_of(shop: ShopServer, conversation: str) -> str:
    sql = "SELECT owner FROM conversation WHERE id = ?"
    return str(shop.rows(sql, conversation)[0]["owner"])
