"""Every refusal of the API in one shape: `application/problem+json` (RFC 9457).

`code` is stable, for programs; `detail` is for people and may change. What went wrong inside is
logged, never told.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException
from msgspec import Struct

from bot.errors import BotError, RateLimitedError, StorageUnavailableError, UsageError

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 2  # a locked database is tried again after so long
HTTP_CODES = {
    400: "invalid",
    404: "not_found",
    405: "method_not_allowed",
    413: "body_too_large",
}
_FIELD = re.compile(r"([a-z_]+(?:\[\d+\])?(?:\.[a-z_]+)*): (.*)", re.DOTALL)


class FieldError(Struct, frozen=True):
    """One field that was refused, and why."""

    field: str
    reason: str


class Problem(Struct, frozen=True):
    """Why a request was refused."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[FieldError]


class RefusedError(BotError):
    """The request itself is wrong, whatever the shop holds."""

    def __init__(self, status: int, code: str, message: str, field: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.field = field


def tell_problem(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """Return any error as a problem."""
    if isinstance(error, StorageUnavailableError):
        log.warning("api.storage_unavailable", exc_info=error)  # its text may quote a value
        status, code, detail = error.status, error.code, "the database is not to be had just now"
    elif isinstance(error, BotError) and error.status < 500:
        status, detail = error.status, str(error)
        code = "invalid" if isinstance(error, UsageError) else error.code
    elif isinstance(error, HTTPException) and error.status_code < 500:
        status, detail = error.status_code, error.detail
        code = HTTP_CODES.get(status, "refused")
    else:
        log.error("api.crashed", method=request.method, exc_info=error)
        status, code, detail = 500, "internal", "the server failed; its log says why"
    errors = _field_errors(error)
    if errors and isinstance(error, HTTPException):
        detail = f"{errors[0].field}: {errors[0].reason}"
    return problem_response(status, code, detail, errors, _headers(error))


def problem_response(
    status: int, code: str, detail: str, errors: list[FieldError], headers: dict[str, str]
) -> Response[Problem]:
    """Return a problem."""
    problem = Problem(
        type=f"urn:prelude:problem:{code}",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        code=code,
        errors=errors,
    )
    return Response(problem, status_code=status, media_type=MEDIA_TYPE, headers=headers)


def _field_errors(error: Exception) -> list[FieldError]:
    if isinstance(error, RefusedError):
        return [FieldError(error.field, str(error))] if error.field else []
    if isinstance(error, HTTPException):
        extra = error.extra if isinstance(error.extra, list) else []
        return [FieldError(each.get("key", ""), each["message"]) for each in extra]
    found = _FIELD.match(str(error)) if isinstance(error, BotError) else None
    return [FieldError(found[1], found[2])] if found else []


def _headers(error: Exception) -> dict[str, str]:
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    if isinstance(error, HTTPException):
        headers.update(error.headers or {})
    if isinstance(error, BotError) and error.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="prelude"'
    if isinstance(error, RateLimitedError):
        headers["Retry-After"] = str(error.retry_after_seconds)
    elif isinstance(error, StorageUnavailableError):
        headers["Retry-After"] = str(RETRY_SECONDS)
    return headers
