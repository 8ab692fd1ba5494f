"""uvicorn's WebSocket protocol, with an end to clients that do not read.

uvicorn lets a close frame wait behind what a client has not taken, and a closing connection wait
for ever until it is taken; a client that never reads again would keep both. Nothing else is
changed.
"""

from __future__ import annotations

import asyncio

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.websockets.wsproto_impl import WSProtocol

LINGER_SECONDS = 12.0  # uvicorn waits 10 seconds for the other side's close frame


class SocketProtocol(WSProtocol):
    """One WebSocket connection."""

    async def send(self, message: ASGISendEvent) -> None:
        """Send, waiting while the client is behind; a close frame waits for nobody."""
        if message["type"] == "websocket.close":
            self.writable.set()
        await super().send(message)

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        """Give the connection up if the client does not take the rest of it."""
        super().on_task_complete(task)
        if not self.disconnected:
            self.loop.call_later(LINGER_SECONDS, self.transport.abort)
