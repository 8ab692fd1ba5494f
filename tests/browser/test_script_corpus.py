"""200 strings that were made to run as script: all are shown as they were written, none runs."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import expect

from tests.browser.shop_server import ShopServer
from tests.browser.visitor import Visit, Visitor

FILE = Path(__file__).with_name("script_corpus.txt")
# Not splitlines(): some strings hold other line separators.
CORPUS = [line for line in FILE.read_text("utf-8").split("\n") if line and line[:2] != "##"]
OWN_FILES = ["/chat", "/widget.js", "/widget/panel.js", "/widget/zh-CN.js"]
AT_ONCE = 40
PAGE_OF_OLDER = 30
ELEMENTS = """(log) => Array.from(log.querySelectorAll('.pl-bubble *')).map((each) => ({
    tag: each.tagName, href: each.href, rel: each.rel, names: each.getAttributeNames().sort()
}))"""
SAY_ALL = """async (panel, texts) => {
    const field = panel.querySelector('textarea')
    for (const text of texts) {
        field.value = text
        field.dispatchEvent(new Event('input', { bubbles: true }))
        await new Promise((resolve) => setTimeout(resolve))
        field.form.requestSubmit()
    }
}"""
FOREIGN = "document.querySelectorAll('iframe, object, embed, base, link, style, meta, img').length"


def assert_nothing_ran(visitor: Visitor, elements_before: int) -> None:
    """No dialog, no request, no element but links that lead where they say."""
    for element in visitor.log.evaluate(ELEMENTS):
        assert (element["tag"], element["names"]) == ("A", ["href", "rel", "target"])
        assert element["rel"] == "noopener noreferrer nofollow"
        assert urlsplit(element["href"]).scheme in ("http", "https")
    assert visitor.page.evaluate(FOREIGN) == elements_before
    assert visitor.page.title() == "商店"
    assert visitor.record.dialogs == [] and visitor.record.faults == []
    page, *asked = visitor.record.requests
    assert {urlsplit(each).path for each in asked if not each.startswith("data:")} - {
        urlsplit(page).path
    } <= set(OWN_FILES)


def test_there_are_200_different_strings() -> None:
    assert len(set(CORPUS)) == len(CORPUS) == 200


def test_customers_scripts_and_the_bots_echoes_are_text(shop: ShopServer, visit: Visit) -> None:
    visitor = visit(shop.address).open()
    before = visitor.page.evaluate(FOREIGN)
    for start in range(0, len(CORPUS), AT_ONCE):
        visitor.panel.evaluate(SAY_ALL, CORPUS[start : start + AT_ONCE])
        expect(visitor.bubbles("bot")).to_have_count(1 + start + AT_ONCE, timeout=60_000)
    echoes = [f"re: {text}" for text in CORPUS]
    assert visitor.texts("own") == CORPUS
    assert visitor.texts("bot")[1:] == echoes
    assert shop.said(visitor.conversation) == CORPUS
    assert_nothing_ran(visitor, before)


def test_a_persons_scripts_are_text_also_after_a_reload(shop: ShopServer, visit: Visit) -> None:
    visitor = visit(shop.address).open()
    before = visitor.page.evaluate(FOREIGN)
    visitor.ask("hello")
    shop.admin("user.add", name="<b>小黑</b>", role="agent")
    person = {"conversation": visitor.conversation, "name": "<b>小黑</b>"}
    shop.admin("queue.claim", **person)
    for text in CORPUS:
        shop.admin("queue.answer", **person, text=text, is_confirmed=True)
    expect(visitor.bubbles("agent")).to_have_count(len(CORPUS), timeout=60_000)
    assert visitor.texts("agent") == CORPUS
    expect(visitor.panel.locator("header h2")).to_have_text("<b>小黑</b>")
    assert_nothing_ran(visitor, before)

    visitor.page.reload()
    visitor.open()
    expect(visitor.bubbles("agent")).to_have_count(PAGE_OF_OLDER)
    assert visitor.texts("agent") == CORPUS[-PAGE_OF_OLDER:]
    visitor.log.get_by_role("button").first.click()
    expect(visitor.bubbles("agent")).to_have_count(2 * PAGE_OF_OLDER)
    assert visitor.texts("agent") == CORPUS[-2 * PAGE_OF_OLDER :]
    assert_nothing_ran(visitor, before)
