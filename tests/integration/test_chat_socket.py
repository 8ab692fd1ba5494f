"""The customer's socket against a real server: hello, acknowledge, push, resume, errors."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import websockets

from bot.crm.database import BUSY_TIMEOUT_SECONDS
from tests.crash.chat_client import ChatClient, visitor
from tests.crash.record import read_record
from tests.crash.server_process import ServerProcess, free_port

Play = Callable[[ChatClient], Coroutine[Any, Any, None]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    var_dir = tmp_path_factory.mktemp("chat") / "var"
    var_dir.mkdir()
    running = ServerProcess(var_dir, free_port())
    yield running
    running.stop()


def with_visitor(server: ServerProcess, play: Play, **more: Any) -> None:
    async def main() -> None:
        async with visitor(server.url, **more) as client:
            await play(client)

    asyncio.run(main())


def stored_texts(server: ServerProcess, conversation_id: str) -> list[str]:
    record = read_record(server.database_file)
    return [row["text"] for row in record.asked if row["conversation_id"] == conversation_id]


@contextmanager
def locked(server: ServerProcess) -> Iterator[None]:
    """Hold the database's write lock, as a backup tool gone wrong would."""
    connection = sqlite3.connect(server.database_file, isolation_level=None, timeout=5)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
        connection.close()


# --- hello, acknowledge, reply ----------------------------------------------------------------


def test_hello_gives_a_conversation_a_token_and_the_epoch(server: ServerProcess) -> None:
    async def play(client: ChatClient) -> None:
        assert client.conversation and client.epoch
        assert len(client.token) >= 43  # 256 bits
        async with visitor(server.url) as other:
            assert other.epoch == client.epoch
            assert other.conversation != client.conversation and other.token != client.token

    with_visitor(server, play)


def test_message_is_acknowledged_then_answered(server: ServerProcess) -> None:
    async def play(client: ChatClient) -> None:
        ack = await client.ask("a", "hello")
        assert (ack["seq"], ack["state"]) == (1, "pending")
        await client.until_replies(1)
        assert [(event["seq"], event["sender"], event["text"]) for event in client.events] == [
            (1, "customer", "hello"),
            (2, "bot", "re: hello"),
        ]
        assert client.events[0]["id"] == "a"

    with_visitor(server, play)


def test_same_id_and_text_is_acknowledged_again_with_the_same_seq(server: ServerProcess) -> None:
    async def play(client: ChatClient) -> None:
        first = await client.ask("a", "hello")
        await client.until_replies(1)
        again = await client.ask("a", "hello")
        assert (again["seq"], again["state"]) == (first["seq"], "done")
        assert stored_texts(server, client.conversation) == ["hello"]

    with_visitor(server, play)


def test_same_id_with_another_text_is_refused_by_its_id(server: ServerProcess) -> None:
    async def play(client: ChatClient) -> None:
        await client.ask("a", "hello")
        error = await client.error_of({"type": "message", "id": "a", "text": "goodbye"})
        assert (error["code"], error["id"]) == ("conflicting_message", "a")
        assert stored_texts(server, client.conversation) == ["hello"]

    with_visitor(server, play)


def test_message_of_a_client_that_leaves_before_the_acknowledgement_is_answered(
    server: ServerProcess,
) -> None:
    async def main() -> None:
        client = ChatClient(server.url)
        await client.open()
        with locked(server):
            await client.say("a", "hello")
            await asyncio.sleep(0.3)  # the server has read it and waits for the lock
            await client.vanish()
            await asyncio.sleep(0.1)  # the server knows that the client has gone
        client.outbox.clear()
        await client.open()
        await client.until(lambda: client.last_seq >= 1)  # it was stored
        await client.until_replies(1)
        await client.leave()

    asyncio.run(main())


# --- resume -----------------------------------------------------------------------------------


def test_resume_gets_exactly_what_was_missed(server: ServerProcess) -> None:
    async def play(client: ChatClient) -> None:
        for number in range(3):
            await client.ask(f"m{number}", f"text {number}")
            await client.until_replies(number + 1)
        everything = list(client.events)
        await client.leave()
        client.events.clear()
        await client.open(after=4)
        await client.until(lambda: len(client.events) >= 2)
        await client.ask("last", "last text")
        await client.until_replies(2)
        assert [event["seq"] for event in client.events] == [5, 6, 7, 8]
        assert [event["text"] for event in client.events[:2]] == [
            event["text"] for event in everything[4:]
        ]

    with_visitor(server, play)


