"""Time that counts only while the shop is open: forwards, backwards, and between. Pure."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone

from bot.clock import SHOP_TIME_ZONE
from bot.knowledge.opening_hours import OpeningHours

LONGEST_DAYS = 60  # a shop that is closed for longer can name no day
DAY = timedelta(days=1)


def after(hours: OpeningHours, moment: datetime, minutes: float) -> datetime | None:
    """Return when so many minutes of opening hours have passed since `moment`.

    With 0 minutes: `moment` itself if the shop is open, else when it opens next.

    Returns:
        A moment of the opening hours, their end included; None if there are too few of them.
    """
    left = timedelta(minutes=minutes)
    day = local(moment).date()
    for each in range(LONGEST_DAYS):
        for start, end in hours.spans(day + each * DAY):
            start = max(start, moment)
            if start < end and start + left <= end:
                return (start + left).astimezone(timezone.utc)
            left -= max(end - start, timedelta())
    return None


def before(hours: OpeningHours, moment: datetime, minutes: int) -> datetime | None:
    """Return the latest time from which on there are so many minutes of opening hours left."""
    left = timedelta(minutes=minutes)
    day = local(moment).date()
    for each in range(LONGEST_DAYS):
        for start, end in reversed(list(hours.spans(day - each * DAY))):
            end = min(end, moment)
            if start < end and end - left >= start:
                return (end - left).astimezone(timezone.utc)
            left -= max(end - start, timedelta())
    return None


def between(hours: OpeningHours, start: datetime, end: datetime) -> timedelta:
    """Return how long the shop is open from one moment to another; nothing if that is before."""
    open_for = timedelta()
    day, last = local(start).date(), local(end).date()
    while day <= last:
        for opens, closes in hours.spans(day):
            open_for += max(min(closes, end) - max(opens, start), timedelta())
        day += DAY
    return open_for


def day_and_clock(end: datetime) -> tuple[date, int, int]:
    """Return the end of a time as it is said: day, hour, minute. Midnight is 24:00 of its day."""
    shown = local(end)
    if shown.time() == time():
        return shown.date() - DAY, 24, 0
    return shown.date(), shown.hour, shown.minute


def local(moment: datetime) -> datetime:
    """Return a moment as the shop's clock shows it."""
    return moment.astimezone(SHOP_TIME_ZONE)
