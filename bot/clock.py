"""Time, passed in. Nothing else in Prelude reads the system clock or sleeps.

Times are UTC and timezone-aware everywhere; people see Asia/Shanghai (design decision 11).
"""

from __future__ import annotations

import asyncio
from datetime import date, datetime, time, timezone
from typing import Protocol
from zoneinfo import ZoneInfo

SHOP_TIME_ZONE = ZoneInfo("Asia/Shanghai")


class Clock(Protocol):
    """What the rest of Prelude may ask about time."""

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""

    async def sleep(self, seconds: float) -> None:
        """Let `seconds` pass."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""
        return datetime.now(timezone.utc)

    async def sleep(self, seconds: float) -> None:
        """Let `seconds` pass."""
        await asyncio.sleep(seconds)


def shop_day(moment: datetime) -> date:
    """Return the day that a moment has in the shop."""
    return moment.astimezone(SHOP_TIME_ZONE).date()


def start_of_day(moment: datetime) -> datetime:
    """Return when the shop's day began in which `moment` lies."""
    return datetime.combine(moment.astimezone(SHOP_TIME_ZONE).date(), time(), SHOP_TIME_ZONE)
