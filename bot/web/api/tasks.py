"""`/api/v1/tasks`: what people have to do."""

from __future__ import annotations

from typing import Annotated

from litestar import Response, get, patch, post
from litestar.params import Parameter

from bot.crm.tasks import TaskFilter
from bot.services.tasks import NewTask, TaskChange, TaskState, add_task, change_task
from bot.web.api.answers import (
    IfMatch,
    IfNoneMatch,
    RowId,
    answer,
    declare,
    disclose,
    expected_version,
    write,
)
from bot.web.api.checks import read_moment
from bot.web.api.paging import DEFAULT_LIMIT, Cursor, Limit, read_cursor, write_cursor
from bot.web.api.schemas import TaskPage, TaskView
from bot.web.api.tokens import ApiRequest, application_of
from bot.web.api.views import show_task

LIST = "tasks"
InState = Annotated[TaskState | None, Parameter(query="state")]


@get("/tasks", **declare("tasks:read", 304))
async def list_tasks(
    request: ApiRequest,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    in_state: InState = None,
    kind: str | None = None,
    owner: str | None = None,
    customer_id: RowId | None = None,
    conversation_id: str | None = None,
    due_before: str | None = None,
    updated_since: str | None = None,
    if_none_match: IfNoneMatch = None,
) -> Response[TaskPage]:
    """Tasks, newest first."""
    wanted = TaskFilter(
        state=in_state,
        kind=kind,
        owner=owner,
        customer_id=customer_id,
        conversation_id=conversation_id,
        due_before=read_moment("due_before", due_before),
        updated_since=read_moment("updated_since", updated_since),
    )
    before = read_cursor(LIST, cursor)
    page = await disclose(
        request, lambda uow: uow.tasks.page(wanted, before_id=before, limit=limit)
    )
    items = [show_task(row, request.auth) for row in page.items]
    return answer(TaskPage(items, write_cursor(LIST, page.next_id)), if_none_match=if_none_match)


@post("/tasks", **declare("tasks:write", 404, 413, 415))
async def create_task(request: ApiRequest, data: NewTask) -> Response[TaskView]:
    """Make a task. Every request makes one."""
    now, actor = application_of(request).clock.now(), request.auth.code
    row = await write(request, lambda uow: add_task(uow, data, actor=actor, now=now))
    view = show_task(row, request.auth)
    return answer(view, row.version, status=201, location=f"/api/v1/tasks/{row.id}")


@get("/tasks/{task_id:int}", **declare("tasks:read", 304, 404))
async def read_task(
    request: ApiRequest, task_id: RowId, if_none_match: IfNoneMatch = None
) -> Response[TaskView]:
    """One task."""
    row = await disclose(request, lambda uow: uow.tasks.get(task_id), lambda _: ("task", task_id))
    return answer(show_task(row, request.auth), row.version, if_none_match=if_none_match)


@patch("/tasks/{task_id:int}", **declare("tasks:write", 404, 412, 413, 415, 428))
async def update_task(
    request: ApiRequest, task_id: RowId, data: TaskChange, if_match: IfMatch = None
) -> Response[TaskView]:
    """Set the fields that are given. A finished task stays as it is."""
    expected = expected_version(if_match)
    now, actor = application_of(request).clock.now(), request.auth.code
    row = await write(
        request,
        lambda uow: change_task(uow, task_id, data, actor=actor, now=now, expected=expected),
    )
    return answer(show_task(row, request.auth), row.version)
