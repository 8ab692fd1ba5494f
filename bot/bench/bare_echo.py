"""The barest WebSocket server: `python -m bot.bench.bare_echo PORT` sends back what comes.

Bare ASGI on the same uvicorn, no compression as with ours, no database: what a connection of ours
takes beyond this is our own.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


async def echo(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Serve one socket until it closes; answer any HTTP request with 200 (it is up)."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        return
    while True:
        event = await receive()
        if event["type"] == "websocket.connect":
            await send({"type": "websocket.accept"})
        elif event["type"] == "websocket.disconnect":
            return
        else:
            await send({"type": "websocket.send", "text": event["text"]})


def main() -> None:
    """Serve until killed."""
    uvicorn.run(
        echo,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        ws="wsproto",
        ws_per_message_deflate=False,
        lifespan="off",
        log_level="warning",
        access_log=False,
    )


if __name__ == "__main__":
    main()
