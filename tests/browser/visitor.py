"""A customer in front of a page: what they see of the widget, and what they do with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, Dialog, Locator, Page, Request, expect

from tests.crash.server_process import ROOT, wait_for

WORDS: dict[str, str] = json.loads((ROOT / "frontend/locales/zh-CN.json").read_text("utf-8"))
PATIENCE = 45_000  # milliseconds; two cores, often busy
HARMLESS_SCHEMES = ("data", "blob", "about")
expect.set_options(timeout=PATIENCE)


class Record:
    """Everything that all pages of a context did, for the checks that hold always."""

    def __init__(self, context: BrowserContext) -> None:
        self.requests: list[str] = []
        self.sockets: list[str] = []
        self.dialogs: list[str] = []
        self.faults: list[str] = []
        context.on("request", self._note_request)
        context.on("dialog", self._note_dialog)
        context.on("weberror", lambda error: self.faults.append(str(error.error)))
        context.on("page", self._watch)

    def hosts(self) -> set[str]:
        """Return host and port of everything that was asked for."""
        parts = [urlsplit(each) for each in self.requests + self.sockets]
        return {each.netloc for each in parts if each.scheme not in HARMLESS_SCHEMES}

    def _watch(self, page: Page) -> None:
        page.on("websocket", lambda socket: self.sockets.append(socket.url))

    def _note_request(self, request: Request) -> None:
        self.requests.append(request.url)

    def _note_dialog(self, dialog: Dialog) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()


class Visitor:
    """One tab with the widget in it."""

    def __init__(self, page: Page, server: str, record: Record) -> None:
        self.page = page
        self.server = server
        self.record = record
        self.host = page.locator("prelude-chat")
        self.launcher = self.host.locator(".pl-launcher")
        self.panel = page.get_by_role("dialog")
        self.log = self.panel.get_by_role("log")
        self.composer = self.panel.get_by_role("textbox", name=WORDS["composer.customer"])
        self.notices = self.panel.locator(".pl-notice")
        self.case_card = self.panel.get_by_role("region", name=WORDS["case.title"])
        self.survey = self.panel.get_by_role("form", name=WORDS["survey.title"])

    def open(self) -> Visitor:
        """Open the window and wait for the shop's greeting."""
        self.launcher.click()
        expect(self.composer).to_be_visible()
        self.wait_until_online()
        return self

    def wait_until_online(self) -> None:
        wait_for(lambda: bool(self.conversation), PATIENCE / 1000)
        expect(self.panel.locator(".pl-trouble")).to_have_count(0)

    def say(self, text: str) -> None:
        self.composer.fill(text)
        self.composer.press("Enter")

    def ask(self, text: str) -> None:
        """Say something and wait for the fake engine's echo."""
        self.say(text)
        self.sees(f"re: {text}")

    def sees(self, text: str) -> None:
        """Wait until the other side's words are there, once."""
        expect(self.bubbles("bot").get_by_text(text, exact=True)).to_have_count(1)

    def button(self, key: str) -> Locator:
        return self.panel.get_by_role("button", name=WORDS[key], exact=True)

    def bubbles(self, sender: str) -> Locator:
        """Return the bubbles of 'own', 'bot' or 'agent'; 'own' are the stored ones."""
        unsent = ":not(.pl-outgoing)"
        return self.log.locator(f".pl-row.pl-{sender}{unsent} .pl-bubble")

    @property
    def unsent(self) -> Locator:
        return self.log.locator(".pl-outgoing")

    @property
    def announcements(self) -> Locator:
        return self.log.locator(".pl-announcement")

    def texts(self, sender: str) -> list[str]:
        return [text or "" for text in self.bubbles(sender).all_text_contents()]

    @property
    def conversation(self) -> str:
        """Return the id of the conversation that this browser keeps, or ''."""
        read = "key => JSON.parse(localStorage.getItem(key) || '{}').id || ''"
        return str(self.page.evaluate(read, f"prelude:{self.server}"))

    def api(self, *call: Any) -> None:
        """Call the widget's API as the host page would."""
        self.page.evaluate("([method, ...values]) => prelude[method](...values)", list(call))

    def another_tab(self, address: str = "") -> Visitor:
        page = self.page.context.new_page()
        page.goto(address or self.page.url)
        return Visitor(page, self.server, self.record)


Visit = Callable[..., Visitor]
