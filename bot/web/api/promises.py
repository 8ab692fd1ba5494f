"""`/api/v1/promises`: what bot and staff have promised, and what became of it (D-CUS-11)."""

from __future__ import annotations

from typing import Annotated, Literal

from litestar import Response, get
from litestar.params import Parameter

from bot.crm.promises import PromiseFilter
from bot.web.api.answers import IfNoneMatch, RowId, answer, declare, disclose
from bot.web.api.checks import read_moment
from bot.web.api.paging import DEFAULT_LIMIT, Cursor, Limit, read_cursor, write_cursor
from bot.web.api.schemas import PromisePage, PromiseView
from bot.web.api.tokens import ApiRequest
from bot.web.api.views import show_promise

LIST = "promises"
State = Literal["open", "kept", "late", "broken", "withdrawn"]
InState = Annotated[State | None, Parameter(query="state")]


@get("/promises", **declare("promises:read", 304))
async def list_promises(
    request: ApiRequest,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    in_state: InState = None,
    kind: str | None = None,
    owner: str | None = None,
    made_by: str | None = None,
    customer_id: RowId | None = None,
    conversation_id: str | None = None,
    due_before: str | None = None,
    updated_since: str | None = None,
    if_none_match: IfNoneMatch = None,
) -> Response[PromisePage]:
    """Promises, newest first."""
    wanted = PromiseFilter(
        state=in_state,
        kind=kind,
        owner=owner,
        made_by=made_by,
        customer_id=customer_id,
        conversation_id=conversation_id,
        due_before=read_moment("due_before", due_before),
        updated_since=read_moment("updated_since", updated_since),
    )
    before = read_cursor(LIST, cursor)
    page = await disclose(
        request, lambda uow: uow.promises.page(wanted, before_id=before, limit=limit)
    )
    items = [show_promise(row, request.auth) for row in page.items]
    return answer(PromisePage(items, write_cursor(LIST, page.next_id)), if_none_match=if_none_match)


@get("/promises/{promise_id:int}", **declare("promises:read", 304, 404))
async def read_promise(
    request: ApiRequest, promise_id: RowId, if_none_match: IfNoneMatch = None
) -> Response[PromiseView]:
    """One promise."""
    row = await disclose(
        request, lambda uow: uow.promises.get(promise_id), lambda _: ("promise", promise_id)
    )
    return answer(show_promise(row, request.auth), row.version, if_none_match=if_none_match)
