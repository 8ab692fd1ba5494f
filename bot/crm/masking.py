"""Values of personal columns, starred for whoever has not asked to see them (promise 23)."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Text

from bot.crm.models import Base
from bot.crm.models.base import PERSONAL, SECRET
from bot.knowledge.privacy import mask_text, mask_values

HIDDEN = "***"


def mask(value: Any, column: Column[Any]) -> Any:
    """Return a value as staff see it by default, by the privacy label of its column.

    Free text keeps its words without phones and the like; a short text, as a name is one, keeps
    its first character; a number is left out; a moment says nothing about who somebody is.
    """
    label = column.info["privacy"]
    if label not in (PERSONAL, SECRET) or value in (None, "", [], {}):
        return value
    if label == SECRET:
        return HIDDEN
    if isinstance(value, str) and not isinstance(column.type, Text):
        masked = mask_text(value)
        return masked if masked != value else value[0] + HIDDEN
    if isinstance(value, (bool, datetime)):
        return value
    return None if isinstance(value, (int, float)) else mask_values(value)


def mask_record(record: Any, table: str) -> dict[str, Any]:
    """Return a record's fields by name; those that are columns of `table` by their labels."""
    columns = Base.metadata.tables[table].columns
    values = {field.name: getattr(record, field.name) for field in fields(record)}
    return {
        name: mask(value, columns[name]) if name in columns else value
        for name, value in values.items()
    }
