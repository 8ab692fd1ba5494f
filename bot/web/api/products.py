"""`/api/v1/products`: the shop's folder as it was loaded last; changed there, never here."""

from __future__ import annotations

import msgspec
from litestar import Response, get

from bot.errors import NotFoundError
from bot.web.api.answers import IfNoneMatch, answer, declare, read
from bot.web.api.paging import DEFAULT_LIMIT, Cursor, Limit, read_cursor, write_cursor
from bot.web.api.schemas import ProductPage, ProductView
from bot.web.api.tokens import ApiRequest

LIST = "products"


@get("/products", **declare("products:read", 304))
async def list_products(
    request: ApiRequest,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    category: str | None = None,
    if_none_match: IfNoneMatch = None,
) -> Response[ProductPage]:
    """Products, in the owner's order."""
    start = read_cursor(LIST, cursor) or 0
    found = [
        row for row in await _products(request) if category is None or row.category == category
    ]
    next_start = start + limit if start + limit < len(found) else None
    view = ProductPage(found[start : start + limit], write_cursor(LIST, next_start))
    return answer(view, if_none_match=if_none_match)


@get("/products/{product_id:str}", **declare("products:read", 304, 404))
async def read_product(
    request: ApiRequest, product_id: str, if_none_match: IfNoneMatch = None
) -> Response[ProductView]:
    """One product."""
    for row in await _products(request):
        if row.id == product_id:
            return answer(row, if_none_match=if_none_match)
    raise NotFoundError(f"there is no product {product_id!r}")


async def _products(request: ApiRequest) -> list[ProductView]:
    rows = await read(request, lambda uow: uow.catalogue.products())
    return msgspec.convert(rows, list[ProductView])
