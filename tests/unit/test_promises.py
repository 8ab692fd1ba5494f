"""By when promises are due, and what became of them: by the opening hours and the clock alone."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.clock import SHOP_TIME_ZONE
from bot.dialogue.business_time import after, before
from bot.dialogue.complaint import say_deadline
from bot.dialogue.promises import (
    day_due,
    end_of,
    judge,
    say_moment,
    times_of,
    usual_due,
)
from bot.dialogue.promising import Promising, named_day
from bot.dialogue.turn import CreateTask, MakePromise, MessageAnalysis, PromiseTimes, PromiseView
from bot.errors import ShopDataError
from bot.knowledge.book import BOOK_DIR, load_book
from bot.knowledge.loader import read_yaml
from bot.knowledge.opening_hours import Holiday, OpeningHours
from bot.knowledge.promise_rules import PromiseRules

RULES = load_book().promises
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri")
OFFICE = OpeningHours(
    weekly={day: ["09:00-12:00", "13:00-18:00"] for day in WEEKDAYS},
    holidays=[Holiday("2027-02-05", "eve", ["09:00-11:00"]), Holiday("2027-02-08", "rest", [])],
)
CLOSED = OpeningHours(weekly={})
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)

spans = st.sampled_from(
    [[], ["00:00-24:00"], ["09:00-12:00", "13:00-18:00"], ["10:10-10:20"], ["22:00-24:00"]]
)
hours_of_shops = st.builds(
    OpeningHours,
    weekly=st.fixed_dictionaries({day: spans for day in (*WEEKDAYS, "sat", "sun")}),
    holidays=st.lists(
        st.builds(
            Holiday,
            date=st.dates(date(2027, 12, 20), date(2028, 3, 10)).map(date.isoformat),
            name=st.just("feast"),
            hours=spans,
        ),
        max_size=4,
    ),
)
moments = st.datetimes(datetime(2027, 12, 20), datetime(2028, 3, 10)).map(
    lambda naive: naive.replace(tzinfo=SHOP_TIME_ZONE)
)  # the end of a year, and of February in a leap year
minutes = st.integers(0, 3000)


def at(text: str) -> datetime:
    """Return a moment of the shop's time."""
    return datetime.fromisoformat(text).replace(tzinfo=SHOP_TIME_ZONE)


def is_within(hours: OpeningHours, moment: datetime) -> bool:
    """Tell, minute by minute, whether people are there or have just gone."""
    today = moment.astimezone(SHOP_TIME_ZONE).date()
    return any(
        clock(day, span.split("-")[0]) <= moment <= clock(day, span.split("-")[1])
        for day in (today - timedelta(days=1), today)
        for span in hours.of_day(day)
    )


def clock(day: date, text: str) -> datetime:
    """Return a moment of that day, which ends at 24:00."""
    hour, minute = map(int, text.split(":"))
    midnight = datetime.combine(day, time(), SHOP_TIME_ZONE)
    return midnight + timedelta(hours=hour, minutes=minute)


def open_minutes(hours: OpeningHours, start: datetime, end: datetime) -> float:
    """Count opening minutes by hand, day by day."""
    total = 0.0
    day = start.astimezone(SHOP_TIME_ZONE).date()
    while day <= end.astimezone(SHOP_TIME_ZONE).date():
        for span in hours.of_day(day):
            first, last = (clock(day, part) for part in span.split("-"))
            total += max((min(last, end) - max(first, start)).total_seconds(), 0) / 60
        day += timedelta(days=1)
    return total


@given(hours_of_shops, moments, minutes)
@example(OFFICE, at("2028-02-28T17:59"), 240)
@example(OFFICE, at("2028-02-29T17:59"), 1)
def test_due_moment_lies_in_the_hours_after_just_so_many_minutes(
    hours: OpeningHours, moment: datetime, wanted: int
) -> None:
    due = after(hours, moment, wanted)
    if due is None:
        assert open_minutes(hours, moment, moment + timedelta(days=55)) <= wanted
        return
    assert due >= moment and is_within(hours, due)
    assert open_minutes(hours, moment, due) == pytest.approx(wanted)


@given(hours_of_shops, moments, minutes)
def test_before_is_the_way_back(hours: OpeningHours, moment: datetime, wanted: int) -> None:
    start = before(hours, moment, wanted)
    if start is not None:
        assert start <= moment
        assert open_minutes(hours, start, moment) == pytest.approx(wanted)


@given(hours_of_shops, moments, st.sampled_from(sorted(RULES.kinds)))
def test_what_is_promised_is_never_due_in_closed_hours_nor_too_soon(
    hours: OpeningHours, now: datetime, kind: str
) -> None:
    due = usual_due(RULES, kind, hours, now)
    if due is None:
        return
    rule = RULES.kinds[kind]
    assert is_within(hours, due)
    spent = open_minutes(hours, now, due)
    assert rule.due_minutes - 1e-6 <= spent <= rule.due_minutes + RULES.round_minutes
    times = times_of(RULES, kind, hours, due, now)
    assert times.broken_after >= due
    assert times.remind_at is None or now <= times.remind_at <= due


