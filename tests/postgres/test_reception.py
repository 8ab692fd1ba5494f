"""The tests of `tests.integration.test_reception`, on PostgreSQL."""

import json
from dataclasses import replace
from typing import Any

import pytest

from bot.settings import Settings
from tests.integration import test_reception as on_sqlite
from tests.integration.served import ServedShop
from tests.integration.test_reception import *  # noqa: F403
from tests.integration.test_reception import settings as shop_with_a_page  # noqa: F401


@pytest.fixture
def settings(shop_with_a_page: Settings, database_url: str) -> Settings:  # noqa: F811
    return replace(shop_with_a_page, database_url=database_url)


@pytest.fixture(autouse=True)
def read_as_postgres_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test's own SQL speaks SQLite: `?`, and JSON as a text."""

    def looked_at(served: ServedShop, conversation_id: str) -> tuple[Any, ...]:
        def read(uow: Any) -> tuple[Any, ...]:
            row = uow._session.connection().exec_driver_sql(
                "select product_id, page, cart from conversation where id = %s", (conversation_id,)
            )
            product, page, cart = row.one()
            return product, page, None if cart is None else json.dumps(cart)

        return served.database.read(read)

    monkeypatch.setattr(on_sqlite, "looked_at", looked_at)
