"""Litestar's channels over PostgreSQL's LISTEN/NOTIFY, for a server that stays up for months.

Litestar's own backend ends for good with the first message of more than 8,000 bytes and with the
first connection that is lost. Here an event that is too long, or may have been lost, becomes
`missed`: a socket that gets it reads on from the database. All conversations share one channel
of PostgreSQL; every replica drops what none of its own sockets wants.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import suppress
from typing import Any

import psycopg
import structlog
from litestar.channels.backends.base import ChannelsBackend
from psycopg import AsyncConnection

log = structlog.get_logger(__name__)

MISSED = b'{"type":"missed"}'
MAX_EVENT_BYTES = 7_900  # with the conversation's id below NOTIFY's 8,000
CONNECT_SECONDS = 2
RETRY_SECONDS = 0.2


class PostgresChannels(ChannelsBackend):
    """One connection that listens, one that tells; both come back when they are lost."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._wanted: set[str] = set()
        self._teller: AsyncConnection[Any] | None = None

    async def on_startup(self) -> None:
        """Begin to listen."""
        self._events: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
        self._listener = asyncio.create_task(self._listen())

    async def on_shutdown(self) -> None:
        """Let go of both connections."""
        self._listener.cancel()
        with suppress(asyncio.CancelledError):
            await self._listener
        if self._teller is not None:
            await self._teller.close()

    async def publish(self, data: bytes, channels: Iterable[str]) -> None:
        """Tell every replica; what cannot be told is found in the database on the next event."""
        event = (data if len(data) <= MAX_EVENT_BYTES else MISSED).decode()
        for channel in channels:
            try:
                await self._tell(f"{channel} {event}")
            except psycopg.Error:  # the connection was lost since it was used last
                self._teller = None
                try:
                    await self._tell(f"{channel} {event}")
                except psycopg.Error as error:
                    self._teller = None
                    log.warning("channels.not_told", conversation=channel, error=str(error))

    async def _tell(self, payload: str) -> None:
        if self._teller is None:
            self._teller = await self._connect()
        await self._teller.execute("SELECT pg_notify('prelude', %s)", (payload,))

    async def subscribe(self, channels: Iterable[str]) -> None:
        """Want the events of these conversations."""
        self._wanted.update(channels)

    async def unsubscribe(self, channels: Iterable[str]) -> None:
        """Want them no more."""
        self._wanted.difference_update(channels)

    async def stream_events(self) -> AsyncGenerator[tuple[str, bytes], None]:
        """Yield what was told about wanted conversations."""
        while True:
            yield await self._events.get()

    async def get_history(self, channel: str, limit: int | None = None) -> list[bytes]:
        """Return nothing: the past is in the database."""
        return []

    async def _listen(self) -> None:
        while True:
            try:
                async with await self._connect() as connection:
                    await connection.execute("LISTEN prelude")
                    for channel in self._wanted:  # while nobody listened
                        self._events.put_nowait((channel, MISSED))
                    async for notice in connection.notifies():
                        channel, _, event = notice.payload.partition(" ")
                        if channel in self._wanted:
                            self._events.put_nowait((channel, event.encode()))
            except psycopg.Error as error:
                log.warning("channels.lost", error=str(error))
            await asyncio.sleep(RETRY_SECONDS)

    async def _connect(self) -> AsyncConnection[Any]:
        return await AsyncConnection.connect(
            self._url, autocommit=True, connect_timeout=CONNECT_SECONDS
        )
