"""Orders, as the shop's own system tells them; followed to fulfilment (D-SEL-13)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from bot.crm.records import OrderLineRecord, OrderRecord
from bot.crm.unit_of_work import UnitOfWork
from bot.errors import UsageError
from bot.services.customers import CustomerChange, Identity, put_customer
from bot.services.written import Written, check_moment, differing, given

OrderState = Literal[
    "placed", "paid", "dispatched", "delivered", "completed", "cancelled", "returned"
]
MAX_FEN = 2_000_000_000  # fits the database's integer: 20 million yuan
Fen = Annotated[int, Meta(ge=0, le=MAX_FEN)]
MAX_LINES = 200


class OrderLineValue(Struct, frozen=True, forbid_unknown_fields=True):
    """One product of an order; `product_name` may be left out for a product of the shop."""

    product_id: Annotated[str, Meta(min_length=1, max_length=64)]
    quantity: Annotated[int, Meta(ge=1, le=1_000_000)]
    price_fen: Fen
    product_name: Annotated[str, Meta(max_length=200)] = ""


class OrderChange(Struct, frozen=True, forbid_unknown_fields=True):
    """What a caller may set; what is left out stays.

    `phone` and `login` name the customer, who is made if nobody is known by them. A new order
    needs `placed_at` and `lines`; `total_fen` left out is the sum of the lines.
    """

    phone: Annotated[str, Meta(max_length=40)] | UnsetType = UNSET
    login: Annotated[str, Meta(max_length=128)] | UnsetType = UNSET
    customer_name: Annotated[str, Meta(max_length=80)] | UnsetType = UNSET
    state: OrderState | UnsetType = UNSET
    placed_at: datetime | UnsetType = UNSET
    dispatch_promised_on: (
        Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}$")] | None | UnsetType
    ) = UNSET
    dispatched_at: datetime | None | UnsetType = UNSET
    delivered_at: datetime | None | UnsetType = UNSET
    total_fen: Fen | UnsetType = UNSET
    profit_fen: Annotated[int, Meta(ge=-MAX_FEN, le=MAX_FEN)] | None | UnsetType = UNSET
    lines: Annotated[list[OrderLineValue], Meta(min_length=1, max_length=MAX_LINES)] | UnsetType = (
        UNSET
    )


def put_order(
    uow: UnitOfWork,
    number: str,
    change: OrderChange,
    *,
    actor: str,
    now: datetime,
    expected: int | None = None,
) -> Written:
    """Write the order with this number; a new one if there is none. Safe to repeat.

    Raises:
        UsageError: a field that is missing or makes no sense; the message begins with its name.
        VersionConflictError: the order is not as the caller has seen it.
    """
    number = number.strip()
    if not 0 < len(number) <= 64:
        raise UsageError("number: an order's number has 1 to 64 characters")
    values = given(change)
    lines = _lines(uow, values.pop("lines", None))
    _check_times(values)
    before = uow.orders.find(number)
    _set_customer(uow, values, actor, now)
    if before is None:
        return _add(uow, number, values, lines, actor, now)
    return _change(uow, before, values, lines, actor, now, expected)


def _add(
    uow: UnitOfWork,
    number: str,
    values: dict[str, Any],
    lines: list[OrderLineRecord] | None,
    actor: str,
    now: datetime,
) -> Written:
    if "placed_at" not in values:
        raise UsageError("placed_at: a new order needs the time when it was placed")
    if not lines:
        raise UsageError("lines: a new order needs its products")
    values.setdefault("state", "placed")
    values.setdefault("total_fen", _sum(lines))
    order_id = uow.orders.add(number, lines, now, **values)
    uow.audit.append(actor, "order.added", ("order", order_id), values, now)
    return Written(order_id, "new", tuple(values))


def _change(
    uow: UnitOfWork,
    before: OrderRecord,
    values: dict[str, Any],
    lines: list[OrderLineRecord] | None,
    actor: str,
    now: datetime,
    expected: int | None,
) -> Written:
    if lines is not None and "total_fen" not in values:
        values["total_fen"] = _sum(lines)
    values = differing(values, before)
    new_lines = lines if lines is not None and tuple(lines) != before.lines else None
    if not values and new_lines is None and expected in (None, before.version):
        return Written(before.id, "unchanged")
    uow.orders.change(before.id, values, new_lines, now, expected)
    fields = (*values, *(("lines",) if new_lines is not None else ()))
    uow.audit.append(actor, "order.changed", ("order", before.id), values, now)
    return Written(before.id, "changed", fields)


def _sum(lines: list[OrderLineRecord]) -> int:
    total = sum(line.quantity * line.price_fen for line in lines)
    if total > MAX_FEN:
        raise UsageError(f"lines: the order comes to more than {MAX_FEN // 100} yuan")
    return total


def _lines(
    uow: UnitOfWork, given_lines: list[OrderLineValue] | None
) -> list[OrderLineRecord] | None:
    if given_lines is None:
        return None
    lines = []
    for position, line in enumerate(given_lines, 1):
        name = line.product_name or uow.catalogue.product_name(line.product_id) or ""
        record = OrderLineRecord(position, line.product_id, name, line.quantity, line.price_fen)
        lines.append(replace(record, product_name=name or line.product_id))
    return lines


def _check_times(values: dict[str, Any]) -> None:
    for name in ("placed_at", "dispatched_at", "delivered_at"):
        check_moment(name, values.get(name))
    try:
        if values.get("dispatch_promised_on"):
            date.fromisoformat(values["dispatch_promised_on"])
    except ValueError as error:
        raise UsageError(f"dispatch_promised_on: {error}") from error


def _set_customer(uow: UnitOfWork, values: dict[str, Any], actor: str, now: datetime) -> None:
    """Put the customer's id in place of phone, login and name."""
    keys: list[Identity] = [
        (kind, values.pop(kind)) for kind in ("phone", "login") if values.get(kind)
    ]
    name = values.pop("customer_name", "")
    for kind in ("phone", "login"):
        values.pop(kind, None)
    if keys:
        found = put_customer(
            uow,
            keys,
            CustomerChange(name=name) if name else CustomerChange(),
            actor=actor,
            source="order",
            now=now,
        )
        values["customer_id"] = found.id
