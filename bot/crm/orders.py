"""Orders, followed to fulfilment (D-SEL-13)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Table, bindparam, case, delete, func, insert, select
from sqlalchemy.orm import Session

from bot.crm.counts import add, order_counts
from bot.crm.models import Order, OrderLine
from bot.crm.records import OrderLineRecord, OrderRecord, Page
from bot.crm.rows import change_row, page_of, record_of
from bot.errors import NotFoundError

_order = cast(Table, Order.__table__)
_ID_OF = select(_order.c.id).where(_order.c.number == bindparam("number"))
_INSERT = insert(_order).returning(_order.c.id)
_INSERT_LINES = insert(cast(Table, OrderLine.__table__))


@dataclass(frozen=True)
class OrderFilter:
    """Which orders a list shows; empty fields let all pass."""

    customer_id: int | None = None
    state: str | None = None
    placed_since: datetime | None = None
    updated_since: datetime | None = None


@dataclass(frozen=True)
class OrderSums:
    """Revenue of all orders; of those whose profit is known the revenue and the profit."""

    revenue_fen: int
    known_revenue_fen: int
    profit_fen: int


class OrderRepository:
    """Reads and writes of one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def find(self, number: str) -> OrderRecord | None:
        """Return an order by the shop's number."""
        order_id = self._session.connection().execute(_ID_OF, {"number": number}).scalar()
        row = None if order_id is None else self._session.get(Order, order_id)
        return None if row is None else self._with_lines([row])[0]

    def get(self, number: str) -> OrderRecord:
        """Return an order by the shop's number.

        Raises:
            NotFoundError: there is none.
        """
        found = self.find(number)
        if found is None:
            raise NotFoundError(f"there is no order {number!r}")
        return found

    def add(
        self, number: str, lines: Sequence[OrderLineRecord], now: datetime, **values: Any
    ) -> int:
        """Store a new order; return its id."""
        row = {**values, "number": number, "created_at": now, "updated_at": now}
        order_id: int = self._session.connection().execute(_INSERT, row).scalar_one()
        self._add_lines(order_id, lines)
        add(self._session, order_counts(row["placed_at"], row["state"], row["total_fen"]))
        return order_id

    def change(
        self,
        order_id: int,
        values: dict[str, Any],
        lines: Sequence[OrderLineRecord] | None,
        now: datetime,
        expected: int | None = None,
    ) -> None:
        """Set columns, and the lines if given; raise the version.

        Raises:
            NotFoundError, VersionConflictError: as `change_row` says.
        """
        before = self._session.get(Order, order_id)
        counts = _counts_of(before) if before else Counter()
        row = change_row(self._session, Order, order_id, expected, {**values, "updated_at": now})
        after = _counts_of(row)
        after.subtract(counts)
        add(self._session, after)
        if lines is not None:
            self._session.execute(delete(OrderLine).where(OrderLine.order_id == order_id))
            self._add_lines(order_id, lines)

    def _add_lines(self, order_id: int, lines: Sequence[OrderLineRecord]) -> None:
        rows = [{"order_id": order_id, **asdict(line)} for line in lines]
        if rows:
            self._session.connection().execute(_INSERT_LINES, rows)

    def page(
        self, wanted: OrderFilter, *, before_id: int | None = None, limit: int = 50
    ) -> Page[OrderRecord]:
        """Return orders with their lines, newest first."""
        statement = select(Order)
        if wanted.customer_id is not None:
            statement = statement.where(Order.customer_id == wanted.customer_id)
        if wanted.state is not None:
            statement = statement.where(Order.state == wanted.state)
        if wanted.placed_since is not None:
            statement = statement.where(Order.placed_at >= wanted.placed_since)
        if wanted.updated_since is not None:
            statement = statement.where(Order.updated_at >= wanted.updated_since)
        page = page_of(
            self._session,
            statement,
            Order.id,
            before_id=before_id,
            limit=limit,
            make=lambda row: row,
        )
        return Page(self._with_lines(page.items), page.next_id)

    def of_customer(self, customer_id: int, limit: int = 500) -> list[OrderRecord]:
        """Return a customer's orders, the last placed first."""
        rows = self._session.execute(
            select(Order)
            .where(Order.customer_id == customer_id)
            .order_by(Order.placed_at.desc(), Order.id.desc())
            .limit(limit)
        ).scalars()
        return self._with_lines(list(rows))

    def sums_since(self, since: datetime) -> OrderSums:
        """Return the sums of all orders placed since, but those cancelled or returned."""
        known_fen = case((Order.profit_fen.is_not(None), Order.total_fen), else_=0)
        row = self._session.execute(
            select(
                func.coalesce(func.sum(Order.total_fen), 0),
                func.coalesce(func.sum(known_fen), 0),
                func.coalesce(func.sum(Order.profit_fen), 0),
            ).where(Order.placed_at >= since, Order.state.not_in(("cancelled", "returned")))
        ).one()
        return OrderSums(*(int(value) for value in row))

    def _with_lines(self, rows: Sequence[Order]) -> list[OrderRecord]:
        lines: dict[int, list[OrderLineRecord]] = {}
        if rows:
            found = self._session.execute(
                select(OrderLine)
                .where(OrderLine.order_id.in_([row.id for row in rows]))
                .order_by(OrderLine.order_id, OrderLine.position)
            ).scalars()
            for line in found:
                lines.setdefault(line.order_id, []).append(record_of(OrderLineRecord, line))
        return [record_of(OrderRecord, row, lines=tuple(lines.get(row.id, ()))) for row in rows]


def _counts_of(row: Order) -> Counter[tuple[str, str]]:
    return order_counts(row.placed_at, row.state, row.total_fen)
