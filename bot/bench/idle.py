"""Idle widgets: `python -m bot.bench.idle URL COUNT FRAMES` opens them and lets them ping.

Every one says hello, reads the FRAMES that answer it, and then pings as the widget does. When
all are open it prints how many there are; when its input ends it prints how many there still are,
and ends.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from dataclasses import asdict, dataclass
from time import perf_counter

from websockets.exceptions import WebSocketException
from websockets.legacy.client import connect

PING_SECONDS = 20.0
OPENING_AT_ONCE = 50
PATIENCE_SECONDS = 60.0


@dataclass
class Count:
    """How many widgets are open, and how many have failed or been closed."""

    open: int = 0
    lost: int = 0
    seconds: float = 0.0

    def tell(self) -> None:
        """Print it as one line."""
        print(json.dumps(asdict(self)), flush=True)


class Crowd:
    """All widgets of one process."""

    def __init__(self, url: str, frames: int) -> None:
        """Take the address, and how many frames answer a hello."""
        self.count = Count()
        self._url = url
        self._frames = frames
        self._gate = asyncio.Semaphore(OPENING_AT_ONCE)

    async def stay(self, opened: asyncio.Event) -> None:
        """Be one widget until cancelled or closed."""
        try:
            async with self._gate:
                socket = await asyncio.wait_for(
                    connect(self._url, compression=None, ping_interval=None), PATIENCE_SECONDS
                )
                await socket.send(json.dumps({"type": "hello"}))
                for _ in range(self._frames):
                    await asyncio.wait_for(socket.recv(), PATIENCE_SECONDS)
            self.count.open += 1
            opened.set()
            await asyncio.sleep(random.uniform(0, PING_SECONDS))  # noqa: S311 - spreads the load
            while True:
                await socket.send(json.dumps({"type": "ping"}))
                await asyncio.wait_for(socket.recv(), PATIENCE_SECONDS)
                await asyncio.sleep(PING_SECONDS)
        except (OSError, asyncio.TimeoutError, WebSocketException):
            self.count.open -= opened.is_set()
            self.count.lost += 1
            opened.set()


async def stand_around(url: str, count: int, frames: int) -> None:
    """Open `count` widgets and keep them until the input ends."""
    crowd, started = Crowd(url, frames), perf_counter()
    events = [asyncio.Event() for _ in range(count)]
    widgets = [asyncio.create_task(crowd.stay(event)) for event in events]
    for event in events:
        await event.wait()
    crowd.count.seconds = round(perf_counter() - started, 1)
    crowd.count.tell()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)
    crowd.count.tell()
    for widget in widgets:
        widget.cancel()


if __name__ == "__main__":
    asyncio.run(stand_around(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
