"""The guard: who calls, and whether the token was given for this route."""

from __future__ import annotations

from typing import Any

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from bot.errors import MissingScopeError
from bot.services.api_tokens import Caller, TokenDesk
from bot.services.application import Application

ApiRequest = Request[Any, Caller, Any]


async def require_scope(
    connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler
) -> None:
    """Let in who has the scope that the route declares; remember who it is as `request.auth`.

    Raises:
        NotAuthenticatedError: a token that opens nothing. MissingScopeError: one for other things.
        RateLimitedError: too many requests.
    """
    if connection.scope.get("method") == "OPTIONS":  # says which methods there are, nothing else
        return
    desk: TokenDesk = connection.app.state.tokens
    address = connection.client.host if connection.client else "unknown"
    caller = await desk.admit(connection.headers.get("authorization", ""), address)
    connection.scope["auth"] = caller
    require(caller, handler.opt["scope"])


def require(caller: Caller, scope: str) -> None:
    """Refuse a caller without this scope.

    Raises:
        MissingScopeError: the token was not given for this.
    """
    if scope not in caller.scopes:
        raise MissingScopeError(f"this needs a token with the scope {scope}")


def application_of(request: ApiRequest) -> Application:
    """Return the application behind the API."""
    application: Application = request.app.state.application
    return application
