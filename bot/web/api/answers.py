"""Answers with an ETag, and the conditions that a request may set (RFC 9110).

An ETag is `"<version>-<digest>"`. The version is the row's and is what If-Match compares; the
digest is of the representation, which may change without the row: a card shows orders, too, and
masks what the token may not see.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Annotated, Any, TypeVar, cast

import msgspec
from litestar import Response
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Parameter

from bot.crm.unit_of_work import UnitOfWork
from bot.services.tasks import MAX_ID
from bot.web.api.problems import MEDIA_TYPE, Problem, RefusedError
from bot.web.api.tokens import ApiRequest, application_of

T = TypeVar("T")
V = TypeVar("V")

RowId = Annotated[int, Parameter(ge=1, le=MAX_ID)]
IfMatch = Annotated[
    str | None,
    Parameter(header="If-Match", description='ETag of what you have seen; "*" for whatever it is.'),
]
IfNoneMatch = Annotated[
    str | None, Parameter(header="If-None-Match", description="ETag of what you have: else 304.")
]
_VERSION = re.compile(r'(?:W/)?"(\d{1,9})(?:-[0-9a-f]{16})?"', re.ASCII)
ALWAYS = (400, 401, 403, 429, 503)
TOLD = {
    304: "Not changed since If-None-Match.",
    400: "A parameter, header or field is wrong; `errors` says which.",
    401: "No valid token.",
    403: "The token lacks the scope.",
    404: "There is no such thing.",
    412: "It was changed meanwhile; read it again.",
    413: "More than 1 MiB.",
    415: "The body is not JSON.",
    428: "A change needs If-Match.",
    429: "Too many requests; Retry-After says when again.",
    503: "The database is not to be had just now; Retry-After says when again.",
}


def declare(scope: str, *statuses: int, **more: Any) -> dict[str, Any]:
    """Return what a route declares: its scope, and the refusals that its document names.

    Args:
        statuses: beside the ones that every route may answer.
        more: other options of the route.
    """
    responses = {
        status: ResponseSpec(
            None if status == 304 else Problem,
            generate_examples=False,
            description=TOLD[status],
            media_type=MEDIA_TYPE,
        )
        for status in (*ALWAYS, *statuses)
    }
    responses.update(more.pop("responses", {}))
    return {
        "opt": {"scope": scope},
        "security": [{"token": [scope]}],
        "responses": responses,
        **more,
    }


def expected_version(if_match: str | None, *, is_needed: bool = True) -> int | None:
    """Return the version that the caller has seen; None for whatever it is.

    Raises:
        RefusedError: the header is needed and missing (428), or no ETag of this API (400).
    """
    if if_match is None:
        if is_needed:
            raise RefusedError(
                428, "version_required", "read it first, then send its ETag as If-Match"
            )
        return None
    if if_match.strip() == "*":
        return None
    found = _VERSION.fullmatch(if_match.strip())
    if found is None:
        raise RefusedError(400, "invalid", "not an ETag of this API", "If-Match")
    return int(found[1])


def answer(
    view: V,
    version: int | None = None,
    *,
    if_none_match: str | None = None,
    status: int = 200,
    location: str | None = None,
) -> Response[V]:
    """Return a view with its ETag, or 304 when the caller has it already."""
    body = msgspec.json.encode(view)
    digest = hashlib.sha256(body).hexdigest()[:16]
    etag = f'"{version}-{digest}"' if version is not None else f'"{digest}"'
    headers = {"ETag": etag}
    if location is not None:
        headers["Location"] = location
    if if_none_match is not None and _is_known(if_none_match, etag):
        return cast(Response[V], Response(None, status_code=304, headers=headers))
    response = Response(body, status_code=status, media_type="application/json", headers=headers)
    return cast(Response[V], response)


def _is_known(if_none_match: str, etag: str) -> bool:
    given = [each.strip().removeprefix("W/") for each in if_none_match.split(",")]
    return "*" in given or etag in given


async def read(request: ApiRequest, job: Callable[[UnitOfWork], T]) -> T:
    """Read something that is about nobody."""
    return await application_of(request).database.read_async(job)


async def disclose(
    request: ApiRequest,
    job: Callable[[UnitOfWork], T],
    subject_of: Callable[[T], tuple[str, object]] | None = None,
) -> T:
    """Read something about a person; if it is shown unmasked, the audit trail says to whom.

    Args:
        subject_of: kind and id of the row; left out for a list, which is noted under the token.
    """
    caller, application = request.auth, application_of(request)
    if not caller.sees_personal:
        return await application.database.read_async(job)
    now = application.clock.now()

    def work(uow: UnitOfWork) -> T:
        result = job(uow)
        subject = subject_of(result) if subject_of else ("token", caller.token_id)
        verb = f"{subject[0]}.read" if subject_of else "list.read"
        details = {"token": caller.token_id, "path": request.url.path}
        uow.audit.append(caller.code, verb, subject, details, now)
        return result

    return await application.database.write_async(work)


async def write(request: ApiRequest, job: Callable[[UnitOfWork], T]) -> T:
    """Change something in one unit of work."""
    return await application_of(request).database.write_async(job)
