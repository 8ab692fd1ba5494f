"""The tests of `tests.integration.test_chat_socket`, on PostgreSQL.

There the server is a process with its own SQLite file; here it runs in a thread of the test.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from bot.crm.database import Database
from bot.settings import Settings
from tests.fakes import FakeClock
from tests.integration import test_chat_socket as on_sqlite
from tests.integration.served import ServedShop
from tests.integration.test_chat_socket import *  # noqa: F403
from tests.postgres.cluster import Cluster

NAME = "chat"


@dataclass(frozen=True)
class ThreadedServer:
    url: str
    cluster: Cluster


@pytest.fixture(scope="module")
def server(  # noqa: F811
    cluster: Cluster, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ThreadedServer]:
    var_dir = tmp_path_factory.mktemp("chat")
    database = Database(cluster.create(NAME, template))
    settings = Settings(var_dir=var_dir, database_url=database.url)
    served = ServedShop(settings, database, FakeClock())
    is_up, loop = threading.Event(), asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        await served.start()
        is_up.set()
        await stop.wait()
        await served.end()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert is_up.wait(30), "the server did not start"
        yield ThreadedServer(f"ws://127.0.0.1:{served.port}/chat", cluster)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(30)
        loop.close()
        database.close()
        cluster.drop(NAME)


@pytest.fixture(autouse=True)
def look_into_postgres(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_sqlite, "stored_texts", stored_texts)
    monkeypatch.setattr(on_sqlite, "locked", locked)


def stored_texts(server: ThreadedServer, conversation_id: str) -> list[object]:  # noqa: F811
    said = (
        "select text from message where sender = 'customer' and conversation_id = %s order by seq"
    )
    with server.cluster.connect(NAME) as connection:
        return [text for (text,) in connection.execute(said, (conversation_id,))]


@contextmanager
def locked(server: ThreadedServer) -> Iterator[None]:  # noqa: F811
    """Keep writers out, as a maintenance job gone wrong would."""
    with server.cluster.connect(NAME) as connection:
        connection.execute("LOCK TABLE conversation, message IN EXCLUSIVE MODE")
        yield
        connection.rollback()
