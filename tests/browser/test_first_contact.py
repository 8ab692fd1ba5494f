"""Before the first click, after it, and the first words."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import MISSING, require_chromium
from tests.browser.shop_server import ShopServer
from tests.browser.visitor import WORDS, Visit


def test_nothing_but_the_script_is_loaded_before_the_first_click(
    shop: ShopServer, visit: Visit
) -> None:
    visitor = visit(shop.address)
    expect(visitor.launcher).to_be_visible()
    visitor.page.wait_for_load_state("networkidle")
    asked = [each for each in visitor.record.requests if not each.startswith("data:")]
    assert [urlsplit(each).path for each in asked[1:]] == ["/widget.js"]
    assert visitor.record.sockets == [] and visitor.conversation == ""

    visitor.open().ask("hello")
    assert visitor.record.sockets == [f"ws://127.0.0.1:{shop.port}/chat"]
    visitor.api("close")
    visitor.api("open")
    visitor.ask("hello again")
    assert len(visitor.record.sockets) == 1


def test_first_words_say_that_this_is_an_automatic_assistant(
    shop: ShopServer, visit: Visit
) -> None:
    visitor = visit(shop.address).open()
    expect(visitor.bubbles("bot").first).to_contain_text(WORDS["header.automatic"])
    expect(visitor.panel.locator("header")).to_contain_text(WORDS["header.automatic"])
    link = visitor.log.get_by_role("link", name=WORDS["privacy.link"])
    expect(link).to_have_attribute("href", f"{shop.address}/privacy")


def test_purpose_and_privacy_link_stand_where_a_number_is_asked_for(
    shop: ShopServer, visit: Visit
) -> None:
    visitor = visit(shop.address).open()
    visitor.ask("phone")
    line = visitor.log.locator(".pl-privacy")
    expect(line).to_contain_text(WORDS["privacy.purpose"])
    expect(line.get_by_role("link")).to_have_attribute("href", f"{shop.address}/privacy")


@pytest.mark.parametrize(
    ("environ", "outcome"), [({}, pytest.skip.Exception), ({"CI": "true"}, pytest.fail.Exception)]
)
def test_missing_chromium_skips_here_and_fails_in_ci(
    environ: dict[str, str], outcome: type[BaseException]
) -> None:
    with pytest.raises(outcome, match="chromium"):
        require_chromium(None, environ)
    assert require_chromium("/usr/bin/chromium", environ) == "/usr/bin/chromium"
    assert "apt-get" in MISSING
