"""`/api/v1/orders`, by the shop's own number."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from litestar import Response, get, patch, put
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Parameter

from bot.crm.orders import OrderFilter
from bot.crm.records import OrderRecord
from bot.crm.unit_of_work import UnitOfWork
from bot.errors import VersionConflictError
from bot.services.orders import OrderChange, OrderState, put_order
from bot.web.api.answers import (
    IfMatch,
    IfNoneMatch,
    RowId,
    answer,
    declare,
    expected_version,
    read,
    write,
)
from bot.web.api.checks import read_moment
from bot.web.api.paging import DEFAULT_LIMIT, Cursor, Limit, read_cursor, write_cursor
from bot.web.api.schemas import OrderPage, OrderView
from bot.web.api.tokens import ApiRequest, application_of
from bot.web.api.views import show_order

LIST = "orders"
Number = Annotated[str, Parameter(min_length=1, max_length=64)]
InState = Annotated[OrderState | None, Parameter(query="state")]


@get("/orders", **declare("orders:read", 304))
async def list_orders(
    request: ApiRequest,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    customer_id: RowId | None = None,
    in_state: InState = None,
    placed_since: str | None = None,
    updated_since: str | None = None,
    if_none_match: IfNoneMatch = None,
) -> Response[OrderPage]:
    """Orders, the last stored first."""
    wanted = OrderFilter(
        customer_id=customer_id,
        state=in_state,
        placed_since=read_moment("placed_since", placed_since),
        updated_since=read_moment("updated_since", updated_since),
    )
    before = read_cursor(LIST, cursor)
    page = await read(request, lambda uow: uow.orders.page(wanted, before_id=before, limit=limit))
    items = [show_order(row) for row in page.items]
    return answer(OrderPage(items, write_cursor(LIST, page.next_id)), if_none_match=if_none_match)


@get("/orders/{number:str}", **declare("orders:read", 304, 404))
async def read_order(
    request: ApiRequest, number: Number, if_none_match: IfNoneMatch = None
) -> Response[OrderView]:
    """One order."""
    row = await read(request, lambda uow: uow.orders.get(number.strip()))
    return answer(show_order(row), row.version, if_none_match=if_none_match)


@put(
    "/orders/{number:str}",
    **declare(
        "orders:write",
        412,
        413,
        415,
        responses={201: ResponseSpec(OrderView, description="A new order.")},
    ),
)
async def put_order_by_number(
    request: ApiRequest, number: Number, data: OrderChange, if_match: IfMatch = None
) -> Response[OrderView]:
    """Write the order with this number, a new one (201) if there is none. Safe to repeat.

    Fields that are left out stay as they are. `phone` and `login` name the customer.
    """
    expected = expected_version(if_match, is_needed=False)
    row, is_new = await _write(
        request, number.strip(), data, expected, must_be=if_match is not None
    )
    location = f"/api/v1/orders/{quote(row.number, safe='')}" if is_new else None
    return answer(show_order(row), row.version, status=201 if is_new else 200, location=location)


@patch("/orders/{number:str}", **declare("orders:write", 404, 412, 413, 415, 428))
async def update_order(
    request: ApiRequest, number: Number, data: OrderChange, if_match: IfMatch = None
) -> Response[OrderView]:
    """Set the fields of an order that are given."""
    expected = expected_version(if_match)
    await read(request, lambda uow: uow.orders.get(number.strip()))
    row, _ = await _write(request, number.strip(), data, expected, must_be=True)
    return answer(show_order(row), row.version)


async def _write(
    request: ApiRequest, number: str, change: OrderChange, expected: int | None, *, must_be: bool
) -> tuple[OrderRecord, bool]:
    """Write an order; return it, and whether it is new.

    Raises:
        VersionConflictError: the caller has seen an order that is not there.
    """
    now, actor = application_of(request).clock.now(), request.auth.code

    def job(uow: UnitOfWork) -> tuple[OrderRecord, bool]:
        if must_be and uow.orders.find(number) is None:
            raise VersionConflictError(f"there is no order {number!r} that could be so")
        written = put_order(uow, number, change, actor=actor, now=now, expected=expected)
        return uow.orders.get(number), written.outcome == "new"

    return await write(request, job)
