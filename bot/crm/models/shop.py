"""What the shop is and sells, as its folder says."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Float, String, Text
from sqlalchemy.orm import Mapped

from bot.crm.models.base import Base, column


class Installation(Base):
    """One row: what this database is. `epoch` changes when the database is another one."""

    __tablename__ = "installation"

    id: Mapped[int] = column("always 1", primary_key=True)
    epoch: Mapped[str] = column(
        "random id of this database; a client with another one starts its numbers anew", String(32)
    )
    shop_hash: Mapped[str] = column(
        "SHA-256 over the folder's files as loaded last; the same hash is not loaded again",
        String(64),
        default="",
    )


class Product(Base):
    """A product with its facts: feature, advantage, benefit (D-SEL-6)."""

    __tablename__ = "product"

    id: Mapped[str] = column("id, never renamed", String(64), primary_key=True)
    position: Mapped[int] = column("place in the file")
    name: Mapped[str] = column("name as said to customers", String(200))
    category: Mapped[str] = column("group", String(80))
    aliases: Mapped[list[Any]] = column("other words by which customers call it")
    price_fen: Mapped[int] = column("price")
    life_years: Mapped[float] = column("how long it is expected to last")
    warranty_months: Mapped[int] = column("warranty; 0 for none")
    stock: Mapped[int] = column("pieces; not said to customers so far")
    features: Mapped[list[Any]] = column("what it has; aligned with the next two")
    advantages: Mapped[list[Any]] = column("what that does")
    benefits: Mapped[list[Any]] = column("what the customer gains")
    content_units: Mapped[float] = column(
        "uses in one piece of what is used up (D-CUS-7); 0: not used up", Float, default=0.0
    )
    daily_use_per_person: Mapped[float] = column("uses a person and day", Float, default=0.0)
    related: Mapped[list[Any]] = column("ids of products that go with it or replace it")
    compared_with: Mapped[str] = column("a comparison with a source", Text, default="")
    valid_until: Mapped[str] = column(
        "last day on which its facts may be said; empty for ever", String(10), default=""
    )


class ShopDocument(Base):
    """A validated file of the shop folder, but for its products."""

    __tablename__ = "shop_document"

    name: Mapped[str] = column(
        "`shop`, `promotions`, `policies`, `limits`, `hours`, `selling` or `remedies`",
        String(40),
        primary_key=True,
    )
    body: Mapped[dict[str, Any]] = column("its content")
