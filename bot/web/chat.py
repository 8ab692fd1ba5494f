"""The customer's socket: only for pages of this shop, a few at a time for one address."""

from __future__ import annotations

from collections import Counter
from typing import Any

import structlog
from litestar import WebSocket, websocket
from litestar.exceptions import WebSocketDisconnect

from bot.web.origins import is_allowed_origin
from bot.web.session import CLOSE_NOT_ALLOWED, CLOSE_TOO_MANY, Session

log = structlog.get_logger(__name__)


@websocket("/chat", opt={"role": "customer"})
async def chat(socket: WebSocket[Any, Any, Any]) -> None:
    """Serve one customer's socket until it closes."""
    state = socket.app.state
    allowed = (await state.application.shop()).profile.embed_origins
    headers = socket.headers
    if not is_allowed_origin(headers.get("origin"), headers.get("host", ""), allowed):
        await socket.close(code=CLOSE_NOT_ALLOWED)  # before it is accepted: HTTP 403
        return
    address = socket.client.host if socket.client else "unknown"
    counter: Counter[str] = state.sockets
    await socket.accept()
    if counter[address] >= state.application.settings.max_sockets_per_address:
        await socket.close(code=CLOSE_TOO_MANY)
        return
    counter[address] += 1
    session = Session(socket, state.application, state.channels)
    try:
        await session.serve()
    except WebSocketDisconnect:
        pass
    except Exception:
        log.exception("socket.crashed")
        raise
    finally:
        counter[address] -= 1
        if not counter[address]:
            del counter[address]
        await session.close()
