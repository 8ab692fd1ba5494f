"""Orders: written by number, safe to repeat, followed to fulfilment."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from bot.crm.database import Database
from bot.crm.orders import OrderFilter
from bot.errors import UsageError, VersionConflictError
from bot.services.orders import MAX_FEN, OrderChange, OrderLineValue, put_order
from tests.fakes import START

LINES = [OrderLineValue("kettle", 2, 9900), OrderLineValue("gone_product", 1, 5000, "Old lamp")]


def put(database: Database, number: str = "A1", **values: Any) -> Any:
    expected = values.pop("expected", None)
    change = OrderChange(**{"placed_at": START, "lines": LINES, **values})
    return database.write(
        lambda uow: put_order(uow, number, change, actor="cli", now=START, expected=expected)
    )


def figures(database: Database) -> dict[tuple[str, str], int]:
    found = database.read(lambda uow: uow.counts.between("2026-01-01", "2027-01-01"))
    assert found == database.read(lambda uow: uow.counts.recount())
    return {key: value for key, value in found.items() if key[1] in ("orders", "revenue_fen")}


def test_new_order_sums_its_lines_and_names_its_products(database: Database) -> None:
    assert put(database).outcome == "new"
    order = database.read(lambda uow: uow.orders.get("A1"))
    assert (order.total_fen, order.state, order.customer_id) == (24_800, "placed", None)
    names = [line.product_name for line in order.lines]
    assert names[0] not in ("", "kettle")  # the shop's own name for it
    assert names[1] == "Old lamp"


def test_same_order_again_changes_nothing(database: Database) -> None:
    first = put(database, phone="13800138000")
    again = put(database, phone="13800138000")
    assert (again.id, again.outcome) == (first.id, "unchanged")
    assert database.read(lambda uow: uow.orders.get("A1")).version == 1


def test_change_touches_only_what_it_gives(database: Database) -> None:
    put(database)
    sent = START + timedelta(days=1)
    change = OrderChange(state="dispatched", dispatched_at=sent)
    written = database.write(lambda uow: put_order(uow, "A1", change, actor="cli", now=sent))
    assert (written.outcome, written.fields) == ("changed", ("state", "dispatched_at"))
    order = database.read(lambda uow: uow.orders.get("A1"))
    assert (order.state, order.dispatched_at, len(order.lines)) == ("dispatched", sent, 2)


def test_cancelled_order_leaves_the_figures(database: Database) -> None:
    put(database)
    put(database, "A2", placed_at=START + timedelta(days=2))
    assert figures(database) == {
        ("2026-11-22", "orders"): 1,
        ("2026-11-22", "revenue_fen"): 24_800,
        ("2026-11-24", "orders"): 1,
        ("2026-11-24", "revenue_fen"): 24_800,
    }
    put(database, "A2", placed_at=START + timedelta(days=2), state="cancelled")
    put(database, lines=LINES[:1])
    assert figures(database) == {
        ("2026-11-22", "orders"): 1,
        ("2026-11-22", "revenue_fen"): 19_800,
    }


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"placed_at": datetime(2026, 11, 22)}, "placed_at"),  # noqa: DTZ001
        ({"dispatch_promised_on": "2026-02-30"}, "dispatch_promised_on"),
        ({"phone": "12"}, "phone"),
        ({"lines": [OrderLineValue("kettle", 1_000_000, MAX_FEN)]}, "lines"),
        ({"lines": []}, "lines"),
    ],
)
def test_field_that_makes_no_sense_is_named(
    database: Database, values: dict[str, Any], field: str
) -> None:
    with pytest.raises(UsageError, match=f"^{field}: "):
        put(database, **values)
    assert database.read(lambda uow: uow.orders.find("A1")) is None


def test_new_order_needs_time_and_products(database: Database) -> None:
    for missing, given in (("placed_at", {"lines": LINES}), ("lines", {"placed_at": START})):
        change = OrderChange(**given)  # type: ignore[arg-type]
        with pytest.raises(UsageError, match=f"^{missing}: "):
            database.write(
                lambda uow, change=change: put_order(uow, "A1", change, actor="cli", now=START)  # type: ignore[misc]
            )


def test_stale_version_of_an_order_is_refused(database: Database) -> None:
    put(database)
    put(database, state="paid", expected=1)
    with pytest.raises(VersionConflictError):
        put(database, state="dispatched", expected=1)


def test_list_of_orders_filters_and_pages(database: Database) -> None:
    for number in range(5):
        put(database, f"A{number}", phone=f"1380013800{number % 2}", state="paid")
    put(database, "A9", state="returned")

    def numbers(**wanted: Any) -> list[str]:
        page = database.read(lambda uow: uow.orders.page(OrderFilter(**wanted)))
        return [order.number for order in page.items]

    whose = database.read(lambda uow: uow.customers.find("phone", "13800138001"))
    assert numbers(customer_id=whose) == ["A3", "A1"]
    assert numbers(state="returned") == ["A9"]
    assert numbers(placed_since=START + timedelta(seconds=1)) == []