@given(hours_of_shops, moments, st.dates(date(2027, 12, 1), date(2028, 3, 31)))
def test_a_named_day_is_kept_to_while_people_are_there(
    hours: OpeningHours, now: datetime, day: date
) -> None:
    due = day_due(RULES, "call_back", hours, day, now)
    if due is None:
        return
    assert due > now and is_within(hours, due)
    closing = max((span.split("-")[1] for span in hours.of_day(day)), default="")
    if closing and clock(day, closing) > now:
        assert due == clock(day, closing)


def test_midnight_is_said_as_the_end_of_its_day() -> None:
    night = OpeningHours(weekly={"mon": ["18:00-24:00"], "tue": ["00:00-02:00"]})
    due = day_due(RULES, "call_back", night, date(2026, 11, 23), at("2026-11-23T12:00"))
    assert due == at("2026-11-24T00:00")
    assert say_moment(RULES, due, at("2026-11-23T12:00")) == "今天24:00"
    assert say_moment(RULES, due, at("2026-11-20T12:00")) == "11月23日24:00"
    assert say_deadline(load_book().complaints, due) == "11月23日24:00前"


@pytest.mark.parametrize(
    ("now", "due", "said"),
    [
        ("2026-11-23T10:10", "2026-11-23T15:30", "今天15:30"),  # the lunch hour does not count
        ("2026-11-23T16:00", "2026-11-24T11:00", "明天11:00"),
        ("2026-11-20T22:00", "2026-11-23T14:00", "11月23日14:00"),  # over a weekend
        ("2026-11-23T08:00", "2026-11-23T14:00", "今天14:00"),
        ("2026-11-23T14:00", "2026-11-23T18:00", "今天18:00"),  # closing time still counts
        ("2026-11-23T14:01", "2026-11-24T09:30", "明天9:30"),
        ("2027-02-05T10:00", "2027-02-09T12:00", "2月9日12:00"),  # over a feast
        ("2028-02-28T17:00", "2028-02-29T12:00", "明天12:00"),
        ("2026-12-31T17:00", "2027-01-01T12:00", "明天12:00"),
    ],
)
def test_an_answer_is_due_in_four_working_hours(now: str, due: str, said: str) -> None:
    found = usual_due(RULES, "find_out", OFFICE, at(now))
    assert found == at(due)
    assert say_moment(RULES, found, at(now)) == said


def test_no_minutes_on_is_now_or_when_the_shop_opens_next() -> None:
    assert after(OFFICE, at("2026-11-23T11:59"), 0) == at("2026-11-23T11:59")
    assert after(OFFICE, at("2026-11-23T12:00"), 0) == at("2026-11-23T13:00")


def test_shop_that_is_always_closed_names_no_day() -> None:
    assert usual_due(RULES, "find_out", CLOSED, at("2026-11-23T10:00")) is None
    assert day_due(RULES, "call_back", CLOSED, date(2026, 11, 24), at("2026-11-23T10:00")) is None


def test_owner_is_reminded_a_working_hour_before_and_the_grace_is_one_too() -> None:
    times = times_of(RULES, "find_out", OFFICE, at("2026-11-24T09:30"), at("2026-11-23T14:01"))
    assert times.remind_at == at("2026-11-23T17:30")
    assert times.broken_after == at("2026-11-24T10:30")
    late = times_of(RULES, "find_out", OFFICE, at("2026-11-23T17:30"), at("2026-11-23T13:00"))
    assert late.broken_after == at("2026-11-24T09:30")  # nobody could keep it overnight


def test_who_is_reminded_of_what_is_due_at_once_hears_it_now() -> None:
    now = at("2026-11-23T14:00")
    assert times_of(RULES, "find_out", OFFICE, now + 5 * MINUTE, now).remind_at == now


TIMES = PromiseTimes(at("2026-11-23T15:00"), None, at("2026-11-23T16:00"))


@pytest.mark.parametrize(
    ("kept", "now", "state"),
    [
        (None, "14:59", "open"),
        (None, "15:30", "open"),
        (None, "16:00", "open"),
        (None, "16:01", "broken"),
        ("15:00", "20:00", "kept"),
        ("15:01", "20:00", "late"),
        ("16:00", "20:00", "late"),
        ("16:01", "16:01", "broken"),
    ],
)
def test_clock_alone_decides_what_became_of_a_promise(
    kept: str | None, now: str, state: str
) -> None:
    kept_at = at(f"2026-11-23T{kept}") if kept else None
    assert judge(TIMES, kept_at, at(f"2026-11-23T{now}")) == state


# --- which promise a step makes -----------------------------------------------------------------

NOW = at("2026-11-23T10:00")


def promising(
    *standing: PromiseView, wanted: tuple[MakePromise, ...] = (), hours: OpeningHours = OFFICE
) -> Promising:
    return Promising(RULES, hours, NOW, standing, wanted)


def owe(desk: Promising, about: str = "policy.delivery", *, is_staff_present: bool = False):
    return desk.answer("how much?", about, is_staff_present=is_staff_present)


