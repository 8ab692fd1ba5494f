"""Reload, restart, death of a worker, a cut line: nothing is lost, nothing is there twice."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.cuttable_line import CuttableLine
from tests.browser.fake_engine import HELD, LET_GO
from tests.browser.shop_server import ShopServer
from tests.browser.visitor import WORDS, Visit, Visitor
from tests.crash.server_process import wait_for


@pytest.fixture
def own_shop(mortal_shop: ShopServer) -> Iterator[ShopServer]:
    yield mortal_shop
    for name in (HELD, LET_GO):
        (mortal_shop.var_dir / name).unlink(missing_ok=True)


@pytest.fixture
def line(shop: ShopServer) -> Iterator[CuttableLine]:
    line = CuttableLine(shop.port)
    yield line
    line.close()


def assert_said_once(shop: ShopServer, visitor: Visitor, *texts: str) -> None:
    """What was said stands once in the database and once on the page, each with its answer."""
    expect(visitor.unsent).to_have_count(0)
    visitor.sees(f"re: {texts[-1]}")
    assert shop.said(visitor.conversation) == list(texts)
    assert shop.said(visitor.conversation, "bot") == [f"re: {text}" for text in texts]
    assert visitor.texts("own") == list(texts)
    assert visitor.texts("bot")[-len(texts) :] == [f"re: {text}" for text in texts]


def test_reload_shows_the_talk_again_and_keeps_what_was_being_typed(
    shop: ShopServer, visit: Visit
) -> None:
    visitor = visit(shop.address).open()
    visitor.ask("one")
    visitor.ask("two")
    visitor.composer.fill("half a sent")
    conversation = visitor.conversation

    visitor.page.reload()
    visitor.open()
    expect(visitor.composer).to_have_value("half a sent")
    visitor.ask("three")
    assert visitor.conversation == conversation
    assert_said_once(shop, visitor, "one", "two", "three")


def test_reload_in_the_middle_of_an_answer_loses_nothing(
    own_shop: ShopServer, visit: Visit
) -> None:
    visitor = visit(own_shop.address).open()
    visitor.say("hold")
    expect(visitor.panel.locator(".pl-typing")).to_contain_text(WORDS["log.typing"])
    visitor.page.reload()
    visitor.open()
    expect(visitor.panel.locator(".pl-typing")).to_contain_text(WORDS["log.typing"])
    (own_shop.var_dir / LET_GO).touch()
    assert_said_once(own_shop, visitor, "hold")
    expect(visitor.panel.locator(".pl-typing")).to_have_text("")


def test_restart_of_the_server_is_told_and_survived(own_shop: ShopServer, visit: Visit) -> None:
    visitor = visit(own_shop.address).open()
    visitor.ask("before")
    own_shop.kill()
    expect(visitor.notices.first).to_contain_text(WORDS["notice.lost"])
    visitor.say("during")
    expect(visitor.unsent).to_contain_text(WORDS["mark.kept"])
    expect(visitor.notices.first).to_contain_text(WORDS["notice.lost_kept"].format(n=1))

    own_shop.start()
    visitor.wait_until_online()
    visitor.ask("after")
    assert_said_once(own_shop, visitor, "before", "during", "after")


def test_death_of_the_worker_in_mid_turn_costs_only_time(
    own_shop: ShopServer, visit: Visit
) -> None:
    visitor = visit(own_shop.address).open()
    visitor.ask("before")
    visitor.say("hold")
    held = own_shop.var_dir / HELD
    wait_for(held.exists, 15.0)
    (own_shop.var_dir / LET_GO).touch()
    os.kill(int(held.read_text()), signal.SIGSTOP)
    visitor.say("during")
    expect(visitor.bubbles("own")).to_have_count(3)
    os.kill(int(held.read_text()), signal.SIGKILL)
    visitor.sees("re: during")
    visitor.ask("after")
    assert_said_once(own_shop, visitor, "before", "hold", "during", "after")


def test_words_typed_on_a_cut_line_are_kept_marked_and_stored_once(
    shop: ShopServer, line: CuttableLine, visit: Visit
) -> None:
    visitor = visit(line.address).open()
    visitor.ask("before")
    line.cut()
    expect(visitor.panel.locator(".pl-trouble")).to_be_visible()
    visitor.say("one")
    visitor.say("two")
    expect(visitor.unsent).to_have_count(2)
    expect(visitor.unsent.first).to_contain_text(WORDS["mark.kept"])
    expect(visitor.panel.locator(".pl-trouble")).to_contain_text(
        WORDS["notice.lost_kept"].format(n=2)
    )
    assert shop.said(visitor.conversation) == ["before"]

    line.mend()
    assert_said_once(shop, visitor, "before", "one", "two")
    expect(visitor.panel.locator(".pl-trouble")).to_have_count(0)


def test_unsent_words_outlive_a_reload(shop: ShopServer, line: CuttableLine, visit: Visit) -> None:
    visitor = visit(line.address).open()
    visitor.ask("before")
    page = visitor.page.url
    line.cut()
    visitor.say("kept")
    expect(visitor.unsent).to_contain_text(WORDS["mark.kept"])
    visitor.page.goto("about:blank")
    line.mend()
    visitor.page.goto(page)
    visitor.open()
    assert_said_once(shop, visitor, "before", "kept")


def test_message_whose_acknowledgement_was_lost_is_stored_once(
    shop: ShopServer, line: CuttableLine, visit: Visit
) -> None:
    visitor = visit(line.address).open()
    visitor.ask("before")
    line.mute()
    visitor.say("did it arrive")
    wait_for(lambda: len(shop.said(visitor.conversation)) == 2, 15.0)
    expect(visitor.unsent).to_contain_text(WORDS["mark.sending"])
    line.cut()
    expect(visitor.unsent).to_contain_text(WORDS["mark.kept"])
    line.mend()
    assert_said_once(shop, visitor, "before", "did it arrive")
