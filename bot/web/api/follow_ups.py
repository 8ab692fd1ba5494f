"""`/api/v1/follow-ups`: calls to customers, with script and result (D-CMP-10, D-SEL-13).

A call is a task and is read and changed as one, too; here it is listed by what is due, and its
result is taken apart.
"""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Response, get, post
from litestar.params import Parameter

from bot.crm.unit_of_work import UnitOfWork
from bot.services.case_moves import Mover
from bot.services.follow_up import CallResult, Recorded, find_call, follow_ups, record_call
from bot.web.api.answers import IfMatch, RowId, answer, declare, disclose, expected_version, write
from bot.web.api.checks import read_moment
from bot.web.api.paging import DEFAULT_LIMIT, Limit
from bot.web.api.schemas import FollowUpList, FollowUpResult
from bot.web.api.tokens import ApiRequest, application_of, require
from bot.web.api.views import show_task

IsDue = Annotated[bool, Parameter(query="is_due")]


@get("/follow-ups", **declare("tasks:read"))
async def list_follow_ups(
    request: ApiRequest,
    limit: Limit = DEFAULT_LIMIT,
    is_due: IsDue = True,
    due_before: str | None = None,
) -> Response[FollowUpList]:
    """The open calls, the one due first in front; `is_due=false`: also those still to come."""
    until = read_moment("due_before", due_before)
    if until is None and is_due:
        until = application_of(request).clock.now()
    rows = await disclose(request, lambda uow: follow_ups(uow, until, limit))
    return answer(FollowUpList([show_task(row, request.auth) for row in rows]))


@post(
    "/follow-ups/{task_id:int}/result",
    status_code=200,
    **declare("tasks:write", 404, 412, 413, 415, 428),
)
async def record_follow_up(
    request: ApiRequest, task_id: RowId, data: CallResult, if_match: IfMatch = None
) -> Response[FollowUpResult]:
    """Write down what came of a call; that of a case needs `cases:write`, too."""
    expected = expected_version(if_match)
    now, caller = application_of(request).clock.now(), request.auth
    role: Any = caller.role
    by = Mover(caller.code, role, caller.name)

    def work(uow: UnitOfWork) -> Recorded:
        if find_call(uow, task_id).case_id is not None:
            require(caller, "cases:write")
        return record_call(uow, task_id, data, by=by, now=now, expected=expected)

    made = await write(request, work)
    view = FollowUpResult(
        show_task(made.task, caller), made.follow_up_task, made.case_number, made.is_reopened
    )
    return answer(view, made.task.version, status=200)
