"""One customer of each system: says a text, waits for the whole answer, and takes the time.

The reply time is the time to the *last* reply of a turn on both sides: the REST answer holds all
of them; our protocol has no end of turn, so the number of replies to each message of the script
is counted once, in a warm-up, by waiting for quiet.
"""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Protocol, TypeVar

import aiohttp
from websockets.legacy.client import WebSocketClientProtocol, connect

from bot.bench.servers import BenchError

T = TypeVar("T")

TURN_SECONDS = 30.0


@dataclass(frozen=True)
class Timing:
    """One turn as its customer saw it.

    Attributes:
        ack_seconds: until the acknowledgement; None where there is none.
        reply_seconds: until the last reply; None where there is none.
    """

    ack_seconds: float | None
    reply_seconds: float | None
    replies: int


class Customer(Protocol):
    """One conversation."""

    async def say(self, text: str, expected: int | None) -> Timing:
        """Say something and wait for the answer.

        Args:
            text: the message.
            expected: how many replies the turn has, where it is known.
        """


Opener = Callable[[], AbstractAsyncContextManager[Customer]]


class SocketCustomer:
    """Talks with our server as the widget does."""

    def __init__(self, socket: WebSocketClientProtocol, quiet_seconds: float) -> None:
        """Say hello first; `quiet_seconds` ends a turn whose number of replies is not known."""
        self._socket = socket
        self._quiet_seconds = quiet_seconds
        self._last_seq = 0

    async def greet(self) -> None:
        """Begin a conversation."""
        await self._socket.send(json.dumps({"type": "hello"}))
        await self._receive()

    async def say(self, text: str, expected: int | None) -> Timing:
        """Say something and wait for acknowledgement and replies.

        Raises:
            BenchError: refused, or not answered as the script says.
        """
        return await _in_time(self._say(text, expected), text)

    async def _say(self, text: str, expected: int | None) -> Timing:
        frame = {"type": "message", "id": uuid.uuid4().hex, "text": text}
        started = perf_counter()
        await self._socket.send(json.dumps(frame))
        ack_seconds = await self._acknowledged(expected, started)
        reply_seconds, replies = 0.0, 0
        while expected is None or replies < expected:
            try:
                event = await self._next_reply(is_last_known=expected is None and replies > 0)
            except asyncio.TimeoutError:
                break
            reply_seconds = perf_counter() - started
            replies += 1
            self._last_seq = event["seq"]
        return Timing(ack_seconds, reply_seconds, replies)

    async def say_until(self, text: str, pattern: re.Pattern[str]) -> float:
        """Say something; return the seconds until a reply has what is looked for.

        Raises:
            BenchError: refused, or no such reply in time.
        """
        return await _in_time(self._say_until(text, pattern), text)

    async def _say_until(self, text: str, pattern: re.Pattern[str]) -> float:
        frame = {"type": "message", "id": uuid.uuid4().hex, "text": text}
        started = perf_counter()
        await self._socket.send(json.dumps(frame))
        while True:
            event = await self._next_reply(is_last_known=False)
            self._last_seq = event["seq"]
            if pattern.search(event["text"]):
                return perf_counter() - started

    async def _acknowledged(self, expected: int | None, started: float) -> float:
        while True:
            event = await self._receive()
            if event["type"] == "ack":
                break
        seconds = perf_counter() - started
        if expected is not None and event["seq"] != self._last_seq + 1:
            raise BenchError("a turn had more replies than in the warm-up")
        self._last_seq = event["seq"]
        return seconds

    async def _next_reply(self, *, is_last_known: bool) -> dict[str, Any]:
        """Return the next reply; give up after some quiet if it may have been the last."""
        while True:
            receiving = self._receive()
            event = await (
                asyncio.wait_for(receiving, self._quiet_seconds) if is_last_known else receiving
            )
            if event["type"] == "message" and event["sender"] != "customer":
                if event["seq"] > self._last_seq:
                    return event

    async def _receive(self) -> dict[str, Any]:
        event: dict[str, Any] = json.loads(await self._socket.recv())
        if event["type"] == "error":
            raise BenchError(f"our server refused: {event['message']}")
        return event


class EchoCustomer:
    """Talks with the echo; only acknowledgements come back."""

    def __init__(self, socket: WebSocketClientProtocol) -> None:
        """Take an open socket."""
        self._socket = socket

    async def say(self, text: str, expected: int | None) -> Timing:
        """Send a frame and wait for its echo."""
        frame = {"type": "message", "id": uuid.uuid4().hex, "text": text}
        started = perf_counter()
        await self._socket.send(json.dumps(frame))
        await _in_time(self._socket.recv(), text)
        return Timing(perf_counter() - started, None, 0)


class RestCustomer:
    """Talks with stock Rasa over its REST channel."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        """Begin a conversation under a new sender."""
        self._session = session
        self._url = url
        self._sender = uuid.uuid4().hex

    async def say(self, text: str, expected: int | None) -> Timing:
        """Post a message; the answer holds all replies.

        Raises:
            BenchError: Rasa answered nothing, or not in time.
        """
        return await _in_time(self._say(text), text)

    async def _say(self, text: str) -> Timing:
        started = perf_counter()
        frame = {"sender": self._sender, "message": text}
        async with self._session.post(self._url, json=frame) as answer:
            replies = await answer.json()
        seconds = perf_counter() - started
        if not replies:
            raise BenchError(f"stock Rasa answered nothing to {text!r}")
        return Timing(None, seconds, len(replies))


def open_ours(port: int, quiet_seconds: float) -> Opener:
    """Return what opens a conversation with our server."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Customer]:
        async with connect(f"ws://127.0.0.1:{port}/chat", compression=None) as socket:
            customer = SocketCustomer(socket, quiet_seconds)
            await customer.greet()
            yield customer

    return opened


def open_echo(port: int) -> Opener:
    """Return what opens a socket to the echo."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Customer]:
        async with connect(f"ws://127.0.0.1:{port}/", compression=None) as socket:
            yield EchoCustomer(socket)

    return opened


def open_stock(port: int) -> Opener:
    """Return what opens a conversation with stock Rasa, on a connection of its own."""
    url = f"http://127.0.0.1:{port}/webhooks/rest/webhook"

    @asynccontextmanager
    async def opened() -> AsyncIterator[Customer]:
        async with aiohttp.ClientSession() as session:
            yield RestCustomer(session, url)

    return opened


async def _in_time(answer: Awaitable[T], text: str) -> T:
    try:
        return await asyncio.wait_for(answer, TURN_SECONDS)
    except asyncio.TimeoutError:
        raise BenchError(f"{text!r} was not answered within {TURN_SECONDS:g} s") from None
