"""Shared fixtures: a temporary shop on a temporary database, with fakes around it."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("SQLALCHEMY_SILENCE_UBER_WARNING", "1")
os.environ.setdefault("RASA_TELEMETRY_ENABLED", "false")
# The tests' output is as wide as a test asks for, not as the terminal, which readline tells all
# workers of xdist; a console keeps the width that it finds when it is made.
for name in ("COLUMNS", "LINES"):
    os.environ.pop(name, None)
# No test is timed: the machines are shared.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

from bot.bootstrap import build_application, prepare_database  # noqa: E402
from bot.crm.database import Database  # noqa: E402
from bot.services.application import Application  # noqa: E402
from bot.services.conversations import Accepted, InboundText  # noqa: E402
from bot.services.reception import Arrival  # noqa: E402
from bot.settings import Settings  # noqa: E402
from tests.fakes import FakeClock, FakeNotifier, InlineEngine  # noqa: E402


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(var_dir=tmp_path / "var")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def database(settings: Settings, clock: FakeClock) -> Iterator[Database]:
    database, _ = prepare_database(settings, clock)
    yield database
    database.close()


@dataclass
class Play:
    """An application with fakes, driven from plain test functions."""

    app: Application
    clock: FakeClock
    notifier: FakeNotifier
    engine: InlineEngine

    def run(self, work: Callable[[], Any]) -> Any:
        async def main() -> Any:
            result = await work()
            await self.app.runner.settle()
            return result

        return asyncio.run(main())

    def start(self) -> str:
        return self.run(lambda: self.app.arrive(Arrival("test"))).conversation.id

    def say(self, conversation_id: str, *texts: str, **more: Any) -> list[Accepted]:
        """Send texts one after the other, each answered before the next."""
        return [
            self.run(lambda text=text: self.send(conversation_id, text, **more)) for text in texts
        ]

    async def send(
        self,
        conversation_id: str,
        text: str,
        client_id: str | None = None,
        option_id: str | None = None,
    ) -> Accepted:
        inbound = InboundText(
            conversation_id, client_id or f"c{next(_ids)}", text, option_id=option_id
        )
        accepted = await self.app.receive(inbound)
        await self.app.message_stored(accepted)
        return accepted

    def log(self, conversation_id: str) -> list[tuple[str, str, str]]:
        """Return (sender, state, text) of everything said, in order."""
        rows = self.app.database.read(lambda uow: uow.messages.events_after(conversation_id, 0))
        return [(row.sender, row.state, row.text) for row in rows]


_ids = itertools.count()


@pytest.fixture
def play(settings: Settings, database: Database, clock: FakeClock) -> Play:
    notifier, engine = FakeNotifier(), InlineEngine()
    app = build_application(
        settings, database=database, engine=engine, notifier=notifier, clock=clock
    )
    return Play(app, clock, notifier, engine)
