"""What a request must be before any handler sees it.

The framework would take `"5"` for a number, ignore a mistyped filter, and fail on bytes that are
no UTF-8; PostgreSQL refuses NUL in a text. So bodies are read strictly here, against the very type
that the handler declares.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import msgspec
from litestar import Request
from litestar.handlers import HTTPRouteHandler

from bot.errors import UsageError
from bot.services.written import check_moment
from bot.web.api.problems import RefusedError

MAX_BODY_BYTES = 1024 * 1024
_JSON = re.compile(r"application/(?:json|merge-patch\+json)\s*(?:;.*)?", re.IGNORECASE)
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_AT = re.compile(r"(.*) - at `(?:\$\.?|key in )([^`]*)`", re.DOTALL)
_NAMED = re.compile(r"Object (?:contains unknown|missing required) field `([^`]*)`")


async def check_request(request: Request[Any, Any, Any]) -> None:
    """Refuse what no handler could use.

    Raises:
        RefusedError: it names the parameter or field.
    """
    handler = request.route_handler
    if request.method == "OPTIONS" or not isinstance(handler, HTTPRouteHandler):
        return
    _check_parameters(request, _query_names(handler))
    declared = handler.parsed_data_field
    if declared is None:
        return
    if not _JSON.fullmatch(request.headers.get("content-type", "")):
        raise RefusedError(
            415, "unsupported_media_type", "send the body as Content-Type: application/json"
        )
    _check_body(await request.body(), declared.annotation)


def _query_names(handler: HTTPRouteHandler) -> set[str]:
    names = set()
    for name, field in handler.parsed_fn_signature.parameters.items():
        declared = field.kwarg_definition
        if getattr(declared, "header", None) is None:
            names.add(getattr(declared, "query", None) or name)
    return names - {"request", "data"}


def _check_parameters(request: Request[Any, Any, Any], known: set[str]) -> None:
    if "\0" in request.url.path:
        raise RefusedError(400, "invalid", "an address has no NUL characters")
    seen: set[str] = set()
    for name, value in request.query_params.multi_items():
        if name not in known or name in request.path_params:
            raise RefusedError(400, "invalid", f"there is no parameter {name!r} here", name)
        if name in seen:
            raise RefusedError(400, "invalid", f"{name} is given twice", name)
        if "\0" in value:
            raise RefusedError(400, "invalid", "a text has no NUL characters", name)
        seen.add(name)


def _check_body(body: bytes, type_: Any) -> None:
    if _NUL.search(body):
        raise RefusedError(400, "invalid", "a text has no NUL characters", "body")
    try:
        msgspec.json.decode(body, type=type_)
    except UnicodeDecodeError as error:
        raise RefusedError(400, "invalid", "the body is no UTF-8", "body") from error
    except (msgspec.DecodeError, RecursionError) as error:
        found = _AT.fullmatch(str(error))
        reason, field = (found[1], found[2]) if found else (str(error), "")
        named = _NAMED.match(reason)
        if named:
            field = f"{field}.{named[1]}" if field else named[1]
        raise RefusedError(400, "invalid", reason, field or "body") from error


def read_moment(name: str, text: str | None) -> datetime | None:
    """Return a time of the query.

    Raises:
        UsageError: not a time as RFC 3339 has it, with its time zone.
    """
    if text is None:
        return None
    try:
        moment = msgspec.convert(text, datetime)
    except msgspec.ValidationError as error:
        raise UsageError(
            f"{name}: not a time like 2026-11-22T02:00:00Z (in an address, + is written %2B)"
        ) from error
    check_moment(name, moment)
    return moment
