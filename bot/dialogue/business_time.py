"""Time that counts only while the shop is open: forwards, backwards, and between. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta, timezone

from bot.clock import SHOP_TIME_ZONE
from bot.knowledge.opening_hours import OpeningHours

LONGEST_DAYS = 60  # a shop that is closed for longer can name no day
DAY = timedelta(days=1)

Span = tuple[datetime, datetime]


def after(hours: OpeningHours, moment: datetime, minutes: float) -> datetime | None:
    """Return when so many minutes of opening hours have passed since `moment`.

    With 0 minutes: `moment` itself if the shop is open, else when it opens next.

    Returns:
        A moment of the opening hours, their end included; None if there are too few of them.
    """
    left = timedelta(minutes=minutes)
    day = local(moment).date()
    for each in range(LONGEST_DAYS):
        for start, end in spans(hours, day + each * DAY):
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
        for start, end in reversed(list(spans(hours, day - each * DAY))):
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
        for opens, closes in spans(hours, day):
            open_for += max(min(closes, end) - max(opens, start), timedelta())
        day += DAY
    return open_for


def spans(hours: OpeningHours, day: date) -> Iterator[Span]:
    """Yield when people are there on a day, in order, none over another."""
    last = datetime.combine(day, time(), SHOP_TIME_ZONE)
    for span in sorted(hours.of_day(day)):
        start, end = (
            datetime.combine(day, time.fromisoformat(part), SHOP_TIME_ZONE)
            for part in span.split("-")
        )
        if end > last:
            yield max(start, last), end
            last = end


def local(moment: datetime) -> datetime:
    """Return a moment as the shop's clock shows it."""
    return moment.astimezone(SHOP_TIME_ZONE)
