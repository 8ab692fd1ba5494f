"""A shop served for real: uvicorn and sockets in the test's own loop, fakes behind them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt
import uvicorn
import websockets
from litestar import Litestar
from websockets.exceptions import ConnectionClosed

from bot.bootstrap import build_application
from bot.crm.database import Database
from bot.services.application import Application
from bot.settings import Settings
from bot.web.fanout import ChannelsNotifier, build_channels
from bot.web.server import server_config
from tests.fakes import START, FakeClock, InlineEngine
from tests.integration.web_apps import borrow_web, give_back

Frame = dict[str, Any]
WAIT_SECONDS = 30.0
SCENARIO_SECONDS = 90.0
IDENTITY_SECRET = "the secret that shop and server share"
SHOP_ID = "sample"


class Page:
    """A customer's page with one socket, read only when the test asks."""

    def __init__(self, connection: Any) -> None:
        self.socket = connection
        self.frames: list[Frame] = []

    async def send(self, kind: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": kind, **fields}))

    async def read(self) -> Frame:
        frame: Frame = json.loads(await asyncio.wait_for(self.socket.recv(), WAIT_SECONDS))
        self.frames.append(frame)
        return frame

    async def until(self, kind: str, **wanted: Any) -> Frame:
        """Read up to the next frame of this kind with these fields."""
        while True:
            frame = await self.read()
            if frame["type"] == kind and all(frame.get(k) == v for k, v in wanted.items()):
                return frame

    async def hello(self, **fields: Any) -> Frame:
        """Say hello; read up to the state that ends the greeting."""
        await self.send("hello", **fields)
        answer = await self.until("hello")
        await self.until("state")
        return answer

    async def ask(self, client_id: str, text: str, **more: Any) -> Frame:
        """Send a message; return its acknowledgement."""
        await self.send("message", id=client_id, text=text, **more)
        return await self.until("ack", id=client_id)

    async def talk(self, client_id: str, text: str, **more: Any) -> Frame:
        """Send a message; return the bot's answer."""
        await self.ask(client_id, text, **more)
        return await self.until("message", sender="bot")

    async def refusal(self, kind: str, **fields: Any) -> Frame:
        """Send something wrong; return the error."""
        await self.send(kind, **fields)
        return await self.until("error")

    async def close_code(self) -> int:
        """Read on until the server closes; return its code."""
        with contextlib.suppress(ConnectionClosed):
            while True:
                await self.read()
        return int(self.socket.close_code)

    def seqs(self) -> list[int]:
        return [frame["seq"] for frame in self.frames if frame["type"] == "message"]


class RawClient:
    """Bytes on a connection that took a WebSocket handshake; reads only when told."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send_text(self, text: str | bytes) -> None:
        self.send_frame(0x81, text.encode() if isinstance(text, str) else text)

    def send_frame(self, first_byte: int, payload: bytes) -> None:
        """Send one masked frame; the mask is zero, so the payload goes as it is."""
        size = len(payload)
        head = bytes([first_byte])
        if size < 126:
            head += bytes([0x80 | size])
        elif size < 1 << 16:
            head += bytes([0x80 | 126]) + struct.pack("!H", size)
        else:
            head += bytes([0x80 | 127]) + struct.pack("!Q", size)
        self.writer.write(head + bytes(4) + payload)

    async def read_some(self) -> bytes:
        return await asyncio.wait_for(self.reader.read(4096), WAIT_SECONDS)

    async def close_code(self) -> int:
        """Read everything up to the server's close frame; return its code."""
        everything = b""
        while (code := close_code_in(everything)) is None:
            data = await self.read_some()
            assert data, "the connection ended without a close frame"
            everything += data
        return code

    async def read_to_end(self) -> bytes:
        """Return everything up to the end of the connection, however it ends."""
        everything = b""
        with contextlib.suppress(ConnectionError):
            while data := await self.read_some():
                everything += data
        return everything


def close_code_in(data: bytes) -> int | None:
    """Return the code of the close frame that ends `data`."""
    place = 0
    while place + 2 <= len(data):
        opcode, size = data[place] & 0x0F, data[place + 1] & 0x7F
        place += 2
        if size == 126 and place + 2 <= len(data):
            size, place = int(struct.unpack_from("!H", data, place)[0]), place + 2
        if opcode == 8 and place + 2 <= len(data):
            return int(struct.unpack_from("!H", data, place)[0])
        place += size
    return None


@dataclass
class ServedShop:
    """Everything of one shop. Settings may be changed until it runs."""

    settings: Settings
    database: Database
    clock: FakeClock
    engine: InlineEngine = field(default_factory=InlineEngine)
    send_buffer: int = 0
    port: int = 0
    app: Application = field(init=False)
    web: Litestar = field(init=False)
    server: uvicorn.Server = field(init=False)

    def run(self, scenario: Callable[[], Awaitable[None]]) -> None:
        """Serve while `scenario` plays."""

        async def main() -> None:
            await self.start()
            try:
                await asyncio.wait_for(scenario(), SCENARIO_SECONDS)
            finally:
                await self.end()

        asyncio.run(main())

    async def start(self) -> None:
        channels = build_channels(self.settings.database_url)
        self.app = build_application(
            self.settings,
            database=self.database,
            engine=self.engine,
            notifier=ChannelsNotifier(channels),
            clock=self.clock,
        )
        self.web = borrow_web(self.app, channels)
        config = server_config(self.web, self.settings, host="127.0.0.1", port=0)
        config.load()
        self.server = uvicorn.Server(config)
        self.server.lifespan = config.lifespan_class(config)
        await self.server.startup(sockets=[self._listener()])

    def _listener(self) -> socket.socket:
        # With its protocol named, or asyncio would leave Nagle's delay on what it accepts.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if self.send_buffer:  # what it accepts inherits it
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self.send_buffer)
        listener.bind(("127.0.0.1", self.port))
        self.port = listener.getsockname()[1]
        return listener

    async def stop(self) -> None:
        """Stop as an operator would."""
        await self.server.shutdown()
        give_back(self.web)

    async def end(self) -> None:
        """End at once; faster than a stop."""
        for listening in self.server.servers:
            listening.close()
        for connection in list(self.server.server_state.connections):
            connection.transport.abort()
        while self.server.server_state.tasks:
            await asyncio.gather(*self.server.server_state.tasks, return_exceptions=True)
        if not self.server.lifespan.shutdown_event.is_set():
            await self.server.lifespan.shutdown()
            give_back(self.web)

    @property
    def open_sockets(self) -> int:
        """Return how many customers' sockets the application serves."""
        return sum(self.web.state.sockets.values())

    @property
    def connections(self) -> int:
        """Return how many connections the server holds, served or not."""
        return len(self.server.server_state.connections)

    @contextlib.asynccontextmanager
    async def page(self, *, hello: bool = True, **more: Any) -> AsyncIterator[Page]:
        """A page with an open socket; says hello unless told otherwise."""
        url = f"ws://127.0.0.1:{self.port}/chat"
        more = {"compression": None, "open_timeout": WAIT_SECONDS, "close_timeout": 1, **more}
        async with websockets.connect(url, **more) as connection:
            page = Page(connection)
            if hello:
                await page.hello()
            yield page

    @contextlib.asynccontextmanager
    async def raw(self, *, receive_buffer: int = 0, extra: str = "") -> AsyncIterator[RawClient]:
        """A connection after its handshake, of which a test sends every byte itself."""
        plug = socket.socket()
        if receive_buffer:
            plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        plug.setblocking(False)
        await asyncio.get_running_loop().sock_connect(plug, ("127.0.0.1", self.port))
        reader, writer = await asyncio.open_connection(sock=plug, limit=1024)
        writer.write(
            b"GET /chat HTTP/1.1\r\nHost: shop\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            + extra.encode()
            + b"\r\n"
        )
        try:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), WAIT_SECONDS)
            assert b" 101 " in head, head
            yield RawClient(reader, writer)
        finally:
            writer.transport.abort()


async def eventually(is_so: Callable[[], bool], seconds: float = WAIT_SECONDS) -> None:
    """Wait, not longer than `seconds`, for something that the server does."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"not within {seconds:g} s"
        await asyncio.sleep(0.002)


def customer_jwt(secret: str = IDENTITY_SECRET, **claims: Any) -> str:
    """Return what a shop's page signs; a claim that is None is left out."""
    whole = {"sub": "c-7", "name": "Lin", "aud": SHOP_ID, "exp": START.timestamp() + 3600, **claims}
    kept = {name: value for name, value in whole.items() if value is not None}
    return jwt.encode(kept, secret, "HS256")


class PeakMemory:
    """How much more resident memory this process has had since, at its highest."""

    def __init__(self) -> None:
        Path("/proc/self/clear_refs").write_text("5")  # forget the highest so far
        self._before = self._highest()

    def grown_mib(self) -> float:
        return self._highest() - self._before

    @staticmethod
    def _highest() -> float:
        status = Path("/proc/self/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024
