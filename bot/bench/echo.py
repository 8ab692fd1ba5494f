"""The least a server can do: answer a frame after one row is committed.

`python -m bot.bench.echo VAR PORT`. Bare ASGI on the same uvicorn, the row through the same
`Database`; what an acknowledgement of ours takes beyond this is our own work.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import uvicorn

from bot.clock import Clock, SystemClock
from bot.crm.database import Database
from bot.crm.migrate import upgrade
from bot.crm.records import MessageRecord
from bot.crm.unit_of_work import UnitOfWork
from bot.services.reception import begin
from bot.settings import Settings

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class EchoApp:
    """An ASGI application with one kind of socket."""

    def __init__(self, database: Database, clock: Clock) -> None:
        """Prepare the conversation that all rows go to."""
        self._database = database
        self._clock = clock
        begun = database.write(lambda uow: begin(uow, "bench", "", clock.now()))
        self._conversation_id = begun.id

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
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
                answer = await self._keep(json.loads(event["text"]))
                await send({"type": "websocket.send", "text": json.dumps(answer)})

    async def _keep(self, frame: dict[str, str]) -> dict[str, object]:
        now = self._clock.now()

        def add(uow: UnitOfWork) -> MessageRecord:
            return uow.messages.add(
                self._conversation_id,
                sender="customer",
                text=frame["text"],
                state="history",
                now=now,
                client_id=frame["id"],
                content_hash="",
            )

        row = await self._database.write_async(add)
        return {"type": "ack", "id": frame["id"], "seq": row.seq}


def main() -> None:
    """Serve until killed."""
    settings = Settings(var_dir=Path(sys.argv[1]))
    upgrade(settings.database_url)
    database = Database(settings.database_url)
    app = EchoApp(database, SystemClock())
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(sys.argv[2]),
        ws="wsproto",
        lifespan="off",
        log_level="warning",
        access_log=False,
    )


if __name__ == "__main__":
    main()
