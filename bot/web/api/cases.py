"""`/api/v1/cases`: complaint cases by their number. Cases are opened by customers, never here."""

from __future__ import annotations

from typing import Annotated, Literal

from litestar import Response, get, patch
from litestar.params import Parameter

from bot.crm.cases import CaseFilter
from bot.crm.records import CaseEventRecord, CaseRecord, Page
from bot.crm.unit_of_work import UnitOfWork
from bot.services.api_tokens import PERSONAL
from bot.services.cases import CaseChange, change_case
from bot.web.api.answers import (
    IfMatch,
    IfNoneMatch,
    RowId,
    answer,
    declare,
    disclose,
    expected_version,
    read,
    write,
)
from bot.web.api.checks import read_moment
from bot.web.api.paging import DEFAULT_LIMIT, Cursor, Limit, read_cursor, write_cursor
from bot.web.api.problems import RefusedError
from bot.web.api.schemas import CaseDetail, CasePage, CaseView
from bot.web.api.tokens import ApiRequest, application_of, require
from bot.web.api.views import show_case, show_case_event

LIST = "cases"
Severity = Literal["slight", "serious", "bodily"]
Query = Annotated[
    str | None,
    Parameter(
        min_length=1,
        max_length=200,
        description="Words that the customer said; no other filter goes with it. "
        "Needs the scope personal:read.",
    ),
]


@get("/cases", **declare("cases:read", 304))
async def list_cases(
    request: ApiRequest,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    q: Query = None,
    stage: str | None = None,
    owner: str | None = None,
    customer_id: RowId | None = None,
    severity: Severity | None = None,
    product_id: str | None = None,
    is_open: bool | None = None,
    is_overdue: bool | None = None,
    updated_since: str | None = None,
    if_none_match: IfNoneMatch = None,
) -> Response[CasePage]:
    """Cases, newest first; or those in which something was said."""
    wanted = CaseFilter(
        stage=stage,
        owner=owner,
        customer_id=customer_id,
        severity=severity,
        product_id=product_id,
        is_open=is_open,
        overdue_at=application_of(request).clock.now() if is_overdue else None,
        updated_since=read_moment("updated_since", updated_since),
    )
    before = read_cursor(LIST, cursor)
    if q is not None:
        page = await _search(request, q, wanted, before, limit)
    else:
        page = await read(
            request, lambda uow: uow.cases.page(wanted, before_id=before, limit=limit)
        )
    items = [show_case(row, request.auth) for row in page.items]
    return answer(CasePage(items, write_cursor(LIST, page.next_id)), if_none_match=if_none_match)


async def _search(
    request: ApiRequest, query: str, wanted: CaseFilter, before: int | None, limit: int
) -> Page[CaseRecord]:
    """Return the cases in which the query was said; that they were, is personal."""
    require(request.auth, PERSONAL)
    if wanted != CaseFilter():
        raise RefusedError(400, "invalid", "no other filter goes with a search", "q")
    return await disclose(
        request, lambda uow: uow.cases.search(query, before_id=before, limit=limit)
    )


@get("/cases/{number:str}", **declare("cases:read", 304, 404))
async def read_case(
    request: ApiRequest, number: str, if_none_match: IfNoneMatch = None
) -> Response[CaseDetail]:
    """One case with its events."""

    def job(uow: UnitOfWork) -> tuple[CaseRecord, list[CaseEventRecord]]:
        return uow.cases.find(number), uow.cases.events_of(number)

    case, events = await disclose(request, job, lambda found: ("case", found[0].id))
    view = CaseDetail(
        show_case(case, request.auth), [show_case_event(each, request.auth) for each in events]
    )
    return answer(view, case.version, if_none_match=if_none_match)


@patch("/cases/{number:str}", **declare("cases:write", 404, 412, 413, 415, 428))
async def update_case(
    request: ApiRequest, number: str, data: CaseChange, if_match: IfMatch = None
) -> Response[CaseView]:
    """Give a case to somebody, or note something; each is an event of the case."""
    expected = expected_version(if_match)
    now, actor = application_of(request).clock.now(), request.auth.code
    case = await write(
        request,
        lambda uow: change_case(uow, number, data, actor=actor, now=now, expected=expected),
    )
    return answer(show_case(case, request.auth), case.version)
