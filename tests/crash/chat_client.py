"""A customer's widget as the tests need it: hello, send, wait, come back and resend."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import websockets
from websockets.exceptions import ConnectionClosed

Frame = dict[str, Any]
WAIT_SECONDS = 60.0


class ChatClient:
    """One visitor. Keeps what a browser keeps: conversation, token, epoch, last `seq`, outbox."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.conversation = ""
        self.token = ""
        self.epoch = ""
        self.events: list[Frame] = []
        self.acks: dict[str, Frame] = {}
        self.errors: list[Frame] = []
        self.standings: list[Frame] = []
        self.others: list[Frame] = []
        self.outbox: dict[str, Frame] = {}
        self.close_code: int | None = None
        self._greeted = asyncio.Event()
        self._news = asyncio.Event()
        self._socket: Any = None
        self._reader: asyncio.Task[None] | None = None

    @property
    def last_seq(self) -> int:
        return self.events[-1]["seq"] if self.events else 0

    @property
    def replies(self) -> list[str]:
        """Return what the bot said, in order."""
        return [event["text"] for event in self.events if event["sender"] == "bot"]

    async def open(self, *, with_hello: bool = True, after: int | None = None) -> None:
        """Connect, say hello (resuming if there is something to resume), resend the outbox."""
        self._socket = await websockets.connect(self._url, open_timeout=30, close_timeout=1)
        self._greeted.clear()
        self.close_code = None
        self._reader = asyncio.create_task(self._read())
        if not with_hello:
            return
        hello: Frame = {"type": "hello"}
        if self.conversation:
            hello |= {"conversation": self.conversation, "token": self.token}
            hello |= {"after": self.last_seq if after is None else after, "epoch": self.epoch}
        await self.send_raw(hello)
        await self.until(lambda: self._greeted.is_set() or self.close_code is not None)
        for frame in list(self.outbox.values()):
            await self.send_raw(frame)

    async def say(self, message_id: str, text: str, option_id: str = "") -> None:
        """Send a message; it stays in the outbox until it is acknowledged."""
        frame = {"type": "message", "id": message_id, "text": text}
        if option_id:
            frame["option_id"] = option_id
        self.outbox[message_id] = frame
        await self.send_raw(frame)

    async def ask(self, message_id: str, text: str, option_id: str = "") -> Frame:
        """Send a message; return its acknowledgement."""
        self.acks.pop(message_id, None)
        await self.say(message_id, text, option_id)
        await self.until(lambda: message_id in self.acks)
        return self.acks[message_id]

    async def error_of(self, frame: Frame | str | bytes) -> Frame:
        """Send something wrong; return the error frame that comes for it."""
        before = len(self.errors)
        await self.send_raw(frame)
        await self.until(lambda: len(self.errors) > before)
        return self.errors[before]

    async def send_raw(self, frame: Frame | str | bytes) -> None:
        text = json.dumps(frame) if isinstance(frame, dict) else frame
        with contextlib.suppress(ConnectionClosed):
            await self._socket.send(text)

    async def until(self, is_so: Callable[[], bool], seconds: float = WAIT_SECONDS) -> None:
        """Wait until something has come in; give up at once when the server has closed."""

        async def watch() -> None:
            while not is_so():
                assert self.close_code is None, f"closed with {self.close_code}: {self!r}"
                self._news.clear()
                await self._news.wait()

        try:
            await asyncio.wait_for(watch(), seconds)
        except asyncio.TimeoutError:
            raise AssertionError(f"not within {seconds:g} s: {self!r}") from None

    def __repr__(self) -> str:
        return f"ChatClient(events {self.events}, acks {self.acks}, errors {self.errors})"

    async def until_replies(self, count: int) -> None:
        await self.until(lambda: len(self.replies) >= count)

    async def until_closed(self) -> None:
        await self.until(lambda: self.close_code is not None)

    async def leave(self) -> None:
        """Close the socket; what was received stays."""
        if self._socket is not None:
            await self._socket.close()
        if self._reader is not None:
            await self._reader

    async def vanish(self) -> None:
        """Break the connection without a word, as a phone in a tunnel does."""
        self._socket.transport.abort()
        await self.leave()

    async def _read(self) -> None:
        try:
            async for raw in self._socket:
                self._take(json.loads(raw))
                self._news.set()
        except ConnectionClosed:
            pass
        finally:
            self.close_code = self._socket.close_code or 1006
            self._news.set()

    def _take(self, frame: Frame) -> None:
        kind = frame["type"]
        if kind == "hello":
            self.conversation = frame["conversation"]
            self.token = frame.get("token", self.token)
            self.epoch = frame["epoch"]
            self._greeted.set()
        elif kind == "ack":
            self.acks[frame["id"]] = frame
            self.outbox.pop(frame["id"], None)
        elif kind == "message":
            self.events.append(frame)
        elif kind == "state":
            self.standings.append(frame)
        elif kind in ("receipt", "history", "queue"):
            self.others.append(frame)
        elif kind == "error":
            self.errors.append(frame)
            self.outbox.pop(frame.get("id", ""), None)
        else:
            assert kind == "pong", frame


@contextlib.asynccontextmanager
async def visitor(url: str, **more: Any) -> AsyncIterator[ChatClient]:
    """A client with an open socket, closed at the end."""
    client = ChatClient(url)
    try:
        await client.open(**more)
        yield client
    finally:
        await client.leave()
