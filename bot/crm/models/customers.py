"""Customers: who they are, by what they are known, what they are worth, what they ordered."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped

from bot.crm.models.base import KEY, PERSONAL, Base, column


class Customer(Base):
    """A person who buys or may buy (D-CUS-7). `version` makes its ETag."""

    __tablename__ = "customer"
    __table_args__ = (
        CheckConstraint("buys_now between 0 and 4", name="buys_now_in_range"),
        CheckConstraint("could_buy between 0 and 4", name="could_buy_in_range"),
        Index("ix_customer_grade", "grade", "id"),
    )

    id: Mapped[int] = column("number of the row", KEY, primary_key=True, autoincrement=True)
    name: Mapped[str] = column("how to address them", PERSONAL, String(80), default="")
    source: Mapped[str] = column("where they came from: `web`, `import`, `api` …", String(40))
    grade: Mapped[str | None] = column(
        "`vip`, `important`, `ordinary` or `small` (D-CUS-1); empty: not known", String(10)
    )
    grade_is_pinned: Mapped[bool] = column("a person set it; rules leave it alone", default=False)
    buys_now: Mapped[int | None] = column("X, 0 to 4: what they buy now")
    could_buy: Mapped[int | None] = column("Y, 0 to 4: what they could buy in all")
    style: Mapped[str | None] = column(
        "`analytical`, `driver`, `amiable` or `expressive` (D-CUS-2)", PERSONAL, String(12)
    )
    needs: Mapped[list[Any] | None] = column("basic needs that show (D-CUS-3)", PERSONAL)
    credit: Mapped[str | None] = column("`A` to `D`", PERSONAL, String(1))
    preferred_contact: Mapped[str | None] = column(
        "`phone`, `wechat`, `sms`, `email` or `web`", PERSONAL, String(10)
    )
    contact_refused_at: Mapped[datetime | None] = column(
        "since when they want no offers and no calls", PERSONAL
    )
    city: Mapped[str | None] = column("where they live", PERSONAL, String(60))
    work: Mapped[str | None] = column("what they do", PERSONAL, String(120))
    household_size: Mapped[int | None] = column("people at home", PERSONAL)
    payday: Mapped[int | None] = column("day of the month", PERSONAL)
    birthday: Mapped[str | None] = column("`1990-05-17`, or `05-17`", PERSONAL, String(10))
    note: Mapped[str | None] = column("what else staff should know", PERSONAL, Text)
    version: Mapped[int] = column("raised by every change; its ETag", default=1)
    created_at: Mapped[datetime] = column("when they were first seen")
    updated_at: Mapped[datetime] = column("last change", index=True)


class CustomerIdentity(Base):
    """One thing by which a customer is known."""

    __tablename__ = "customer_identity"
    __table_args__ = (UniqueConstraint("kind", "value"),)

    id: Mapped[int] = column("number of the row", primary_key=True, autoincrement=True)
    customer_id: Mapped[int] = column("whose", KEY, ForeignKey("customer.id"), index=True)
    kind: Mapped[str] = column("`visitor`, `login` or `phone`", String(10))
    value: Mapped[str] = column(
        "hash of the visitor's token, the shop's id of the customer, or the number",
        PERSONAL,
        String(128),
    )
    created_at: Mapped[datetime] = column("when it was learned")


class CustomerGrade(Base):
    """A change of grade, with the reason (D-CUS-1)."""

    __tablename__ = "customer_grade"

    id: Mapped[int] = column("number of the row", primary_key=True, autoincrement=True)
    customer_id: Mapped[int] = column("whose", KEY, ForeignKey("customer.id"), index=True)
    grade: Mapped[str | None] = column("the new grade", String(10))
    buys_now: Mapped[int | None] = column("X")
    could_buy: Mapped[int | None] = column("Y")
    rule: Mapped[str] = column("id of the rule that decided, or `pinned`", String(40))
    evidence: Mapped[dict[str, Any]] = column("the figures it rests on", PERSONAL)
    actor: Mapped[str] = column("`server` or a person's code", String(40))
    created_at: Mapped[datetime] = column("when")


class Order(Base):
    """An order, followed to fulfilment (D-SEL-13). `version` makes its ETag."""

    __tablename__ = "shop_order"
    __table_args__ = (Index("ix_shop_order_customer_id", "customer_id", "placed_at"),)

    id: Mapped[int] = column("number of the row", primary_key=True, autoincrement=True)
    number: Mapped[str] = column("the shop's own number", KEY, String(64), unique=True)
    customer_id: Mapped[int | None] = column("who ordered", KEY, ForeignKey("customer.id"))
    state: Mapped[str] = column(
        "`placed`, `paid`, `dispatched`, `delivered`, `completed`, `cancelled` or `returned`",
        String(12),
    )
    placed_at: Mapped[datetime] = column("when it was placed")
    dispatch_promised_on: Mapped[str | None] = column("promised day of dispatch", String(10))
    dispatched_at: Mapped[datetime | None] = column("when it left")
    delivered_at: Mapped[datetime | None] = column("when it arrived")
    total_fen: Mapped[int] = column("what was to be paid")
    profit_fen: Mapped[int | None] = column("what the shop earned by it; empty: not known")
    version: Mapped[int] = column("raised by every change; its ETag", default=1)
    created_at: Mapped[datetime] = column("when it came into the database")
    updated_at: Mapped[datetime] = column("last change", index=True)


class OrderLine(Base):
    """One product of an order. The product may have left the shop since."""

    __tablename__ = "order_line"

    order_id: Mapped[int] = column("its order", ForeignKey("shop_order.id"), primary_key=True)
    position: Mapped[int] = column("1, 2, 3 …", primary_key=True)
    product_id: Mapped[str] = column("id of the product", String(64))
    product_name: Mapped[str] = column("its name then", String(200))
    quantity: Mapped[int] = column("pieces")
    price_fen: Mapped[int] = column("price of one")
