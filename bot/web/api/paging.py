"""Pages of a list: an opaque cursor that stays right while rows are added.

It holds the list's name and the place after which the next page begins; it is no secret.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Annotated

from litestar.params import Parameter

from bot.services.tasks import MAX_ID
from bot.web.api.problems import RefusedError

DEFAULT_LIMIT = 50
Limit = Annotated[int, Parameter(ge=1, le=200, description="Most items of this page.")]
Cursor = Annotated[
    str | None, Parameter(description="`next_cursor` of the page before; left out: the first page.")
]
_PLACE = re.compile(r"([a-z]+):(\d{1,10})", re.ASCII)


def write_cursor(list_name: str, next_id: int | None) -> str | None:
    """Return where the next page begins; None at the end of the list."""
    if next_id is None:
        return None
    return base64.urlsafe_b64encode(f"{list_name}:{next_id}".encode()).decode().rstrip("=")


def read_cursor(list_name: str, cursor: str | None) -> int | None:
    """Return the place that a cursor of this list names.

    Raises:
        RefusedError: it is none, or of another list.
    """
    if cursor is None:
        return None
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        place = _PLACE.fullmatch(base64.b64decode(padded, b"-_", validate=True).decode("ascii"))
    except (UnicodeError, binascii.Error, ValueError):
        place = None
    if place is None or place[1] != list_name or int(place[2]) > MAX_ID:
        raise RefusedError(400, "invalid", f"not a cursor of the list of {list_name}", "cursor")
    return int(place[2])
