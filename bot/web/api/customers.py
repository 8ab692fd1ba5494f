"""`/api/v1/customers`."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import Response, get, patch, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Parameter

from bot.crm.customers import CustomerFilter
from bot.crm.records import CustomerRecord
from bot.crm.unit_of_work import UnitOfWork
from bot.services.api_tokens import PERSONAL
from bot.services.customers import (
    LOGIN,
    PHONE,
    CustomerChange,
    Grade,
    Identity,
    change_customer,
    clean_identity,
    put_customer,
    read_card,
)
from bot.services.written import given
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
from bot.web.api.schemas import CustomerCard, CustomerPage, CustomerView, NewCustomer
from bot.web.api.tokens import ApiRequest, application_of, require
from bot.web.api.views import show_card, show_customer

LIST = "customers"
Known = Annotated[str | None, Parameter(description="Needs the scope personal:read.")]


@get("/customers", **declare("customers:read", 304))
async def list_customers(
    request: ApiRequest,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    grade: Grade | None = None,
    phone: Known = None,
    login: Known = None,
    name: Known = None,
    updated_since: str | None = None,
    if_none_match: IfNoneMatch = None,
) -> Response[CustomerPage]:
    """Customers, newest first. To look for a person is to know something about them."""
    if (phone, login, name) != (None, None, None):
        require(request.auth, PERSONAL)
    wanted = CustomerFilter(
        grade=grade,
        phone=None if phone is None else clean_identity(PHONE, phone),
        login=None if login is None else clean_identity(LOGIN, login),
        name=name,
        updated_since=read_moment("updated_since", updated_since),
    )
    before = read_cursor(LIST, cursor)
    page = await disclose(
        request, lambda uow: uow.customers.page(wanted, before_id=before, limit=limit)
    )
    items = [show_customer(row, request.auth) for row in page.items]
    view = CustomerPage(items, write_cursor(LIST, page.next_id))
    return answer(view, if_none_match=if_none_match)


@post(
    "/customers",
    **declare(
        "customers:write",
        413,
        415,
        responses={200: ResponseSpec(CustomerView, description="Was known already.")},
    ),
)
async def create_customer(request: ApiRequest, data: NewCustomer) -> Response[CustomerView]:
    """Write the customer who is known by this phone or login; a new one (201) if nobody is."""
    values = given(data)
    keys: list[Identity] = [
        (kind, values.pop(kind)) for kind in ("phone", "login") if kind in values
    ]
    now = application_of(request).clock.now()

    def job(uow: UnitOfWork) -> tuple[CustomerRecord, bool]:
        written = put_customer(
            uow,
            keys,
            msgspec.convert(values, CustomerChange),
            actor=request.auth.code,
            source="api",
            now=now,
        )
        return uow.customers.get(written.id), written.outcome == "new"

    row, is_new = await write(request, job)
    return answer(
        show_customer(row, request.auth),
        row.version,
        status=201 if is_new else 200,
        location=f"/api/v1/customers/{row.id}",
    )


@get("/customers/{customer_id:int}", **declare("customers:read", 304, 404))
async def read_customer(
    request: ApiRequest, customer_id: RowId, if_none_match: IfNoneMatch = None
) -> Response[CustomerCard]:
    """A customer's card. With personal:read, that it was read goes into the audit trail."""
    card = await disclose(
        request, lambda uow: read_card(uow, customer_id), lambda _: ("customer", customer_id)
    )
    view = show_card(card, request.auth)
    return answer(view, card.customer.version, if_none_match=if_none_match)


@patch("/customers/{customer_id:int}", **declare("customers:write", 404, 412, 413, 415, 428))
async def update_customer(
    request: ApiRequest, customer_id: RowId, data: CustomerChange, if_match: IfMatch = None
) -> Response[CustomerView]:
    """Set the fields that are given. Setting `grade` pins it; null lets the rules decide again."""
    expected = expected_version(if_match)
    now, actor = application_of(request).clock.now(), request.auth.code

    def job(uow: UnitOfWork) -> CustomerRecord:
        change_customer(uow, customer_id, data, actor=actor, now=now, expected=expected)
        return uow.customers.get(customer_id)

    row = await write(request, job)
    return answer(show_customer(row, request.auth), row.version)
