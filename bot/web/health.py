"""Is it alive, and would a message be answered?"""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, get

from bot.errors import StorageUnavailableError


@get("/healthz", opt={"role": "public"}, sync_to_thread=False)
def healthz() -> dict[str, str]:
    """Say that the process is alive."""
    return {"status": "alive"}


@get("/readyz", opt={"role": "public"})
async def readyz(request: Request[Any, Any, Any]) -> Response[dict[str, str]]:
    """Say 200 only when a message would be kept and answered now."""
    application = request.app.state.application
    if not application.engine.is_ready():
        return Response({"status": "starting", "reason": "the engine is loading"}, status_code=503)
    try:
        await application.epoch()
    except StorageUnavailableError as error:
        return Response({"status": "down", "reason": str(error)}, status_code=503)
    return Response({"status": "ready"})
