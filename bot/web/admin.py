"""The local admin API: how commands reach a running shop.

Only from this machine, only with the token of `var/admin.json` (mode 600), made anew at every
start.
"""

from __future__ import annotations

import hmac
import ipaddress
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from litestar import Request, post
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from bot.errors import NotAllowedError
from bot.services.operations import perform


@dataclass(frozen=True)
class AdminAccess:
    """Where the running server listens and the token that opens its admin API."""

    url: str
    token: str
    pid: int


def write_access(var_dir: Path, url: str) -> AdminAccess:
    """Make a token and leave it where only this user can read it."""
    access = AdminAccess(url=url, token=secrets.token_urlsafe(32), pid=os.getpid())
    path = var_dir / "admin.json"
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(access.__dict__, file)
    return access


def read_access(var_dir: Path) -> AdminAccess | None:
    """Return the access to the server that runs on `var_dir`, or None when none runs."""
    try:
        access = AdminAccess(**json.loads((var_dir / "admin.json").read_text()))
        os.kill(access.pid, 0)
    except (OSError, ValueError, TypeError):
        return None
    return access


def guard_admin(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Let only this machine with the token in.

    Raises:
        NotAllowedError: anybody else.
    """
    given = connection.headers.get("authorization", "")
    expected = f"Bearer {connection.app.state.admin_token}"
    host = connection.client.host if connection.client else ""
    try:
        is_local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_local = False
    if not is_local or not hmac.compare_digest(given.encode(), expected.encode()):
        raise NotAllowedError("the admin API needs the token of var/admin.json")


@post("/admin/{operation:str}", guards=[guard_admin], status_code=200, opt={"role": "admin"})
async def run_operation(
    request: Request[Any, Any, Any], operation: str, data: dict[str, Any]
) -> dict[str, Any]:
    """Carry out one operation of `bot.services.operations`."""
    return {"result": await perform(request.app.state.application, operation, data)}
