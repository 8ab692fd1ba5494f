"""What a write of a row by its own key came to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import msgspec
from msgspec import UNSET, Struct

from bot.errors import UsageError

YEARS = range(1970, 2200)  # beyond, another time zone may have no such day
Outcome = Literal["new", "changed", "unchanged"]


@dataclass(frozen=True)
class Written:
    """The row's id, what became of it, and which fields are other than before."""

    id: int
    outcome: Outcome
    fields: tuple[str, ...] = ()


def given(change: Struct) -> dict[str, Any]:
    """Return the fields of a change that were given at all."""
    values = msgspec.structs.asdict(change)
    return {name: value for name, value in values.items() if value is not UNSET}


def differing(values: dict[str, Any], row: object) -> dict[str, Any]:
    """Return the values that are other than the row's."""
    return {name: value for name, value in values.items() if getattr(row, name) != value}


def check_moment(name: str, moment: datetime | None) -> None:
    """Refuse a time that no time zone fixes, or that no shop has seen.

    Raises:
        UsageError: it begins with the field's name.
    """
    if moment is None:
        return
    if moment.tzinfo is None:
        raise UsageError(f"{name}: a time needs a time zone, 2026-11-22T10:00:00+08:00")
    if moment.year not in YEARS:
        raise UsageError(f"{name}: the year must be from {YEARS[0]} to {YEARS[-1]}")
