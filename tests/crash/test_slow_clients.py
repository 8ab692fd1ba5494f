"""Bad clients hurt themselves only: slow ones, rude ones, and all of them when a server stops."""

from __future__ import annotations

import asyncio
import os
import time
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from bot.errors import StorageUnavailableError
from bot.web import session, socket_protocol
from tests.fakes import START
from tests.integration.served import (
    Frame,
    Page,
    PeakMemory,
    RawClient,
    ServedShop,
    eventually,
)

LONG = "x" * 10_000
SMALL = 4096
IN_TIME = 20.0  # seconds; others cost milliseconds, but the machine may be busy
BLOCKED = 60  # seconds; what waits for a bad client waits longer than that
Rude = Callable[[RawClient], Awaitable[None]]


@pytest.fixture
def slow(served: ServedShop, monkeypatch: pytest.MonkeyPatch) -> ServedShop:
    """A shop with little room on the way to its clients, and little patience."""
    monkeypatch.setattr(session, "SEND_SECONDS", 0.1)
    monkeypatch.setattr(socket_protocol, "LINGER_SECONDS", BLOCKED)
    served.send_buffer = SMALL
    served.settings = replace(served.settings, message_rate="100000/second")
    return served


def fill(served: ServedShop, conversation_id: str, count: int) -> None:
    """Let much be said that has not been sent yet."""
    rows = [{"sender": "bot", "text": LONG, "state": "sent"} for _ in range(count)]
    served.database.write(lambda uow: uow.messages.add_many(conversation_id, rows, START))


async def answered(page: Page, client_id: str = "m") -> float:
    """Say something; return the seconds to the bot's answer."""
    started = time.monotonic()
    await page.talk(client_id, "text")
    return time.monotonic() - started


def hello_of(hello: Frame) -> str:
    return (
        f'{{"type":"hello","conversation":"{hello["conversation"]}",'
        f'"token":"{hello["token"]}","epoch":"{hello["epoch"]}"}}'
    )


# --- who does not read ------------------------------------------------------------------------


def test_client_that_does_not_take_what_it_missed_is_dropped_alone(slow: ServedShop) -> None:
    async def scenario() -> None:
        async with slow.page() as good, slow.page(hello=False) as first:
            hello = await first.hello()
            fill(slow, hello["conversation"], 40)
            async with slow.raw(receive_buffer=SMALL) as lazy:
                lazy.send_text(hello_of(hello))
                await eventually(lambda: slow.open_sockets == 3)
                assert await answered(good) < IN_TIME
                await eventually(lambda: slow.open_sockets == 2)
                assert await lazy.close_code() == 4408
            assert await answered(good, "n") < IN_TIME

    slow.run(scenario)


def test_client_that_stops_reading_is_dropped_and_its_other_tab_is_not(slow: ServedShop) -> None:
    async def scenario() -> None:
        async with slow.page(hello=False) as tab, slow.page() as stranger:
            hello = await tab.hello()
            async with slow.raw(receive_buffer=SMALL) as lazy:
                lazy.send_text(hello_of(hello))
                await eventually(lambda: slow.open_sockets == 3)
                for number in range(30):
                    await tab.talk(f"m{number}", LONG)
                await eventually(lambda: slow.open_sockets == 2)
                assert tab.seqs() == list(range(1, 61))
                assert await answered(stranger) < IN_TIME
                assert await lazy.close_code() == 4408
            async with slow.page(hello=False) as again:  # nothing is lost
                await again.hello(conversation=hello["conversation"], token=hello["token"])
                assert again.seqs() == list(range(1, 61))

    slow.run(scenario)


def test_client_that_never_reads_again_leaves_no_connection_behind(
    slow: ServedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket_protocol, "LINGER_SECONDS", 0.2)

    async def scenario() -> None:
        async with slow.page(hello=False) as page:
            hello = await page.hello()
            fill(slow, hello["conversation"], 40)
            async with slow.raw(receive_buffer=SMALL) as lazy:
                lazy.send_text(hello_of(hello))
                await eventually(lambda: slow.connections == 2)
                await eventually(lambda: slow.connections == 1)
                assert slow.open_sockets == 1
            assert await answered(page) < IN_TIME

    slow.run(scenario)


def test_slow_client_that_reads_on_gets_everything(slow: ServedShop) -> None:
    async def scenario() -> None:
        async with slow.page(hello=False) as page:
            hello = await page.hello()
            fill(slow, hello["conversation"], 40)
        async with slow.page(hello=False, max_queue=1, read_limit=1024) as page:
            await page.hello(conversation=hello["conversation"], token=hello["token"])
            assert page.seqs() == list(range(1, 41))

    slow.run(scenario)