def test_unknown_answer_is_promised_with_task_owner_and_day() -> None:
    owed = owe(promising())
    assert (owed.way, owed.due_at) == ("dated", at("2026-11-23T15:00"))
    promise = owed.promise
    assert promise is not None
    assert (promise.kind, promise.text, promise.owner) == ("find_out", "how much?", "agent")
    assert promise.task == CreateTask("find_out", "", "", "how much?", owed.due_at)
    assert owe(promising(), is_staff_present=True).way == "staffed"


def test_same_question_again_is_the_same_promise() -> None:
    due_at = at("2026-11-23T12:00")
    desk = promising(PromiseView("find_out", "policy.delivery", due_at))
    assert (owe(desk).way, owe(desk).due_at, owe(desk).promise) == ("again", due_at, None)
    assert owe(desk, "policy.invoice").way == "dated"
    other_kind = promising(PromiseView("call_back", "policy.delivery", due_at))
    assert owe(other_kind).way == "dated"


def test_same_question_twice_in_one_turn_is_one_promise() -> None:
    first = owe(promising()).promise
    assert first is not None
    again = owe(promising(wanted=(first,)))
    assert (again.way, again.due_at, again.promise) == ("again", first.times.due_at, None)
    other = owe(promising(wanted=(first,)), "policy.invoice").promise
    assert other is not None
    assert (first.ordinal, other.ordinal) == (0, 1)


@pytest.mark.parametrize("passed", [timedelta(), HOUR])
def test_a_day_that_has_passed_is_not_said_again(passed: timedelta) -> None:
    owed = owe(promising(PromiseView("find_out", "policy.delivery", NOW - passed)))
    assert (owed.way, owed.due_at, owed.promise) == ("overdue", None, None)


def test_without_opening_hours_nothing_is_promised() -> None:
    owed = owe(promising(hours=CLOSED))
    assert (owed.way, owed.due_at, owed.promise) == ("undated", None, None)
    assert promising(hours=CLOSED).call_back("138", "soon", None) == CreateTask(
        "call_back", "138", "soon", "", None
    )


def test_call_back_is_due_on_the_day_that_was_named() -> None:
    named = promising().call_back("138", "tomorrow", date(2026, 11, 24))
    soon = promising().call_back("138", "soon", None)
    assert isinstance(named, MakePromise) and isinstance(soon, MakePromise)
    assert named.times.due_at == at("2026-11-24T18:00")
    assert soon.times.due_at == at("2026-11-23T15:00")
    assert (named.task.contact, named.task.due) == ("138", "tomorrow")


def test_reminder_is_kept_by_the_system_until_the_end_of_its_day() -> None:
    day = date(2028, 2, 29)
    promise = promising().reminder(day, at("2028-02-29T10:00"))
    assert (promise.owner, promise.times.remind_at) == ("bot", None)
    assert promise.times.due_at == end_of(day) == at("2028-03-01T00:00")
    assert promise.task.due_at == at("2028-02-29T10:00")


@pytest.mark.parametrize(
    ("resolved", "day"),
    [
        ("2026-11-24", date(2026, 11, 24)),
        ({"from": "2026-11-28", "to": "2026-11-29"}, date(2026, 11, 29)),
        ("2026-11-23", date(2026, 11, 23)),
        ("2026-11-22", None),
        (None, None),
    ],
)
def test_day_of_a_call_is_the_last_one_named_and_not_past(resolved: object, day: date) -> None:
    entities = [{"entity": "amount", "resolved": "2026-11-25"}]
    entities += [{"entity": "date", "value": "x", "resolved": resolved}]
    assert named_day(MessageAnalysis(1, "inform", 1.0, entities=entities), NOW) == day


# --- the file -------------------------------------------------------------------------------------


def test_rules_that_steps_need_are_missed(tmp_path: Path) -> None:
    text = (BOOK_DIR / "promises.yml").read_text(encoding="utf-8")
    path = tmp_path / "promises.yml"
    path.write_text(text.replace("  call_back:", "  call_them:"), encoding="utf-8")
    (problem,) = read_yaml(path, PromiseRules).problems()
    assert problem.startswith("kinds: 'call_back' is missing")
    path.write_text(text.replace("今天{hour}", "今天{hours}"), encoding="utf-8")
    (problem,) = read_yaml(path, PromiseRules).problems()
    assert problem.startswith("today: ")


def test_unknown_key_names_file_and_line(tmp_path: Path) -> None:
    text = (BOOK_DIR / "promises.yml").read_text(encoding="utf-8")
    path = tmp_path / "promises.yml"
    path.write_text(text.replace("grace_minutes: 60", "grace: 60", 1), encoding="utf-8")
    with pytest.raises(ShopDataError, match=r"promises\.yml:\d+: .*find_out"):
        read_yaml(path, PromiseRules)


def test_moments_are_utc() -> None:
    due = usual_due(RULES, "find_out", OFFICE, NOW)
    assert due is not None and due.tzinfo is timezone.utc
