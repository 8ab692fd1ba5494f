"""The shop's web application asked over ASGI, without a socket: the REST API in tests."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import httpx
from litestar import Litestar
from litestar.channels import ChannelsPlugin
from litestar.datastructures import State

from bot.services.api_tokens import SCOPES, make_token
from bot.services.staff import add_user
from bot.web.app import state_of
from bot.web.fanout import build_channels
from tests.conftest import Play
from tests.integration.web_apps import ADMIN_TOKEN, borrow_web, give_back, new_web

API = "/api/v1"
PHONE = "13812348000"


@dataclass
class ApiShop:
    """One shop with a program that holds tokens."""

    play: Play
    channels: ChannelsPlugin = field(init=False)
    state: State = field(init=False)
    tokens: dict[frozenset[str], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.channels = build_channels(self.play.app.settings.database_url)
        self.state = state_of(self.play.app, self.channels, ADMIN_TOKEN)
        now = self.play.clock.now()
        self.play.app.database.write(lambda uow: add_user(uow, "erp", "program", now))

    @cached_property
    def web(self) -> Litestar:
        """The shop's own application, for who asks it without `ask`."""
        web = new_web(self.play.app, self.channels)
        web.state = self.state
        return web

    def token(self, *scopes: str, name: str = "erp", days: int | None = None) -> str:
        now = self.play.clock.now()
        return self.play.app.database.write(
            lambda uow: make_token(uow, name, scopes, label="test", days=days, now=now)
        )

    def ask(
        self,
        method: str,
        path: str,
        *scopes: str,
        token: str | None = None,
        address: str = "10.0.0.1",
        **more: Any,
    ) -> httpx.Response:
        """Send one request with a token of these scopes (left out: of all)."""
        wanted = frozenset(scopes or SCOPES)
        if token is None:
            token = self.tokens.get(wanted) or self.tokens.setdefault(wanted, self.token(*wanted))
        headers = {"Authorization": f"Bearer {token}", **more.pop("headers", {})}

        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app=web, client=(address, 5000))
            async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
                target = path if path.startswith("/") else f"{API}/{path}"
                return await client.request(method, target, headers=headers, **more)

        web = borrow_web(self.play.app, self.channels, self.state)
        try:
            return asyncio.run(send())
        finally:
            give_back(web)

    def add_customer(self, **more: Any) -> dict[str, Any]:
        """Make a customer; return it."""
        answer = self.ask("POST", "customers", json={"phone": PHONE, "name": "Lin Wei", **more})
        assert answer.status_code == 201, answer.text
        return answer.json()

    def add_order(self, number: str = "A1", **more: Any) -> dict[str, Any]:
        """Make an order; return it."""
        line = {"product_id": "p1", "quantity": 2, "price_fen": 1500}
        body = {"placed_at": "2026-11-01T10:00:00+08:00", "lines": [line], **more}
        answer = self.ask("PUT", f"orders/{number}", json=body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def add_task(self, **more: Any) -> dict[str, Any]:
        """Make a task; return it."""
        answer = self.ask("POST", "tasks", json={"kind": "call_back", "note": "Call.", **more})
        assert answer.status_code == 201, answer.text
        return answer.json()

    def add_case(self, text: str = "complaint about a torn seam") -> str:
        """Let a customer complain; return the case's number."""
        conversation_id = self.play.start()
        self.play.say(conversation_id, text)
        case = self.play.app.database.read(lambda uow: uow.cases.open_case_of(conversation_id))
        assert case is not None
        return case.number

    def audit(self) -> list[tuple[str, str, str]]:
        """Return (actor, verb, subject) of the whole trail."""
        return self.play.app.database.read(
            lambda uow: [
                (row.actor, row.verb, f"{row.subject_kind}:{row.subject_id}")
                for row in uow.audit._entries()
            ]
        )