# --- what cannot be read now ------------------------------------------------------------------


async def fails(*_: Any) -> Any:
    raise StorageUnavailableError("the database cannot be read")


def test_socket_that_cannot_be_told_the_rest_is_closed_to_come_back(
    served: ServedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with served.page(hello=False) as page:
            hello = await page.hello()
            await page.talk("m", "text")
            fill(served, hello["conversation"], 1)
            with monkeypatch.context() as broken:
                broken.setattr(served.app, "events_after", fails)
                beyond = {"type": "message", "seq": 4, "text": "", "sender": "bot"}  # 3 is missing
                await served.app.notifier.publish(hello["conversation"], [beyond])
                assert await page.close_code() == 1012
        async with served.page(hello=False) as again:
            own = {"conversation": hello["conversation"], "token": hello["token"]}
            await again.hello(**own, after=2, epoch=hello["epoch"])
            assert again.seqs() == [3]

    served.run(scenario)


def test_hello_that_cannot_be_answered_whole_is_closed_to_come_back(
    served: ServedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        with monkeypatch.context() as broken:
            broken.setattr(served.app, "standing", fails)
            async with served.page(hello=False) as page:
                await page.send("hello")
                assert (await page.until("error"))["code"] == "storage_unavailable"
                assert await page.close_code() == 1012
        async with served.page() as page:
            await page.talk("m", "text")

    served.run(scenario)


# --- who is rude ------------------------------------------------------------------------------


async def invalid_utf8(client: RawClient) -> None:
    client.send_text(b'{"type":"message","id":"a","text":"\xff\xfe"}')


async def half_a_character(client: RawClient) -> None:
    client.send_frame(0x01, b"\xe4\xbd")
    client.send_frame(0x80, b"x")


async def reserved_opcode(client: RawClient) -> None:
    client.send_frame(0x83, b"x")


async def reserved_bits(client: RawClient) -> None:
    client.send_frame(0xF1, b"{}")


async def unmasked(client: RawClient) -> None:
    client.writer.write(b"\x81\x02{}")


async def not_a_frame(client: RawClient) -> None:
    client.writer.write(os.urandom(2000) + b"\r\n\r\n")


async def long_control_frame(client: RawClient) -> None:
    client.send_frame(0x89, b"x" * 200)


async def one_large_message(client: RawClient) -> None:
    client.send_text("x" * (64 * 1024 + 1))


async def large_message_in_pieces(client: RawClient) -> None:
    client.send_frame(0x01, b"x" * 1000)
    for _ in range(66):
        client.send_frame(0x00, b"x" * 1000)


async def claims_a_huge_length(client: RawClient) -> None:
    client.writer.write(b"\x81\xff" + b"\x7f" + b"\xff" * 7 + bytes(4) + b"x" * 300_000)


async def endless_frame(client: RawClient) -> None:
    client.writer.write(b"\x81\xff" + (1 << 40).to_bytes(8, "big") + bytes(4))
    for _ in range(20):
        client.writer.write(b"x" * 65_536)


CLOSED = {
    each.__name__: each
    for each in [
        *(invalid_utf8, half_a_character, reserved_opcode, reserved_bits, unmasked, not_a_frame),
        *(long_control_frame, one_large_message, large_message_in_pieces, claims_a_huge_length),
        *(endless_frame,),
    ]
}


@pytest.mark.parametrize("name", CLOSED)
def test_rude_client_is_closed_alone(served: ServedShop, name: str) -> None:
    async def scenario() -> None:
        async with served.page() as good:
            async with served.raw() as rude:
                memory = PeakMemory()
                await CLOSED[name](rude)
                await rude.read_to_end()
                assert await answered(good) < IN_TIME
                await eventually(lambda: served.open_sockets == 1)
                assert memory.grown_mib() < 20

    served.run(scenario)


TOLD = {
    "deep JSON": "[" * 16_000,
    "deep JSON in a field": '{"type":"message","id":"a","text":' + "[" * 15_000,
    "deep objects": '{"a":' * 3_000,
    "16 KiB and a byte": " " * (16 * 1024 + 1),
    "64 KiB": "x" * (64 * 1024),
    "a long number": '{"type":"history","before":' + "9" * 16_000 + "}",
    "a long id": '{"type":"message","text":"x","id":"' + "i" * 16_000 + '"}',
    "binary": b"\x00" * 1000,
    "empty": "",
    "zeros": "\x00" * 1000,
}


@pytest.mark.parametrize("name", TOLD)
def test_bad_frame_is_told_and_the_socket_stays(served: ServedShop, name: str) -> None:
    async def scenario() -> None:
        async with served.page() as good, served.page() as bad:
            started = time.monotonic()
            await bad.socket.send(TOLD[name])
            assert (await bad.until("error"))["code"] in ("usage", "message_too_long")
            assert time.monotonic() - started < IN_TIME
            assert await answered(bad) < IN_TIME
            assert await answered(good) < IN_TIME

    served.run(scenario)


def test_frame_of_16_kib_is_taken_and_a_byte_more_is_not(served: ServedShop) -> None:
    async def scenario() -> None:
        async with served.page() as page:
            frame = '{"type":"ping"}'
            await page.socket.send(frame + " " * (16 * 1024 - len(frame)))
            await page.until("pong")
            await page.socket.send(frame + " " * (16 * 1024 - len(frame) + 1))
            assert (await page.until("error"))["code"] == "message_too_long"

    served.run(scenario)


def test_compressed_bomb_does_not_unfold(served: ServedShop) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = packer.compress(bytes(100 << 20)) + packer.flush(zlib.Z_SYNC_FLUSH)

    async def scenario() -> None:
        async with served.page() as good:
            extra = "Sec-WebSocket-Extensions: permessage-deflate\r\n"
            async with served.raw(extra=extra) as rude:
                memory = PeakMemory()
                rude.send_frame(0xC1, bomb[:-4])
                watch = asyncio.create_task(rude.read_to_end())
                assert await answered(good) < IN_TIME
                await watch
                assert memory.grown_mib() < 20
        async with served.page(compression="deflate") as page:
            assert page.socket.extensions == []

    served.run(scenario)


def test_flood_of_pings_is_no_burden_to_others(served: ServedShop) -> None:
    async def scenario() -> None:
        async with served.page() as good, served.page() as loud:
            for _ in range(300):
                await loud.send("ping")
            assert await answered(good) < IN_TIME
            for _ in range(300):
                await loud.until("pong")

    served.run(scenario)


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /chat HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        b"\x16\x03\x01\x02\x00" + bytes(500),
        b"GET / HTTP/9.9\r\n\r\n",
        b"\xff" * 5000,
        b"POST /admin/queue.list HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    ],
)
def test_bytes_that_are_no_handshake_hurt_nobody(served: ServedShop, request_bytes: bytes) -> None:
    async def scenario() -> None:
        async with served.page() as good:
            reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
            writer.write(request_bytes)
            assert b" 101 " not in await asyncio.wait_for(reader.read(4096), 5)
            writer.transport.abort()
            assert await answered(good) < IN_TIME

    served.run(scenario)


# --- a server that stops ----------------------------------------------------------------------


def test_stop_sends_1012_and_clients_go_on_with_the_next_server(served: ServedShop) -> None:
    async def scenario() -> None:
        async with served.page(hello=False) as one, served.page(hello=False) as two:
            hello = await one.hello()
            await two.hello()
            await one.talk("m1", "text")
            served.server.config.timeout_graceful_shutdown = BLOCKED
            started = time.monotonic()
            codes = await asyncio.gather(served.stop(), one.close_code(), two.close_code())
            assert codes[1:] == [1012, 1012]
            assert time.monotonic() - started < IN_TIME
        await served.start()
        own = {"conversation": hello["conversation"], "token": hello["token"]}
        async with served.page(hello=False) as page:
            again = await page.hello(**own, after=1, epoch=hello["epoch"])
            assert (again["epoch"], page.seqs()) == (hello["epoch"], [2])
            assert (await page.ask("m1", "text"))["seq"] == 1
            await page.talk("m2", "text")
            assert page.seqs() == [2, 3, 4]

    served.run(scenario)


def test_stop_does_not_wait_for_a_client_that_does_not_read(slow: ServedShop) -> None:
    async def scenario() -> None:
        async with slow.page(hello=False) as page:
            hello = await page.hello()
            fill(slow, hello["conversation"], 40)
            async with slow.raw(receive_buffer=SMALL) as lazy:
                lazy.send_text(hello_of(hello))
                await eventually(lambda: slow.open_sockets == 2)
                started = time.monotonic()
                await asyncio.gather(slow.stop(), page.close_code())
                assert time.monotonic() - started < IN_TIME
        await slow.start()

    slow.run(scenario)
