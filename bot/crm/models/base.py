"""What all tables share: aware times, and a column that says what it holds and whom it is about.

`docs/data-dictionary.md` is generated from these declarations, and `bot.services.privacy` exports
and erases a person by their labels (promise 24).
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, Final, Literal

from sqlalchemy import JSON, DateTime, TypeDecorator
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, mapped_column

Privacy = Literal["none", "personal", "key", "staff", "secret"]

NONE: Final = "none"  # the shop's own bookkeeping; says nothing about who somebody is
PERSONAL: Final = "personal"  # about a customer, or in their words: exported, emptied on erasure
KEY: Final = "key"  # names a customer's row: exported; kept, but leads to nobody after erasure
STAFF: Final = "staff"  # about a person of the shop
SECRET: Final = "secret"  # opens something: never leaves the database, emptied on erasure


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC time in Python, a plain timestamp in the database."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Store as naive UTC; refuse a time without a zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a time zone")
        return value.astimezone(timezone.utc).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give back an aware time."""
        return None if value is None else value.replace(tzinfo=timezone.utc)


class Base(DeclarativeBase):
    """Common base of all tables."""

    type_annotation_map = {
        datetime: UtcDateTime(),
        dict[str, Any]: JSON,
        list[Any]: JSON,
    }


def column(meaning: str, privacy: Any = NONE, *args: Any, **options: Any) -> Any:
    """Declare a column with its meaning and privacy label.

    Args:
        meaning: what it holds, for the data dictionary.
        privacy: one of the labels above; left out, the next positional argument counts as a type.
        args, options: as `mapped_column` takes them.
    """
    if not isinstance(privacy, str):
        args, privacy = (privacy, *args), NONE
    return mapped_column(*args, doc=meaning, info={"privacy": privacy}, **options)
