"""What a token without `personal:read` sees in place of personal values.

Which values these are, the labels of the columns say. A phone number and a name are shortened, so
that a person can still be told from another; everything else personal, free text above all, is
not shown at all (null): a pattern would let through what it does not know.
"""

from __future__ import annotations

from typing import Any, TypeVar

from msgspec import Struct

from bot.crm.privacy_labels import is_personal
from bot.language.normalise import find_phone

V = TypeVar("V", bound=Struct)


def mask_name(name: str) -> str:
    """Return the first character of a name."""
    return f"{name[0]}**" if name else ""


def mask_phone(text: str) -> str | None:
    """Return `138****8000`; None for what is no phone number."""
    phone = find_phone(text)
    return None if phone is None else f"{phone[:3]}****{phone[-4:]}"


def mask(column: str, value: Any) -> Any:
    """Return what is shown of a personal value."""
    if isinstance(value, str) and column == "customer.name":
        return mask_name(value)
    if isinstance(value, str) and column in ("customer_identity.value", "task.contact"):
        return mask_phone(value)
    return None


def view_of(type_: type[V], table: str, row: object, *, sees_personal: bool, **more: Any) -> V:
    """Return a row of `table` as it is shown.

    Args:
        more: the fields of the view that are no columns.
    """
    values = dict(more)
    for name in type_.__struct_fields__:
        if name not in more:
            value, column = getattr(row, name), f"{table}.{name}"
            is_hidden = not sees_personal and value is not None and is_personal(column)
            values[name] = mask(column, value) if is_hidden else value
    return type_(**values)
