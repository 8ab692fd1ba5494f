"""The web application: routes, the one error shape, start and stop."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import structlog
from litestar import Litestar, Request, Response
from litestar.channels import ChannelsPlugin
from litestar.datastructures import State
from litestar.exceptions import HTTPException

from bot.errors import BotError
from bot.services.application import Application
from bot.web.admin import run_operation
from bot.web.chat import chat
from bot.web.health import healthz, readyz

log = structlog.get_logger(__name__)

Hook = Callable[[], Awaitable[None]]


def create_app(
    application: Application,
    channels: ChannelsPlugin,
    *,
    admin_token: str,
    on_stop: Hook,
) -> Litestar:
    """Return the ASGI application around `application`.

    Args:
        on_stop: called when the server stops, after the runner has stopped.
    """

    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        left = await application.runner.recover()
        if left:
            log.info("server.recovered", conversations=left)
        try:
            yield
        finally:
            await application.runner.close()
            await on_stop()

    return Litestar(
        route_handlers=[chat, healthz, readyz, run_operation],
        plugins=[channels],
        lifespan=[lifespan],
        state=State({"application": application, "channels": channels, "admin_token": admin_token}),
        exception_handlers={BotError: _tell_error, HTTPException: _tell_http_error},
        openapi_config=None,
    )


def _tell_http_error(_: Request[Any, Any, Any], error: Exception) -> Response[dict[str, Any]]:
    """Return the framework's own refusals in the same shape."""
    assert isinstance(error, HTTPException)
    code = {404: "not_found", 405: "not_allowed"}.get(error.status_code, "usage")
    return Response({"code": code, "message": error.detail}, status_code=error.status_code)


def _tell_error(_: Request[Any, Any, Any], error: Exception) -> Response[dict[str, Any]]:
    """Return the one error shape: code and message."""
    assert isinstance(error, BotError)
    return Response({"code": error.code, "message": str(error)}, status_code=error.status)
