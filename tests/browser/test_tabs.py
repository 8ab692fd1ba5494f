"""Two tabs of one customer show one conversation."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.shop_server import ShopServer
from tests.browser.visitor import WORDS, Visit


def test_tabs_show_the_same_talk_whoever_speaks(shop: ShopServer, visit: Visit) -> None:
    first = visit(shop.address).open()
    first.ask("from the first")
    second = first.another_tab().open()
    second.sees("re: from the first")
    second.ask("from the second")
    first.sees("re: from the second")
    first.ask("back")
    second.sees("re: back")
    said = ["from the first", "from the second", "back"]
    for tab in (first, second):
        expect(tab.bubbles("own")).to_have_text(said)
    assert shop.said(first.conversation) == said
    assert first.conversation == second.conversation


def test_tab_opened_before_there_was_a_conversation_joins_it(
    shop: ShopServer, visit: Visit
) -> None:
    first = visit(shop.address)
    second = first.another_tab()
    second.open().ask("begun in the second")
    first.open()
    first.sees("re: begun in the second")
    first.ask("then the first")
    second.sees("re: then the first")
    assert shop.said(first.conversation) == ["begun in the second", "then the first"]


def test_windows_opened_at_once_in_both_tabs_are_one_conversation(
    shop: ShopServer, visit: Visit
) -> None:
    first = visit(shop.address)
    second = first.another_tab()
    for tab in (first, second):
        tab.page.evaluate("() => prelude.open()")
    for tab in (first, second):
        expect(tab.composer).to_be_visible()
        tab.wait_until_online()
    first.ask("one")
    second.sees("re: one")
    second.ask("two")
    first.sees("re: two")
    assert shop.said(first.conversation) == ["one", "two"]


def test_unread_badge_counts_in_the_tab_that_is_closed(shop: ShopServer, visit: Visit) -> None:
    first = visit(shop.address).open()
    first.ask("one")
    second = first.another_tab()
    expect(second.launcher).to_have_accessible_name(WORDS["launcher.open"])
    first.api("close")
    second.open().ask("two")
    second.api("close")
    expect(second.launcher).to_have_accessible_name(WORDS["launcher.open"])
    shop.admin("user.add", name="小白", role="agent")
    shop.admin("queue.claim", conversation=first.conversation, name="小白")
    label = WORDS["launcher.unread"].format(n=1)
    for tab in (first, second):
        expect(tab.launcher).to_have_accessible_name(label)
