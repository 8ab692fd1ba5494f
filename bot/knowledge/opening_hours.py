"""When people of the shop are there: `hours.yml`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct

from bot.clock import SHOP_TIME_ZONE
from bot.knowledge.field_types import IsoDate, Text, bad_date
from bot.knowledge.loader import line_of

Hours = Annotated[str, Meta(pattern=r"^\d{2}:\d{2}-\d{2}:\d{2}$")]
LONGEST_CLOSED_DAYS = 15
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MIDNIGHT = "24:00"  # the end of a day, as in ISO 8601


class Holiday(Struct, frozen=True, forbid_unknown_fields=True):
    """A day with hours of its own; none means closed."""

    date: IsoDate
    name: Text
    hours: list[Hours]


class OpeningHours(Struct, frozen=True, forbid_unknown_fields=True):
    """`hours.yml`."""

    weekly: dict[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], list[Hours]]
    holidays: list[Holiday] = []

    def of_day(self, day: date) -> list[str]:
        """Return the spans ("09:00-12:00", "18:00-24:00") in which people are there on `day`."""
        for holiday in self.holidays:
            if holiday.date == day.isoformat():
                return holiday.hours
        return self.weekly.get(WEEKDAYS[day.weekday()], [])  # type: ignore[call-overload,no-any-return]

    def spans(self, day: date) -> Iterator[tuple[datetime, datetime]]:
        """Yield from when until when people are there on `day`, in order, none over another."""
        last = _moment(day, "00:00")
        for span in sorted(self.of_day(day)):
            start, end = (_moment(day, part) for part in span.split("-"))
            if end > last:
                yield max(start, last), end
                last = end

    def next_opening(self, moment: datetime) -> datetime | None:
        """Return `moment` when it lies in the opening hours, else when they begin next.

        None when the shop is closed for longer than two weeks.
        """
        local = moment.astimezone(SHOP_TIME_ZONE)
        for days in range(LONGEST_CLOSED_DAYS):
            for start, end in self.spans(local.date() + timedelta(days=days)):
                if local < end:
                    return max(local, start)
        return None

    def is_open(self, moment: datetime) -> bool:
        """Tell whether `moment` lies in the opening hours."""
        return self.next_opening(moment) == moment


def check_hours(path: Path, hours: OpeningHours) -> list[str]:
    """Return what is wrong with the days and spans, each with file and line."""
    problems = []
    spans = [(("weekly", day), span) for day, list_ in hours.weekly.items() for span in list_]
    for index, holiday in enumerate(hours.holidays):
        spans += [(("holidays", index), span) for span in holiday.hours]  # type: ignore[misc]
        problems += bad_date(
            f"{path}:{line_of(path, 'holidays', index)}: holidays[{index}].date", holiday.date
        )
    for keys, span in spans:
        start, end = span.split("-")
        if not (_is_time(start) and (_is_time(end) or end == MIDNIGHT) and start < end):
            place = f"{path}:{line_of(path, *keys)}: {keys[0]}.{keys[1]}"
            problems.append(
                f"{place}: {span!r} is not a span of time like '09:00-18:00'; "
                "a night is two: '18:00-24:00', and '00:00-02:00' on the day after"
            )
    return problems


def _moment(day: date, clock: str) -> datetime:
    if clock == MIDNIGHT:
        return datetime.combine(day + timedelta(days=1), time(), SHOP_TIME_ZONE)
    return datetime.combine(day, time.fromisoformat(clock), SHOP_TIME_ZONE)


def _is_time(text: str) -> bool:
    return re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", text) is not None