def test_client_of_another_epoch_gets_everything(server: ServerProcess) -> None:
    async def play(client: ChatClient) -> None:
        await client.ask("a", "hello")
        await client.until_replies(1)
        await client.leave()
        client.events.clear()
        client.epoch = "the database before the restore"
        await client.open(after=2)
        await client.until_replies(1)
        assert [event["seq"] for event in client.events] == [1, 2]

    with_visitor(server, play)


def test_two_sockets_of_one_conversation_both_see_everything_in_order(
    server: ServerProcess,
) -> None:
    async def play(first: ChatClient) -> None:
        second = ChatClient(server.url)
        second.conversation, second.token, second.epoch = (
            first.conversation,
            first.token,
            first.epoch,
        )
        await second.open()
        await asyncio.gather(
            *(first.say(f"a{number}", f"a {number}") for number in range(5)),
            *(second.say(f"b{number}", f"b {number}") for number in range(5)),
        )
        for client in (first, second):
            await client.until(lambda client=client: client.last_seq == 20)
        await second.leave()
        assert [event["seq"] for event in first.events] == list(range(1, 21))
        assert [event["seq"] for event in second.events] == list(range(1, 21))
        assert [event["text"] for event in first.events] == [e["text"] for e in second.events]

    with_visitor(server, play)


@pytest.mark.parametrize(
    "hello",
    [
        {"token": "wrong"},
        {"token": ""},
        {"conversation": "0" * 24},
    ],
)
def test_wrong_token_or_conversation_is_told_and_closed(
    server: ServerProcess, hello: dict[str, str]
) -> None:
    async def play(client: ChatClient) -> None:
        stranger = ChatClient(server.url)
        await stranger.open(with_hello=False)
        own = {"conversation": client.conversation, "token": client.token}
        error = await stranger.error_of({"type": "hello", **own, **hello})
        await stranger.until_closed()
        await stranger.leave()
        assert (error["code"], stranger.close_code) == ("not_allowed", 4403)

    with_visitor(server, play)


# --- frames that are wrong --------------------------------------------------------------------

WRONG_FRAMES = {
    "not JSON": "{",
    "empty": "",
    "not an object": "[1, 2]",
    "binary": b"\x00\xff",
    "unknown type": {"type": "restart"},
    "unknown field": {"type": "ping", "admin": True},
    "field of a wrong type": {"type": "message", "id": 3, "text": "hello"},
    "no text": {"type": "message", "id": "w"},
    "empty text": {"type": "message", "id": "w", "text": " "},
    "empty id": {"type": "message", "id": "", "text": "hello"},
    "long id": {"type": "message", "id": "x" * 65, "text": "hello"},
    "half a surrogate pair": '{"type": "message", "id": "\\ud800", "text": "\\ud800"}',
    "half a surrogate pair in a sound frame": '{"type": "x", "id": "\\udfff"}',
    "deeply nested": "[" * 15_000,
    "deeply nested field": '{"type": "message", "id": "w", "text": ' + "[" * 15_000,
    "second hello": {"type": "hello"},
}


@pytest.mark.parametrize("frame", WRONG_FRAMES.values(), ids=WRONG_FRAMES.keys())
def test_wrong_frame_is_told_and_the_socket_stays_usable(
    server: ServerProcess, frame: dict[str, Any] | str | bytes
) -> None:
    async def play(client: ChatClient) -> None:
        error = await client.error_of(frame)
        assert error["code"] == "usage"
        await client.ask("after", "hello")
        await client.until_replies(1)
        assert stored_texts(server, client.conversation) == ["hello"]

    with_visitor(server, play)


def test_message_before_hello_is_told_and_hello_still_works(server: ServerProcess) -> None:
    async def play(client: ChatClient) -> None:
        error = await client.error_of({"type": "message", "id": "early", "text": "hello"})
        assert (error["code"], error["id"]) == ("usage", "early")
        await client.send_raw({"type": "hello"})
        await client.until(lambda: bool(client.conversation))

    with_visitor(server, play, with_hello=False)


@pytest.mark.parametrize("after", [-1, 10**30, "1", None])
def test_hello_with_a_strange_number_does_not_break_the_socket(
    server: ServerProcess, after: Any
) -> None:
    async def play(client: ChatClient) -> None:
        await client.ask("a", "hello")
        await client.until_replies(1)
        own = {"conversation": client.conversation, "token": client.token, "epoch": client.epoch}
        async with visitor(server.url, with_hello=False) as stranger:
            await stranger.send_raw({"type": "hello", **own, "after": after})
            await stranger.until(lambda: bool(stranger.errors or stranger.conversation))
            await stranger.send_raw({"type": "hello", **own})
            await stranger.until(lambda: bool(stranger.errors or stranger.events))

    with_visitor(server, play)


