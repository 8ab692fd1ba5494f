"""The web application: routes, the one error shape, start and stop."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol

import structlog
from litestar import Litestar, Request, Response
from litestar.channels import ChannelsPlugin
from litestar.config.cors import CORSConfig
from litestar.datastructures import State
from litestar.exceptions import HTTPException

from bot.crm.pictures import PictureFolder
from bot.errors import BotError, RateLimitedError
from bot.services.api_tokens import TokenDesk
from bot.services.application import Application
from bot.services.pictures import PictureDesk
from bot.web.admin import run_operation
from bot.web.api.problems import tell_problem
from bot.web.api.routes import PREFIX, api_router, show_document
from bot.web.chat import chat
from bot.web.health import healthz, readyz
from bot.web.pages import (
    list_products,
    show_case,
    show_privacy,
    show_product_picture,
    static_routes,
)
from bot.web.pictures import show_picture, upload_picture

log = structlog.get_logger(__name__)

Hook = Callable[[], Awaitable[None]]
Lifespan = Callable[[Litestar], AbstractAsyncContextManager[None]]


class Background(Protocol):
    """Something that works beside the web until it is cancelled."""

    async def run(self) -> None:
        """Work until cancelled."""


def create_app(
    application: Application,
    channels: ChannelsPlugin,
    *,
    admin_token: str,
    on_stop: Hook,
    background: Sequence[Background] = (),
    embed_origins: Sequence[str] = (),
) -> Litestar:
    """Return the ASGI application around `application`.

    Args:
        on_stop: called when the server stops, after the runner has stopped.
        background: what runs beside the web (scheduler, webhooks) until the server stops.
        embed_origins: the foreign pages that may upload pictures (CORS).
    """
    return Litestar(
        route_handlers=[
            *(chat, upload_picture, show_picture, show_product_picture, show_case, show_privacy),
            *(list_products, healthz, readyz, run_operation, api_router(), show_document),
            *static_routes(),
        ],
        cors_config=CORSConfig(
            allow_origins=list(embed_origins),
            allow_methods=["GET", "POST"],
            allow_headers=["authorization", "content-type"],
        ),
        plugins=[channels],
        lifespan=[lifespan_of(application, background, on_stop)],
        state=state_of(application, channels, admin_token),
        exception_handlers={BotError: _tell_error, HTTPException: _tell_http_error},
        openapi_config=None,
    )


def state_of(application: Application, channels: ChannelsPlugin, admin_token: str) -> State:
    """Return what the handlers find in the application's state."""
    return State(
        {
            "application": application,
            "channels": channels,
            "admin_token": admin_token,
            "pictures": _picture_desk(application),
            "sockets": Counter(),
            "tokens": TokenDesk(application.database, application.clock),
        }
    )


def lifespan_of(
    application: Application, background: Sequence[Background], on_stop: Hook
) -> Lifespan:
    """Return what runs while the server does."""

    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        left = await application.runner.recover()
        if left:
            log.info("server.recovered", conversations=left)
        beside = [asyncio.create_task(each.run()) for each in background]
        try:
            yield
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            await application.runner.close()
            await on_stop()

    return lifespan


def _picture_desk(application: Application) -> PictureDesk:
    folder = PictureFolder(application.settings.var_dir / "pictures")
    return PictureDesk(application.database, application.clock, folder)


def _tell_http_error(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """Return the framework's own refusals in the same shape; of the API's paths in the API's."""
    if request.scope["path"].startswith(f"{PREFIX}/"):
        return tell_problem(request, error)
    assert isinstance(error, HTTPException)
    code = {404: "not_found", 405: "not_allowed"}.get(error.status_code, "usage")
    return Response({"code": code, "message": error.detail}, status_code=error.status_code)


def _tell_error(_: Request[Any, Any, Any], error: Exception) -> Response[dict[str, Any]]:
    """Return the one error shape: code and message."""
    assert isinstance(error, BotError)
    body: dict[str, Any] = {"code": error.code, "message": str(error)}
    headers = {}
    if isinstance(error, RateLimitedError):
        body["retry_after_seconds"] = error.retry_after_seconds
        headers["Retry-After"] = str(error.retry_after_seconds)
    return Response(body, status_code=error.status, headers=headers)
