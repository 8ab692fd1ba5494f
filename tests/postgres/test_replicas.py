"""Two servers on one database: who is connected to one hears what the other does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest

from bot.bootstrap import build_application
from bot.crm.database import Database
from bot.crm.migrate import status, upgrade
from bot.errors import StorageUnavailableError
from bot.services.conversations import InboundText
from tests.conftest import Play
from tests.fakes import FakeClock
from tests.integration.served import Page, ServedShop
from tests.postgres.cluster import Cluster

Pair = tuple[ServedShop, ServedShop]


@pytest.fixture
def pair(served: ServedShop, clock: FakeClock) -> Iterator[Pair]:
    """Two servers with one secret, as replicas have."""
    database = Database(served.settings.database_url)
    settings = replace(served.settings, secret="the same secret on every replica")
    served.settings = settings
    yield served, ServedShop(settings, database, clock)
    database.close()


def play(pair: Pair, scenario: object) -> None:
    async def both() -> None:
        await pair[1].start()
        try:
            await scenario()  # type: ignore[operator]
        finally:
            await pair[1].end()

    pair[0].run(both)


async def same_talk(page: Page, hello: dict[str, object]) -> None:
    await page.hello(conversation=hello["conversation"], token=hello["token"])


def test_message_to_one_server_is_pushed_by_the_other(pair: Pair) -> None:
    async def scenario() -> None:
        async with pair[0].page(hello=False) as here, pair[1].page(hello=False) as there:
            await same_talk(there, await here.hello())
            await here.ask("a", "hello")
            assert (await there.until("message", sender="bot"))["text"] == "re: hello"
            assert there.seqs() == [1, 2]
            await there.talk("b", "and back")
            await here.until("message", sender="bot", text="re: and back")
            assert here.seqs() == [1, 2, 3, 4]

    play(pair, scenario)


@pytest.mark.parametrize("text", ["x" * 9_000, "长" * 2_700], ids=["ascii", "han"])
def test_long_message_is_pushed_and_the_next_one_too(pair: Pair, text: str) -> None:
    """NOTIFY takes no more than 8,000 bytes."""

    async def scenario() -> None:
        async with pair[0].page(hello=False) as here, pair[1].page(hello=False) as there:
            await same_talk(there, await here.hello())
            await here.ask("a", text)
            await there.until("message", sender="bot", text=f"re: {text}")
            await here.talk("b", "short")
            await there.until("message", sender="bot", text="re: short")
            assert there.seqs() == [1, 2, 3, 4]

    play(pair, scenario)


def test_pushing_survives_the_loss_of_every_connection(pair: Pair, cluster: Cluster) -> None:
    async def scenario() -> None:
        async with pair[0].page(hello=False) as here, pair[1].page(hello=False) as there:
            await same_talk(there, await here.hello())
            await here.talk("a", "before")
            with cluster.connect("postgres", autocommit=True) as connection:
                connection.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity"
                    " where datname = %s and pid <> pg_backend_pid()",
                    (pair[0].settings.database_url.split("/")[3].split("?")[0],),
                )
            await asyncio.sleep(0.5)  # the listeners come back
            await here.ask("b", "after")
            await there.until("message", sender="bot", text="re: after")
            assert there.seqs() == [1, 2, 3, 4]

    play(pair, scenario)


def test_writers_of_two_servers_do_not_come_between_each_other(play: Play) -> None:
    """Each reads a number and writes the next; none is lost."""
    talk = play.start()
    other = Database(play.app.database.url)

    def take(database: Database) -> object:
        def read_then_write(uow: object) -> None:
            record = uow.conversations.get(talk)  # type: ignore[attr-defined]
            uow.conversations.update_fields(talk, turn_count=record.turn_count + 1)  # type: ignore[attr-defined]

        return database.write_async(read_then_write)

    async def all_at_once() -> None:
        await asyncio.gather(*(take(d) for _ in range(40) for d in (play.app.database, other)))  # type: ignore[call-overload]

    try:
        play.run(all_at_once)
        assert other.read(lambda uow: uow.conversations.get(talk)).turn_count == 80
    finally:
        other.close()


def test_one_client_id_at_two_servers_is_one_message(play: Play) -> None:
    talk = play.start()
    other = Database(play.app.database.url)
    replica = build_application(
        play.app.settings, database=other, engine=play.engine, clock=play.clock
    )

    async def both() -> None:
        inbound = [InboundText(talk, f"c{number}", "hello") for number in range(10)]
        apps = (play.app, replica)
        await asyncio.gather(*(app.receive(each) for each in inbound for app in apps))

    try:
        play.run(both)
        assert len(play.log(talk)) == 10
    finally:
        other.close()


def test_servers_that_start_together_migrate_once(empty_url: str) -> None:
    async def all_at_once() -> None:
        await asyncio.gather(*(asyncio.to_thread(upgrade, empty_url) for _ in range(4)))

    asyncio.run(all_at_once())
    assert status(empty_url).pending == []


def test_database_that_is_gone_is_told_in_time(cluster: Cluster, template: str) -> None:
    database = Database(cluster.create("gone", template))
    database.read(lambda uow: uow.conversations.epoch())
    cluster.drop("gone")
    try:
        for ask in (database.read, database.write):
            with pytest.raises(StorageUnavailableError):
                ask(lambda uow: uow.conversations.epoch())
    finally:
        database.close()
