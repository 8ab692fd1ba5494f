"""The goods of a shop: `products.csv`."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from bot.knowledge.field_types import Id, OptionalDate, Text, is_past
from bot.knowledge.loader import read_csv


class Product(Struct, frozen=True, forbid_unknown_fields=True):
    """A product with its facts; the three FAB lists are aligned (D-SEL-6).

    What is used up has `content_units` uses a piece, `daily_use_per_person` a day (D-CUS-7).
    """

    id: str
    name: str
    category: str
    aliases: list[str]
    price_fen: int
    life_years: float
    warranty_months: int
    stock: int
    features: list[str]
    advantages: list[str]
    benefits: list[str]
    related: list[str]
    compared_with: str = ""
    valid_until: str = ""
    content_units: float = 0.0
    daily_use_per_person: float = 0.0

    def is_current(self, today: date) -> bool:
        """Tell whether its facts may still be said."""
        return not is_past(self.valid_until, today)


class _ProductRow(Struct, frozen=True, forbid_unknown_fields=True):
    """A line of `products.csv`; lists are separated by `|`."""

    id: Id
    name: Text
    category: Text
    aliases: str
    price_fen: Annotated[int, Meta(gt=0)]
    life_years: Annotated[float, Meta(gt=0)]
    warranty_months: Annotated[int, Meta(ge=0)]
    stock: Annotated[int, Meta(ge=0)]
    features: Text
    advantages: Text
    benefits: Text
    related: str = ""
    compared_with: str = ""
    valid_until: OptionalDate = ""
    content_units: Annotated[float, Meta(ge=0)] = 0.0
    daily_use_per_person: Annotated[float, Meta(ge=0)] = 0.0


def read_products(path: Path) -> list[Product]:
    """Return the rows of `products.csv`.

    Raises:
        ShopDataError: every bad row, with its line and column.
    """
    return [_product(row) for row in read_csv(path, _ProductRow)]


def _product(row: _ProductRow) -> Product:
    values = msgspec.structs.asdict(row)
    for name in ("aliases", "features", "advantages", "benefits", "related"):
        values[name] = [part.strip() for part in values[name].split("|") if part.strip()]
    return Product(**values)
