"""An HTTP receiver in the test's own loop, which answers as it is told."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from standardwebhooks import Webhook

HANG, DIE, DRIP, ENDLESS = "hang", "die", "drip", "endless"


@dataclass(frozen=True)
class Received:
    """One request."""

    headers: dict[str, str]
    body: str

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    def is_signed_with(self, secret: str) -> bool:
        """Tell whether the library signs the same; `verify` itself asks the machine's clock."""
        sent_at = datetime.fromtimestamp(int(self.headers["webhook-timestamp"]), timezone.utc)
        signature = Webhook(secret).sign(self.id, sent_at, self.body)
        return signature == self.headers["webhook-signature"]


@dataclass
class Receiver:
    """Answers each request with the next of `answers`, the last one for ever."""

    answers: list[int | str] = field(default_factory=lambda: [204])
    received: list[Received] = field(default_factory=list)
    url: str = ""
    _hanging: list[Any] = field(default_factory=list)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                lines = [line.partition(": ") for line in head.split("\r\n")[1:] if line]
                headers = {name.lower(): value for name, _, value in lines}
                body = (await reader.readexactly(int(headers["content-length"]))).decode()
                self.received.append(Received(headers, body))
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                await self._answer(writer, answer)

    async def _answer(self, writer: asyncio.StreamWriter, answer: int | str) -> None:
        if answer == HANG:
            self._hanging.append(writer)
            await asyncio.sleep(3600)
        elif answer == DIE:
            writer.transport.abort()
        elif answer == DRIP:  # never silent for long, never done
            for letter in b"HTTP/1.1 200 OK\r\nX: " + b"a" * 10_000:
                writer.write(bytes([letter]))
                await writer.drain()
                await asyncio.sleep(0.02)
        elif answer == ENDLESS:
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while True:
                writer.write(b"10000\r\n" + b"a" * 65536 + b"\r\n")
                await writer.drain()
        else:
            more = f"Location: {self.url}/elsewhere\r\n" if 300 <= int(answer) < 400 else ""
            writer.write(f"HTTP/1.1 {answer} X\r\n{more}Content-Length: 0\r\n\r\n".encode())
            await writer.drain()


@contextlib.asynccontextmanager
async def receiving(*answers: int | str) -> AsyncIterator[Receiver]:
    """A receiver that listens; it answers 204 unless told otherwise."""
    receiver = Receiver(list(answers) or [204])
    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.ensure_future(receiver._serve(reader, writer)))

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    try:
        yield receiver
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
