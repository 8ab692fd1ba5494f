"""When and to whom the first words are said (D-SEL-1). Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from bot.clock import SHOP_TIME_ZONE

Daytime = Literal["morning", "noon", "afternoon", "evening", "night"]
CustomerKind = Literal["known", "new"]
BEGINS: tuple[tuple[int, Daytime], ...] = (
    (5, "morning"),
    (12, "noon"),
    (14, "afternoon"),
    (18, "evening"),
)


def daytime_of(now: datetime, *, is_open: bool) -> Daytime:
    """Return the time of day in the shop; late in the evening, with nobody there, it is night."""
    hour = now.astimezone(SHOP_TIME_ZONE).hour
    if not is_open and (hour >= 18 or hour < 7):
        return "night"
    return next((name for begin, name in reversed(BEGINS) if hour >= begin), "night")
