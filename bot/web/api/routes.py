"""All routes of the API under one prefix, and the OpenAPI document that describes them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec
from litestar import Litestar, Response, Router, get
from litestar.datastructures import ResponseHeader
from litestar.exceptions import HTTPException
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme

from bot.errors import BotError
from bot.web.api import cases, customers, follow_ups, orders, products, promises, tasks
from bot.web.api.checks import MAX_BODY_BYTES, check_request
from bot.web.api.problems import tell_problem
from bot.web.api.tokens import require_scope

PREFIX = "/api/v1"
REF = "#/components/schemas/{name}"


def api_router() -> Router:
    """Return the routes with their guard, checks and error shape."""
    return Router(
        PREFIX,
        route_handlers=[
            *(customers.list_customers, customers.create_customer),
            *(customers.read_customer, customers.update_customer),
            *(orders.list_orders, orders.read_order),
            *(orders.put_order_by_number, orders.update_order),
            *(cases.list_cases, cases.create_case, cases.read_board),
            *(cases.read_case, cases.update_case, cases.make_move),
            *(tasks.list_tasks, tasks.create_task, tasks.read_task, tasks.update_task),
            *(follow_ups.list_follow_ups, follow_ups.record_follow_up),
            *(promises.list_promises, promises.read_promise),
            *(products.list_products, products.read_product),
        ],
        guards=[require_scope],
        before_request=check_request,
        opt={"role": "program"},
        request_max_body_size=MAX_BODY_BYTES,
        response_headers=[
            ResponseHeader(name="Cache-Control", value="private, no-cache"),
            ResponseHeader(name="Vary", value="Authorization"),
            ResponseHeader(name="X-Content-Type-Options", value="nosniff"),
        ],
        exception_handlers={
            BotError: tell_problem,
            HTTPException: tell_problem,
            Exception: tell_problem,
        },
    )


@get(f"{PREFIX}/openapi.json", opt={"role": "public"}, sync_to_thread=False)
def show_document() -> Response[bytes]:
    """Serve the OpenAPI document; it tells nothing about a shop."""
    return Response(msgspec.json.encode(api_document()), media_type="application/json")


@lru_cache(maxsize=1)
def api_document() -> dict[str, Any]:
    """Return the OpenAPI document of the API alone.

    The framework leaves `additionalProperties: false` and a minimum of 0 out of the shapes;
    msgspec, which checks bodies by them, does not.
    """
    router = api_router()
    config = OpenAPIConfig(
        title="Prelude",
        version="1",
        description="Customers, orders, cases, tasks, promises and products of a shop: docs/api.md",
        create_examples=False,
        components=Components(
            security_schemes={
                "token": SecurityScheme(
                    type="http", scheme="bearer", description="./prelude user token"
                )
            }
        ),
    )
    document: dict[str, Any] = Litestar([router], openapi_config=config).openapi_schema.to_schema()
    _, shapes = msgspec.json.schema_components(_shapes(router), ref_template=REF)
    document["components"]["schemas"].update(shapes)
    return document


def _shapes(router: Router) -> list[Any]:
    """Return the types of all bodies and answers."""
    found: list[Any] = []
    for route in router.routes:
        for handler in getattr(route, "route_handlers", ()):
            signature = handler.parsed_fn_signature
            found += [inner.annotation for inner in signature.return_type.inner_types]
            if handler.parsed_data_field is not None:
                found.append(handler.parsed_data_field.annotation)
    return [each for each in found if isinstance(each, type) and issubclass(each, msgspec.Struct)]
