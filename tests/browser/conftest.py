"""Chromium, a shop's server over the fake engine, and visitors whose every request is watched."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from tests.browser.host_pages import HostPages
from tests.browser.shop_folder import CLOSED_AT, closed_shop, open_shop
from tests.browser.shop_server import REAL, ShopServer
from tests.browser.visitor import PATIENCE, Record, Visit, Visitor
from tests.model.conftest import model_path as model_path  # a fixture

IDENTITY_SECRET = "a secret that the shop's page and the server share"
BURST, BURST_SECONDS = 3, 10
STRICT_RATES = {
    "PRELUDE_MESSAGE_RATE": f"{BURST}/{BURST_SECONDS} second",
    "PRELUDE_ADDRESS_RATE": "3/hour",
}
MISSING = "no chromium here; on Debian: apt-get install chromium fonts-noto-cjk"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


def require_chromium(found: str | None, environ: dict[str, str]) -> str:
    """Return the browser; without one, skip on a user's machine and fail in CI."""
    if found is not None:
        return found
    if environ.get("CI", "").lower() in ("true", "1"):
        pytest.fail(MISSING, pytrace=False)
    pytest.skip(MISSING)


@pytest.fixture(scope="session")
def chromium() -> str:
    return require_chromium(shutil.which("chromium"), dict(os.environ))


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    switches = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=switches)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def host_pages() -> Iterator[HostPages]:
    pages = HostPages()
    yield pages
    pages.close()


@pytest.fixture(scope="session")
def shop(servers: Servers) -> ShopServer:
    """A shop that all tests share which do not hurt it."""
    return servers.ready("shop")


@pytest.fixture(scope="session")
def mortal_shop(servers: Servers) -> ShopServer:
    """A shop that tests kill, and start again."""
    return servers.ready("mortal_shop")


@pytest.fixture(scope="session")
def strict_shop(servers: Servers) -> ShopServer:
    """A shop that is closed, and soon has enough of somebody."""
    return servers.ready("strict_shop")


@pytest.fixture(scope="session")
def real_shop(servers: Servers) -> ShopServer:
    """A shop with the trained model."""
    return servers.ready("real_shop")


@pytest.fixture(scope="session")
def servers(
    chromium: str,
    host_pages: HostPages,
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Servers]:
    """Every server that a chosen test needs, all starting while the first tests run."""
    wanted = {name for item in request.session.items for name in getattr(item, "fixturenames", ())}
    if "real_shop" in wanted:
        request.getfixturevalue("model_path")
    servers = Servers(tmp_path_factory.mktemp("shops"), [host_pages.origin], wanted)
    yield servers
    servers.stop()


class Servers:
    """The shops of a session by the names of their fixtures."""

    def __init__(self, folder: Path, origins: list[str], wanted: set[str]) -> None:
        opened = open_shop(folder / "open", origins)
        closed = closed_shop(folder / "closed", origins)
        shops = {
            "shop": ShopServer(folder / "1", opened, PRELUDE_IDENTITY_SECRET=IDENTITY_SECRET),
            "mortal_shop": ShopServer(folder / "2", opened),
            "strict_shop": ShopServer(folder / "3", closed, SHOP_TIME=CLOSED_AT, **STRICT_RATES),
            "real_shop": ShopServer(folder / "4", opened, command=REAL),
        }
        self._shops = {name: shop for name, shop in shops.items() if name in wanted}
        for shop in self._shops.values():
            shop.launch()

    def ready(self, name: str) -> ShopServer:
        """Return a shop that would answer now."""
        self._shops[name].wait_until_ready()
        return self._shops[name]

    def stop(self) -> None:
        for shop in self._shops.values():
            shop.stop()


class Guests:
    """Makes visitors; afterwards looks at what their pages did."""

    def __init__(self, browser: Browser, host_pages: HostPages) -> None:
        self._browser = browser
        self._host_pages = host_pages
        self._contexts: list[tuple[BrowserContext, Record, set[str]]] = []

    def visit(
        self,
        server: str,
        address: str = "",
        *,
        hosts: tuple[str, ...] = (),
        at: str | None = None,
        **options: Any,
    ) -> Visitor:
        """Show a page (default: a plain one of another origin) to a new visitor.

        Args:
            server: the address of the shop's server.
            hosts: further hosts that this page may ask.
            at: the time at which the page's clock starts; default: now.
            options: of Playwright's context: viewport, reduced_motion, …
        """
        usual: dict[str, Any] = {"locale": "zh-CN", "timezone_id": "Asia/Shanghai"}
        usual["viewport"] = {"width": 1280, "height": 800}
        context = self._browser.new_context(**{**usual, **options})
        context.set_default_timeout(PATIENCE)
        if at is not None:
            context.clock.install(time=at)
        record = Record(context)
        address = address or self._host_pages.plain(server)
        allowed = {urlsplit(each).netloc for each in (server, address, *hosts)}
        self._contexts.append((context, record, allowed))
        page = context.new_page()
        page.goto(address)
        return Visitor(page, server, record)

    def leave(self) -> None:
        for context, _, _ in self._contexts:
            context.close()
        for _, record, allowed in self._contexts:
            assert record.hosts() <= allowed, "another host was asked"
            assert record.dialogs == []
            assert record.faults == []


@pytest.fixture
def visit(browser: Browser, host_pages: HostPages) -> Iterator[Visit]:
    guests = Guests(browser, host_pages)
    yield guests.visit
    guests.leave()
