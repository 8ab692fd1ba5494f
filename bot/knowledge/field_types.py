"""The kinds of values that an owner writes into the shop's files."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from msgspec import Meta

Id = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
Text = Annotated[str, Meta(min_length=1, max_length=400)]
Fen = Annotated[int, Meta(ge=0)]
IsoDate = Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}$")]
OptionalDate = Annotated[str, Meta(pattern=r"^(\d{4}-\d{2}-\d{2})?$")]
Topic = Literal[
    "delivery",
    "returns",
    "exchange",
    "refund",
    "warranty",
    "repair",
    "installation",
    "invoice",
    "payment",
    "price_protection",
    "genuine",
    "privacy",
    "order_change",
    "gifts",
]


def is_past(day: str, today: date) -> bool:
    """Tell whether a last day, '' for none, lies before `today`."""
    return bool(day) and date.fromisoformat(day) < today


def bad_date(place: str, text: str) -> list[str]:
    """Return what is wrong with a day that stands at `place`; nothing with '' or a date."""
    try:
        if text:
            date.fromisoformat(text)
    except ValueError:
        return [f"{place}: {text!r} is not a date like 2027-12-31"]
    return []
