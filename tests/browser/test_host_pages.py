"""The widget on other people's pages: rude ones, strict ones, foreign ones."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.host_pages import HostPages
from tests.browser.shop_server import ShopServer
from tests.browser.visitor import Visit, Visitor
from tests.crash.server_process import free_port

# What a page's own scripts may do to everybody's objects.
POLLUTION = """
for (const type of [Object, Array, String, Number, Promise, Map, Node, Element, HTMLElement])
    type.prototype.extra = () => 'polluted'
Array.prototype[99] = 'polluted'
window.onkeydown = (event) => { window.keys = (window.keys || '') + event.key }
document.addEventListener('keydown', (event) => event.preventDefault())
document.addEventListener('click', (event) => event.preventDefault())
"""
STYLE_OF = """(element, names) => {
    const style = getComputedStyle(element)
    return Object.fromEntries(names.map((name) => [name, style.getPropertyValue(name)]))
}"""
LOOKS = [
    "color",
    "background-color",
    "font-family",
    "font-size",
    "letter-spacing",
    "line-height",
    "text-transform",
    "border",
    "display",
    "visibility",
    "opacity",
    "transform",
    "z-index",
    "pointer-events",
    "width",
]


def looks(visitor: Visitor) -> dict[str, dict[str, str]]:
    """Return how the widget's parts look, as far as a page's style could spoil them."""
    parts = {
        "host": visitor.host,
        "launcher": visitor.launcher,
        "panel": visitor.panel,
        "composer": visitor.composer,
        "bubble": visitor.bubbles("own"),
    }
    return {name: part.evaluate(STYLE_OF, LOOKS) for name, part in parts.items()}


def test_rude_styles_change_nothing(shop: ShopServer, visit: Visit) -> None:
    calm = visit(shop.address, reduced_motion="reduce").open()
    page = f"{shop.address}/embed/hostile-css.html"
    rude = visit(shop.address, page, reduced_motion="reduce").open()
    for visitor in (calm, rude):
        visitor.ask("hello")
        visitor.page.mouse.move(1, 1)
    assert rude.page.locator("h1").evaluate(STYLE_OF, ["color"]) == {"color": "rgb(170, 0, 255)"}
    assert looks(rude) == looks(calm)


def test_hot_keys_and_spoiled_prototypes_of_the_page_change_nothing(
    shop: ShopServer, host_pages: HostPages, visit: Visit
) -> None:
    script = host_pages.put("/pollution.js", POLLUTION, "application/javascript")
    address = host_pages.plain(shop.address, head=f'<script src="{script}"></script>')
    visitor = visit(shop.address, address).open()
    visitor.page.locator("h1").click()
    visitor.page.keyboard.press("x")
    assert visitor.page.evaluate("window.keys") == "x"

    visitor.composer.focus()
    visitor.page.keyboard.type("typed")
    visitor.page.keyboard.press("Enter")
    visitor.sees("re: typed")
    visitor.ask("card")
    expect(visitor.log.get_by_role("article")).to_have_count(1)
    assert shop.said(visitor.conversation) == ["typed", "card"]
    assert visitor.page.evaluate("window.keys") == "x", "the page heard what was typed"
    visitor.page.reload()
    visitor.open()
    expect(visitor.bubbles("own")).to_have_text(["typed", "card"])


def strict_policy(shop: ShopServer) -> str:
    """Return a policy that allows what docs/embed.md says, and nothing more."""
    allowed = [
        "default-src 'none'",
        f"script-src {shop.address}",
        f"connect-src {shop.address} {shop.address.replace('http', 'ws', 1)}",
        f"img-src {shop.address} data:",
        "base-uri 'none'",
        "form-action 'none'",
        "require-trusted-types-for 'script'",
    ]
    return "; ".join(allowed)


def test_strict_policy_of_the_page_is_kept(
    shop: ShopServer, host_pages: HostPages, visit: Visit
) -> None:
    address = host_pages.plain(shop.address, Content_Security_Policy=strict_policy(shop))
    visitor = visit(shop.address, address)
    visitor.page.evaluate(
        """() => {
            window.broken = []
            const note = (event) => broken.push(event.violatedDirective + ' ' + event.blockedURI)
            document.addEventListener('securitypolicyviolation', note)
        }"""
    )
    visitor.open().ask("card")
    picture = visitor.log.locator(".pl-product img")
    expect(picture).to_have_js_property("complete", True)
    assert picture.evaluate("image => image.naturalWidth") > 0
    unstyled = {"background-color": "rgba(0, 0, 0, 0)"}
    assert visitor.panel.evaluate(STYLE_OF, list(unstyled)) != unstyled
    assert visitor.host.evaluate(STYLE_OF, ["position"]) == {"position": "fixed"}
    assert visitor.page.evaluate("broken") == []


@pytest.mark.parametrize("name", ["plain", "strict-csp", "single-page", "signed-in"])
def test_example_page_talks(shop: ShopServer, visit: Visit, name: str) -> None:
    visitor = visit(shop.address, f"{shop.address}/embed/{name}.html").open()
    visitor.ask("hello")
    assert shop.said(visitor.conversation) == ["hello"]


def test_page_of_an_unlisted_origin_gets_no_conversation(shop: ShopServer, visit: Visit) -> None:
    stranger = HostPages()
    before = len(shop.rows("SELECT id FROM conversation"))
    try:
        visitor = visit(shop.address, stranger.plain(shop.address))
        visitor.launcher.click()
        expect(visitor.panel.locator(".pl-trouble")).to_be_visible()
        visitor.say("let me in")
        expect(visitor.unsent).to_have_count(1)
        assert visitor.conversation == ""
        assert len(shop.rows("SELECT id FROM conversation")) == before
    finally:
        visitor.page.goto("about:blank")
        stranger.close()


def test_window_that_cannot_be_loaded_is_told(
    shop: ShopServer, host_pages: HostPages, visit: Visit
) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    visitor = visit(shop.address, hosts=(nobody,))
    visitor.page.route("**/widget/panel.js", lambda route: route.abort())
    visitor.launcher.click()
    expect(visitor.host.get_by_role("alert")).to_be_visible()
    visitor.page.unroute("**/widget/panel.js")
    visitor.open().ask("hello")
