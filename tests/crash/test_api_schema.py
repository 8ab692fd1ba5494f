"""schemathesis against the REST API: nothing that a client can send makes it fail (promise 14).

Seeded and bounded. Every operation gets requests that fit its document and requests that do not;
half of them name a row that is there, or a made-up number would never get past 404.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, seed
from hypothesis import settings as bounds
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from bot.bootstrap import build_application
from bot.crm.database import Database
from bot.services.api_tokens import READ, SCOPES, TokenDesk
from bot.services.shop import sync_shop
from bot.settings import Settings
from bot.web.api.routes import api_document
from bot.web.api.schemas import NewCustomer
from tests.conftest import Play
from tests.fakes import FakeClock, FakeNotifier, InlineEngine
from tests.integration.api_shop import API, ApiShop

CASES = 20  # of each operation and mode
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
SCHEMA = schemathesis.openapi.from_dict(api_document())
OPERATIONS = {
    f"{operation.method.upper()} {operation.path}": operation
    for operation in (result.ok() for result in SCHEMA.get_all_operations())
}


@pytest.fixture(scope="module")
def seen() -> Counter[int]:
    return Counter()


@pytest.fixture(scope="module")
def shop(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiShop]:
    """One shop for all, since nothing here depends on what it holds."""
    settings, clock = Settings(var_dir=tmp_path_factory.mktemp("schema")), FakeClock()
    shutil.copy(migrated, settings.var_dir / "prelude.db")
    database = Database(settings.database_url)
    database.write(lambda uow: sync_shop(uow, settings.shop_dir))
    notifier, engine = FakeNotifier(), InlineEngine()
    app = build_application(
        settings, database=database, engine=engine, notifier=notifier, clock=clock
    )
    shop = ApiShop(Play(app, clock, notifier, engine))
    desk = TokenDesk(database, clock, token_rate="100000/minute", failure_rate="100000/minute")
    shop.web.state.tokens = desk  # raised: the clock stands still
    yield shop
    database.close()


@pytest.fixture(scope="module")
def rows(shop: ApiShop) -> dict[str, dict[str, Any]]:
    return rows_of(shop)


def rows_of(shop: ApiShop) -> dict[str, dict[str, Any]]:
    """Fill the shop; return path parameters that lead to something, by resource."""
    customer = shop.add_customer(city="Hefei", needs=["power"])
    shop.play.say(shop.play.start(), "promise")
    return {
        "promises": {"promise_id": shop.ask("GET", "promises").json()["items"][0]["id"]},
        "customers": {"customer_id": customer["id"]},
        "orders": {"number": shop.add_order(phone="13812348000")["number"]},
        "cases": {"number": shop.add_case()},
        "case-board": {},
        "tasks": {"task_id": shop.add_task(customer_id=customer["id"])["id"]},
        "follow-ups": {"task_id": shop.add_task(kind="follow_up")["id"]},
        "products": {"product_id": shop.ask("GET", "products").json()["items"][0]["id"]},
    }


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize("name", OPERATIONS)
def test_every_answer_is_one_that_the_document_announces(
    name: str,
    mode: GenerationMode,
    shop: ApiShop,
    rows: dict[str, dict[str, Any]],
    seen: Counter[int],
) -> None:
    operation = OPERATIONS[name]
    known = rows[operation.path.removeprefix(f"{API}/").partition("/")[0]]
    tokens = {"all": shop.token(*SCOPES), "read": shop.token(*READ)}

    @seed(20261122)
    @bounds(
        max_examples=CASES, database=None, deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(
        case=operation.as_strategy(generation_mode=mode),
        is_known=st.booleans(),
        token=st.sampled_from(["all", "all", "read"]),
        seen_before=st.sampled_from(["*", "*", '"99"']),
    )
    def run(case: Any, is_known: bool, token: str, seen_before: str) -> None:
        headers = {"Authorization": f"Bearer {tokens[token]}"}
        if is_known and case.path_parameters:
            case.path_parameters = known
            headers["If-Match"] = seen_before
        response = case.call(app=shop.web, headers=headers)
        case.validate_response(response, checks=CHECKS, headers=headers)
        seen[response.status_code] += 1

    run()


def test_the_requests_above_reached_all_kinds_of_answers(seen: Counter[int]) -> None:
    print(dict(seen))
    assert sum(seen.values()) > 300
    assert {200, 201, 400, 403, 404, 412, 428} <= set(seen)


def test_the_document_says_what_bodies_are_refused() -> None:
    shapes = api_document()["components"]["schemas"]
    assert shapes["NewCustomer"]["additionalProperties"] is False
    assert set(shapes["NewCustomer"]["properties"]) == set(NewCustomer.__struct_fields__)
    assert shapes["OrderLineValue"]["properties"]["price_fen"]["minimum"] == 0
