"""Days and periods: read without a clock, resolved on the day they were said.

The NLU graph must give the same answer for the same text, so it stops at a `When`: offsets, places
in a week, month or year, feasts. `resolve_dates` does the rest with a day in hand. A `When` is a
plain dictionary, because it travels through Rasa and JSON.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Union

from bot.knowledge.book import load_entity_patterns
from bot.knowledge.entity_patterns import Festival

When = dict[str, Any]
Span = tuple[date, date]
ResolvedDate = Union[str, dict[str, str]]

AROUND_DAYS = 7
NEAR = (-1, 0, 1)
FIXED = frozenset("days months_on weeks months years year half_year".split())


def resolve_dates(
    entities: Sequence[Mapping[str, Any]], today: date, *, is_past: bool = False
) -> list[dict[str, Any]]:
    """Return the entities with every `when` replaced by what it means on `today`.

    A day is an ISO date, a period `{from, to}`; a deadline is its last day. What has no such day
    (30 February, a feast beyond the table) gets no `resolved`.

    Args:
        is_past: whether it is told what happened; then a day without a year is the last such one.
    """
    found = []
    for entity in entities:
        rest = {name: value for name, value in entity.items() if name != "when"}
        if when := entity.get("when"):
            told = when | {"past": True} if is_past and "by" not in when else when
            resolved = resolve(told, today)
            if resolved is not None:
                rest["resolved"] = resolved
        found.append(rest)
    return found


def resolve(when: When, today: date) -> ResolvedDate | None:
    """Return the day or period that `when` means on `today`."""
    try:
        if "within" in when:
            return (today + timedelta(days=int(when["within"]))).isoformat()
        span = _span(when.get("by", when), today)
    except (ValueError, OverflowError):
        return None
    if span is None:
        return None
    if "by" in when:
        return span[0 if when["edge"] == "first" else 1].isoformat()
    first, last = (each.isoformat() for each in span)
    return first if first == last else {"from": first, "to": last}


def _span(when: When, today: date) -> Span | None:
    """Return the one that is meant: the last if it is past, else the next."""
    spans = sorted(_candidates(when, today))
    if not when.keys() & FIXED and when.get("past"):
        spans = [each for each in spans if each[0] <= today][-1:]
    elif not when.keys() & FIXED:
        spans = [each for each in spans if each[1] >= today]
    return spans[0] if spans else None


def _candidates(when: When, today: date) -> Iterator[Span]:
    if "days" in when:
        low, high = when["days"]
        yield today + timedelta(days=low), today + timedelta(days=high)
    elif "months_on" in when:
        low, high = when["months_on"]
        yield _months_on(today, low), _months_on(today, high)
    elif "weeks" in when or "weekday" in when:
        monday = today - timedelta(days=today.weekday())
        for weeks in [when["weeks"]] if "weeks" in when else NEAR:
            yield _week_part(monday + timedelta(weeks=weeks), when.get("weekday"))
    elif "festival" in when:
        yield from _festival(when, _years(when, today))
    else:
        yield from _calendar(when, today)


def _years(when: When, today: date) -> list[int]:
    if "year" in when or "half_year" in when:
        return [when.get("year", today.year)]
    return [today.year + each for each in ([when["years"]] if "years" in when else NEAR)]


def _week_part(monday: date, weekday: int | None) -> Span:
    if weekday is None:
        return monday, monday + timedelta(days=6)
    if weekday == 0:
        return monday + timedelta(days=5), monday + timedelta(days=6)
    return (monday + timedelta(days=weekday - 1),) * 2


def _festival(when: When, years: Sequence[int]) -> Iterator[Span]:
    feast = _feast_of(when["festival"])
    days = [date.fromisoformat(f"{year}-{feast.yearly}") for year in years if feast.yearly]
    days += [day for day in feast.days if day.year in years]
    for day in days:
        first, last = day + timedelta(days=feast.first), day + timedelta(days=feast.last)
        if "nth" in when:
            first = last = day + timedelta(days=when["nth"] - 1)
        if when.get("shift") == -1:
            first, last = first - timedelta(days=AROUND_DAYS), first - timedelta(days=1)
        elif when.get("shift") == 1:
            first, last = last + timedelta(days=1), last + timedelta(days=AROUND_DAYS)
        yield first, last


def _feast_of(word: str) -> Festival:
    return next(each for each in load_entity_patterns().festivals if word in each.words)


def _calendar(when: When, today: date) -> Iterator[Span]:
    """Yield days, parts of months and parts of years."""
    if "month" in when:
        months = [(year, when["month"]) for year in _years(when, today)]
    elif "months" in when or "day" in when or "month_part" in when:
        steps = [when["months"]] if "months" in when else NEAR
        months = [_shift_month(today, each) for each in steps]
    else:
        first, last = when.get("year_part") or when.get("half_year") or [1, 12]
        for year in _years(when, today):
            yield date(year, first, 1), date(year, last, monthrange(year, last)[1])
        return
    for year, month in months:
        length = monthrange(year, month)[1]
        first, last = when.get("month_part", [when.get("day", 1), when.get("day", 31)])
        if first <= length:
            yield date(year, month, first), date(year, month, min(last, length))


def _shift_month(today: date, months: int) -> tuple[int, int]:
    year, month = divmod(today.year * 12 + today.month - 1 + months, 12)
    return year, month + 1


def _months_on(today: date, months: float) -> date:
    """Return the same day some months on, the last of a shorter month; halves are 15 days."""
    whole = int(months)
    year, month = _shift_month(today, whole)
    day = date(year, month, min(today.day, monthrange(year, month)[1]))
    return day + timedelta(days=round((months - whole) * 30))
