"""By when a promise is due, when its owner is reminded, and what became of it (D-CUS-11). Pure.

A due moment never falls into closed hours: a promise that nobody is there to keep is an empty one
(D-OBJ-10). The clock and the opening hours are passed in; nothing is written here.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone
from typing import Literal

from bot.clock import SHOP_TIME_ZONE
from bot.dialogue.business_time import DAY, after, before, day_and_clock, local
from bot.dialogue.turn import FoundPromise, PromiseTimes
from bot.knowledge.opening_hours import OpeningHours
from bot.knowledge.promise_rules import PromiseRules

OTHER = "other"
PromiseState = Literal["open", "kept", "late", "broken"]


def usual_due(
    rules: PromiseRules, kind: str, hours: OpeningHours, now: datetime
) -> datetime | None:
    """Return by when a promise of this kind is kept that names no day; None: cannot be said."""
    due = after(hours, now, rules.kinds[kind].due_minutes)
    return None if due is None else _rounded(rules, hours, due)


def day_due(
    rules: PromiseRules, kind: str, hours: OpeningHours, day: date, now: datetime
) -> datetime | None:
    """Return by when a promise for that day is kept: its closing time.

    A day on which the shop is closed, or has closed already, counts from when it opens next.
    """
    ends = [end for _, end in hours.spans(day) if end > now]
    if ends:
        return ends[-1].astimezone(timezone.utc)
    midnight = datetime.combine(day, time(), SHOP_TIME_ZONE)
    return usual_due(rules, kind, hours, max(midnight, now))


def said_due(
    rules: PromiseRules, found: FoundPromise, hours: OpeningHours, now: datetime
) -> datetime | None:
    """Return by when a promise that a text makes is due; None: cannot be said.

    A moment that is said holds, though the shop be closed then; a past one counts as none.
    """
    kind = found.kind if found.kind in rules.kinds else OTHER
    if found.day is not None and found.minute is not None:
        at = time(found.minute // 60, found.minute % 60)
        moment = datetime.combine(found.day, at, SHOP_TIME_ZONE)
        if moment > now:
            return moment.astimezone(timezone.utc)
    if found.day is not None and end_of(found.day) > now:
        return day_due(rules, kind, hours, found.day, now)
    return usual_due(rules, kind, hours, now)


def end_of(day: date) -> datetime:
    """Return when a day of the shop is over."""
    return datetime.combine(day + DAY, time(), SHOP_TIME_ZONE).astimezone(timezone.utc)


def times_of(
    rules: PromiseRules, kind: str, hours: OpeningHours, due_at: datetime, now: datetime
) -> PromiseTimes:
    """Return all moments of a promise that is due then."""
    rule = rules.kinds[kind]
    remind_at = None
    if rule.remind_minutes is not None:
        remind_at = max(now, before(hours, due_at, rule.remind_minutes) or now)
    grace_ends = after(hours, due_at, rule.grace_minutes)
    wall_clock = due_at + timedelta(minutes=rule.grace_minutes)
    return PromiseTimes(due_at, remind_at, max(wall_clock, grace_ends or wall_clock))


def judge(times: PromiseTimes, kept_at: datetime | None, now: datetime) -> PromiseState:
    """Return the state of a promise that nobody withdrew: by the clock alone, so none doubles it.

    Kept by the time it was due: kept; within the grace after it: late; else, if that is over,
    broken, though it be kept later.
    """
    moment = kept_at or now
    if moment > times.broken_after:
        return "broken"
    if kept_at is None:
        return "open"
    return "kept" if kept_at <= times.due_at else "late"


def say_moment(rules: PromiseRules, moment: datetime, now: datetime) -> str:
    """Return by when something is done, as it is said: today, tomorrow, or with its day."""
    day, hour, minute = day_and_clock(moment)
    days = (day - local(now).date()).days
    template = {0: rules.today, 1: rules.tomorrow}.get(days, rules.later)
    return template.format(month=day.month, day=day.day, hour=hour, minute=minute)


def _rounded(rules: PromiseRules, hours: OpeningHours, due: datetime) -> datetime:
    """Return the next full step, or the end of the opening hours if that is before it."""
    exact = local(due)
    midnight = datetime.combine(exact.date(), time(), SHOP_TIME_ZONE)
    step = timedelta(minutes=rules.round_minutes)
    rounded = midnight - (midnight - exact) // step * step
    days = (exact.date() - DAY, exact.date())  # midnight may be the end of the day before
    spans = [span for day in days for span in hours.spans(day)]
    end = max(end for start, end in spans if start <= exact <= end)
    return min(rounded, end).astimezone(timezone.utc)
