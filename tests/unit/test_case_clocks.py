"""Clocks of a case: right across weekends, holidays, month ends, leap days and clock jumps."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.clock import SHOP_TIME_ZONE
from bot.dialogue.business_time import after, between
from bot.dialogue.case_clocks import Clocks, Timekeeper, is_overdue
from bot.knowledge.case_rules import load_case_process
from bot.knowledge.opening_hours import Holiday, OpeningHours

RULES = load_case_process()
DAYS: list[Any] = ["mon", "tue", "wed", "thu", "fri"]
OFFICE = OpeningHours(
    weekly={day: ["09:00-12:00", "13:00-18:00"] for day in DAYS},
    holidays=[
        Holiday("2027-10-01", "National Day", []),
        Holiday("2027-10-04", "National Day", []),
        Holiday("2027-10-09", "worked instead", ["09:00-18:00"]),
    ],
)
CLOSED = OpeningHours(weekly={})
HOUR, DAY, SECOND = timedelta(hours=1), timedelta(days=1), timedelta(seconds=1)

moments = st.datetimes(datetime(2026, 1, 1), datetime(2029, 12, 31)).map(
    lambda moment: moment.replace(tzinfo=timezone.utc)
)
waits = st.timedeltas(timedelta(), timedelta(days=20))
severities = st.sampled_from(["slight", "serious", "bodily"])
hours = st.sampled_from([OFFICE, CLOSED, OpeningHours(weekly={"sun": ["00:00-24:00"]})])


def shop(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=SHOP_TIME_ZONE)  # type: ignore[misc,arg-type]


def keeper(severity: Any = "serious", hours: OpeningHours = OFFICE) -> Timekeeper:
    return Timekeeper(RULES, hours, severity)


@pytest.mark.parametrize(
    ("since", "due"),  # four hours of the opening hours
    [
        (shop(2026, 11, 23, 9), shop(2026, 11, 23, 14)),  # over lunch
        (shop(2026, 11, 27, 17), shop(2026, 11, 30, 12)),  # over the weekend and the month end
        (shop(2026, 12, 31, 16), shop(2027, 1, 1, 11)),  # over the year
        (shop(2028, 2, 28, 16), shop(2028, 2, 29, 11)),  # into a leap day
        (shop(2028, 2, 29, 16), shop(2028, 3, 1, 11)),  # and out of it
        (shop(2027, 9, 30, 17), shop(2027, 10, 5, 12)),  # over holidays and a weekend
        (shop(2027, 10, 8, 17), shop(2027, 10, 9, 12)),  # into a Saturday that is worked
        (shop(2026, 11, 28, 3), shop(2026, 11, 30, 14)),  # from a night of the weekend
    ],
)
def test_first_answer_counts_opening_hours(since: datetime, due: datetime) -> None:
    assert keeper().due_at("first_answer", since) == due


def test_bodily_harm_counts_day_and_night() -> None:
    since = shop(2028, 2, 29, 23, 30)
    assert keeper("bodily").due_at("first_answer", since) == since + HOUR
    assert keeper("bodily").due_at("solution", since) == since + DAY


@given(moments, severities, hours)
def test_every_case_is_due_some_time_after_it_was_opened(
    since: datetime, severity: Any, open_at: OpeningHours
) -> None:
    clocks = keeper(severity, open_at).start(since)
    assert clocks.solution_due_at is not None
    assert since < clocks.deadline_at <= clocks.solution_due_at


@given(moments, waits)
def test_opening_hours_between_two_moments_are_what_is_added(start: datetime, wait: Any) -> None:
    spent = between(OFFICE, start, start + wait)
    assert timedelta() <= spent <= wait
    reached = after(OFFICE, start, spent / timedelta(minutes=1))
    if spent:
        assert reached is not None and abs(between(OFFICE, start, reached) - spent) < SECOND


@given(moments, waits, waits)
def test_time_between_adds_up(start: datetime, one: timedelta, two: timedelta) -> None:
    middle, end = start + one, start + one + two
    whole = between(OFFICE, start, end)
    assert between(OFFICE, start, middle) + between(OFFICE, middle, end) == whole
    assert between(OFFICE, end, start) == timedelta() or start == end


@given(moments, severities, waits, waits)
def test_pause_keeps_what_was_left_and_never_brings_the_date_forward(
    since: datetime, severity: Any, before: timedelta, pause: timedelta
) -> None:
    each = keeper(severity)
    clocks = each.start(since)
    paused = each.pause(clocks, since + before)
    assert paused.solution_due_at == clocks.solution_due_at
    assert paused.paused_at == since + before and paused.resume_by is not None
    resumed = each.resume(paused, since + before + pause)
    assert resumed.paused_at is resumed.resume_by is None
    due, was = resumed.solution_due_at, clocks.solution_due_at
    assert due is not None and was is not None and due >= was
    if paused.paused_at < was and severity != "bodily":
        end = min(since + before + pause, paused.resume_by)
        left = between(OFFICE, paused.paused_at, was)
        assert abs(between(OFFICE, end, due) - left) < SECOND
    if paused.paused_at >= was:
        assert due == was  # what was late is late


@given(moments, waits)
def test_pause_lasts_no_longer_than_it_may(since: datetime, wait: timedelta) -> None:
    each = keeper()
    paused = each.pause(each.start(since), since)
    assert paused.resume_by is not None
    longest = timedelta(minutes=RULES.longest_pause_minutes)
    assert abs(between(OFFICE, since, paused.resume_by) - longest) < SECOND
    on_time = each.resume(paused, paused.resume_by)
    assert each.resume(paused, paused.resume_by + wait) == on_time


@given(moments, waits, waits)
def test_machine_clock_that_jumps_back_does_no_harm(
    since: datetime, wait: timedelta, back: timedelta
) -> None:
    each = keeper()
    clocks = each.start(since)
    paused = each.pause(clocks, since + wait)
    assert each.resume(paused, since + wait - back) == replace(
        clocks, solution_due_at=each.resume(paused, since + wait).solution_due_at
    )
    assert not each.is_late(clocks, since - back)


@given(moments, st.lists(st.tuples(waits, waits), max_size=4))
def test_many_pauses_never_bring_the_date_forward(
    since: datetime, pauses: list[tuple[timedelta, timedelta]]
) -> None:
    each = keeper("slight")
    clocks, now = each.start(since), since
    for before, pause in pauses:
        due = clocks.solution_due_at
        clocks = each.pause(clocks, now := now + before)
        assert each.pause(clocks, now + HOUR) == clocks  # it is paused already
        clocks = each.resume(clocks, now := now + pause)
        assert due is not None and clocks.solution_due_at is not None
        assert clocks.solution_due_at >= due


@given(moments, severities)
def test_levels_hear_of_it_one_after_the_other_and_then_nobody(
    since: datetime, severity: Any
) -> None:
    each = keeper(severity)
    clocks = each.start(since)
    heard = []
    for level in range(len(RULES.escalation)):
        clocks = replace(clocks, overdue_count=level)
        at = each.watch_at(clocks)
        assert at is not None
        assert not each.is_late(clocks, at) and each.is_late(clocks, at + SECOND)
        heard.append(at)
    assert heard == sorted(set(heard)) and heard[0] == clocks.deadline_at
    done = replace(clocks, overdue_count=len(RULES.escalation))
    assert each.watch_at(done) is None and not each.is_late(done, since + 999 * DAY)


@given(moments, severities)
def test_graver_case_is_due_no_later(since: datetime, severity: Any) -> None:
    clocks = keeper("slight").start(since)
    tight = keeper(severity).tighten(clocks, since)
    assert tight.deadline_at <= clocks.deadline_at
    assert clocks.solution_due_at is not None and tight.solution_due_at is not None
    assert tight.solution_due_at <= clocks.solution_due_at


@settings(max_examples=50)
@given(moments, waits)
def test_is_overdue_agrees_with_the_clocks(since: datetime, wait: timedelta) -> None:
    each = keeper()
    clocks, now = each.start(since), since + wait
    assert is_overdue(clocks, now) == (clocks.deadline_at < now)
    answered = replace(clocks, first_answered_at=since)
    assert clocks.solution_due_at is not None
    assert is_overdue(answered, now) == (clocks.solution_due_at < now)
    assert not is_overdue(replace(answered, paused_at=since), now)
    assert not is_overdue(replace(answered, resolved_at=since), now)


def test_older_case_without_a_date_for_its_solution_has_its_first_deadline_only() -> None:
    old = Clocks(shop(2026, 11, 23, 18))
    each = keeper()
    assert each.watch_at(old) == old.deadline_at
    assert each.watch_at(replace(old, first_answered_at=old.deadline_at)) is None
    assert each.resume(each.pause(old, old.deadline_at), old.deadline_at).solution_due_at is None


def test_day_of_closing_is_counted_to_its_end() -> None:
    assert OFFICE.of_day(date(2027, 10, 1)) == []
    assert keeper().due_at("first_answer", shop(2026, 11, 23, 13)) == shop(2026, 11, 23, 17)
    assert keeper().due_at("first_answer", shop(2026, 11, 23, 14)) == shop(2026, 11, 23, 18)