def test_frame_over_16_kib_is_told_and_the_socket_stays_usable(server: ServerProcess) -> None:
    async def play(client: ChatClient) -> None:
        error = await client.error_of({"type": "message", "id": "big", "text": "x" * 16 * 1024})
        assert (error["code"], error["id"]) == ("message_too_long", "big")
        await client.ask("after", "hello")
        assert stored_texts(server, client.conversation) == ["hello"]

    with_visitor(server, play)


def test_text_over_the_limit_in_a_small_frame_is_told(server: ServerProcess) -> None:
    async def play(client: ChatClient) -> None:
        error = await client.error_of({"type": "message", "id": "long", "text": "x" * 10_001})
        assert (error["code"], error["id"]) == ("message_too_long", "long")
        assert (await client.ask("whole", "x" * 10_000))["seq"] == 1

    with_visitor(server, play)


def test_frame_of_a_megabyte_closes_that_socket_only(server: ServerProcess) -> None:
    async def play(client: ChatClient) -> None:
        async with visitor(server.url) as rude:
            await rude.send_raw("x" * 1024 * 1024)
            await rude.until_closed()
        await client.ask("a", "hello")
        await client.until_replies(1)

    with_visitor(server, play)


def test_ping_is_answered_before_and_after_hello(server: ServerProcess) -> None:
    async def main() -> None:
        async with websockets.connect(server.url, open_timeout=30) as socket:
            await socket.send('{"type": "ping"}')
            assert await asyncio.wait_for(socket.recv(), 30) == '{"type":"pong"}'

    asyncio.run(main())


# --- buttons ----------------------------------------------------------------------------------


def test_button_is_looked_up_on_the_server(server: ServerProcess) -> None:
    async def play(client: ChatClient) -> None:
        await client.ask("a", "options")
        await client.until_replies(1)
        offered = client.events[-1]["options"]
        assert [option["label"] for option in offered] == ["See prices", "Go on"]
        assert all(set(option) == {"option_id", "label"} for option in offered)
        await client.ask("b", offered[0]["label"], option_id=offered[0]["option_id"])
        await client.until_replies(2)
        await client.ask("c", "prices")  # the button's alias, typed
        await client.until_replies(3)
        assert client.replies[1:] == ["re: See prices [ask_price]", "re: prices [ask_price]"]

    with_visitor(server, play)


def test_button_of_another_conversation_is_only_its_text(server: ServerProcess) -> None:
    async def play(client: ChatClient) -> None:
        await client.ask("a", "options")
        await client.until_replies(1)
        option = client.events[-1]["options"][0]
        async with visitor(server.url) as other:
            await other.ask("a", "I press", option_id=option["option_id"])
            await other.until_replies(1)
            assert other.replies == ["re: I press"]

    with_visitor(server, play)


def test_pressed_go_on_button_wakes_the_bot_of_a_waiting_conversation(
    server: ServerProcess,
) -> None:
    async def play(client: ChatClient) -> None:
        await client.ask("a", "human")
        await client.until_replies(1)
        assert (await client.ask("b", "still there?"))["state"] == "held"
        go_on = client.events[1]["options"][1]
        ack = await client.ask("c", go_on["label"], option_id=go_on["option_id"])
        await client.until_replies(2)
        assert ack["state"] == "pending"
        assert client.replies == ["re: human", "re: Go on [resume_bot]"]

    with_visitor(server, play)


# --- storage ----------------------------------------------------------------------------------


def test_locked_database_is_told_in_time_and_nothing_is_stored(
    server: ServerProcess,
) -> None:
    async def play(client: ChatClient) -> None:
        with locked(server):
            error = await client.error_of({"type": "message", "id": "a", "text": "hello"})
            assert stored_texts(server, client.conversation) == []
        assert (error["code"], error["id"]) == ("storage_unavailable", "a")
        assert 2 * BUSY_TIMEOUT_SECONDS < 3.0, "who waits for one that waits is told after 3 s"
        await client.ask("a", "hello")
        await client.until_replies(1)
        assert stored_texts(server, client.conversation) == ["hello"]

    with_visitor(server, play)


def test_message_that_waits_for_a_short_lock_is_acknowledged_after_it(
    server: ServerProcess,
) -> None:
    async def play(client: ChatClient) -> None:
        with locked(server):
            await client.say("a", "hello")
            await asyncio.sleep(0.3)
            assert client.acks == {}
        await client.until_replies(1)
        assert client.acks["a"]["seq"] == 1

    with_visitor(server, play)
