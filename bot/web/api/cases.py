"""`/api/v1/cases`: complaint cases by their number: listed, entered, moved (ISO 10002)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from litestar import Response, get, patch, post
from litestar.params import Parameter

from bot.crm.cases import CaseFilter
from bot.crm.records import CaseRecord, Page
from bot.services.api_tokens import PERSONAL
from bot.services.case_board import CaseFile, board_of, read_file
from bot.services.case_opening import NewCase, enter_case
from bot.services.case_operations import move_and_tell
from bot.services.case_work import Mover
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
from bot.web.api.schemas import CaseBoard, CaseDetail, CaseMove, CasePage, CaseStage, CaseView
from bot.web.api.tokens import ApiRequest, application_of, require
from bot.web.api.views import show_case, show_case_event, show_proposal

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
    """One case with its events, its proposals, and the moves that the caller may make now."""
    now, role = application_of(request).clock.now(), request.auth.role
    file = await disclose(
        request,
        lambda uow: read_file(uow, number, role, now),
        lambda found: ("case", found.case.id),
    )
    return answer(_detail(file, request), file.case.version, if_none_match=if_none_match)


def _detail(file: CaseFile, request: ApiRequest) -> CaseDetail:
    caller = request.auth
    return CaseDetail(
        show_case(file.case, caller),
        [show_case_event(each, caller) for each in file.events],
        [show_proposal(each, caller) for each in file.proposals],
        list(file.moves),
        file.is_overdue,
        file.follows,
        file.merged_into,
        file.plan,
    )


@get("/case-board", **declare("cases:read", 304))
async def read_board(request: ApiRequest, if_none_match: IfNoneMatch = None) -> Response[CaseBoard]:
    """The open cases by stage, the most urgent first; the figures count all of them."""
    now = application_of(request).clock.now()
    board = await read(request, lambda uow: board_of(uow, now))
    stages = [
        CaseStage(
            each.stage,
            each.name,
            each.count,
            each.overdue,
            each.paused,
            [show_case(case, request.auth) for case in each.cases],
        )
        for each in board
    ]
    return answer(CaseBoard(stages), if_none_match=if_none_match)


@post("/cases", **declare("cases:write", 404, 413, 415))
async def create_case(request: ApiRequest, data: NewCase) -> Response[CaseView]:
    """Enter a complaint that was heard by phone, in the shop, by a dealer. Every request is one."""
    now, by = application_of(request).clock.now(), _mover(request)
    case = await write(request, lambda uow: enter_case(uow, data, by=by, now=now))
    view = show_case(case, request.auth)
    return answer(view, case.version, status=201, location=f"/api/v1/cases/{case.number}")


@post(
    "/cases/{number:str}/moves", status_code=200, **declare("cases:write", 404, 412, 413, 415, 428)
)
async def make_move(
    request: ApiRequest, number: str, data: CaseMove, if_match: IfMatch = None
) -> Response[CaseView]:
    """Make a move of a case: docs/api.md names them with what each takes."""
    expected = expected_version(if_match)
    app, by = application_of(request), _mover(request)
    case = await move_and_tell(
        app, number, data.move, by=lambda _: by, body=data.body, expected=expected
    )
    await application_of(request).tell_standing(case.conversation_id)
    return answer(show_case(case, request.auth), case.version)


@patch("/cases/{number:str}", **declare("cases:write", 404, 412, 413, 415, 428))
async def update_case(
    request: ApiRequest, number: str, data: CaseChange, if_match: IfMatch = None
) -> Response[CaseView]:
    """Give a case to somebody, or note something: the moves `assign` and `note` in short."""
    expected = expected_version(if_match)
    now, by = application_of(request).clock.now(), _mover(request)
    case = await write(
        request, lambda uow: change_case(uow, number, data, by=by, now=now, expected=expected)
    )
    await application_of(request).tell_standing(case.conversation_id)
    return answer(show_case(case, request.auth), case.version)


def _mover(request: ApiRequest) -> Mover:
    caller = request.auth
    role: Any = caller.role
    return Mover(caller.code, role, caller.name)
