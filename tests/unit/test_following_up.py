"""Follow-up calls: when, in which words, what an answer means (D-CUS-9, D-SEL-13, D-SEL-15)."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from bot.dialogue.following_up import (
    Call,
    Happened,
    call_after,
    is_bad,
    is_contradictory,
    script_of,
)
from bot.dialogue.guard import violations
from bot.errors import ShopDataError
from bot.knowledge.book import load_book
from bot.knowledge.follow_up_rules import FILE, FollowUpRules, read_follow_up_rules
from bot.knowledge.opening_hours import OpeningHours

HOURS = OpeningHours(
    weekly={day: ["09:00-18:00"] for day in ("mon", "tue", "wed", "thu", "fri")}  # type: ignore[misc]
)
MONDAY = datetime(2026, 11, 23, 2, 0, tzinfo=timezone.utc)  # ten o'clock in the shop
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
SELLING = re.compile(r"优惠|促销|打折|新品|下单|购买|券|活动|特价|红包")
FACTS = {
    "name": "王芳",
    "shop_name": "栗岸小家电铺",
    "case_number": "P261122-BHF4A9-8",
    "opened_on": "11月22日",
    "remedies": "换一台新的",
}


@pytest.fixture(scope="module")
def rules() -> FollowUpRules:
    return read_follow_up_rules(FILE)


def call(
    rules: FollowUpRules, *events: tuple[str, datetime], now: datetime = MONDAY + DAY
) -> object:
    return call_after(rules, HOURS, "P1", [Happened(*each) for each in events], now)


@pytest.mark.parametrize(
    ("events", "due_at"),
    [
        ([("closed", MONDAY)], MONDAY + 3 * DAY),
        ([("carried_out", MONDAY)], MONDAY + 2 * DAY),
        ([("carried_out", MONDAY), ("closed", MONDAY + HOUR)], MONDAY + 2 * DAY),
        ([("closed", MONDAY - 2 * HOUR)], MONDAY + 3 * DAY - HOUR),  # at eight: when it opens
        ([("closed", MONDAY + 9 * HOUR)], MONDAY + 4 * DAY - HOUR),  # at seven in the evening
        ([("closed", MONDAY + 2 * DAY)], MONDAY + 7 * DAY - HOUR),  # Saturday: on Monday
    ],
)
def test_call_is_some_days_after_and_in_the_opening_hours(
    rules: FollowUpRules, events: list[tuple[str, datetime]], due_at: datetime
) -> None:
    assert call(rules, *events, now=MONDAY + 3 * DAY) == Call("case_follow_up:P1:0", due_at)


def test_nothing_is_scheduled_for_what_is_open_or_long_past(rules: FollowUpRules) -> None:
    assert call(rules) is None
    assert call(rules, ("opened", MONDAY), ("answered", MONDAY)) is None
    assert call(rules, ("closed", MONDAY), now=MONDAY + 14 * DAY) is not None
    assert call(rules, ("closed", MONDAY), now=MONDAY + 14 * DAY + HOUR) is None
    assert (
        call_after(rules, OpeningHours(weekly={}), "P1", [Happened("closed", MONDAY)], MONDAY)
        is None
    )


def test_a_case_that_was_taken_up_anew_gets_another_call(rules: FollowUpRules) -> None:
    events = [("closed", MONDAY), ("reopened", MONDAY + HOUR)]
    assert call(rules, *events) is None
    again = call(rules, *events, ("closed", MONDAY + DAY))
    assert again == Call("case_follow_up:P1:1", MONDAY + 4 * DAY)


def test_script_tells_first_then_asks_and_sells_nothing(rules: FollowUpRules) -> None:
    script = script_of(rules, FACTS)
    lines = script.splitlines()
    assert "P261122-BHF4A9-8" in lines[0] and "王芳" in lines[1]
    assert "栗岸小家电铺" in lines[3] and "换一台新的" in lines[3]
    asked = [line for line in lines if re.match(r"\d\. ", line)]
    assert lines.index(asked[0]) > 3
    for topic in ("解决", "5分", "跟您原来想的比", "还愿意来", "改"):
        assert any(topic in line for line in asked), topic
    assert not SELLING.search(script)
    assert not violations(load_book(), script)


def test_whoever_else_answers_the_phone_learns_nothing(rules: FollowUpRules) -> None:
    for facts in (FACTS, {**FACTS, "name": ""}):
        said_first = script_of(rules, facts).splitlines()[1]
        told = [value for name, value in facts.items() if value and name != "name"]
        assert not any(each in said_first for each in told)
        assert not re.search(r"投诉|订单|店|退|修", said_first)


def test_what_is_not_known_is_not_said(rules: FollowUpRules) -> None:
    script = script_of(rules, {**FACTS, "name": "", "remedies": ""})
    assert "{" not in script and "“”" not in script


@pytest.mark.parametrize(
    ("score", "is_solved", "expected"),
    [(2, True, True), (3, True, False), (None, None, False), (5, False, True), (1, None, True)],
)
def test_low_score_or_unsolved_is_bad(
    score: int | None, is_solved: bool | None, expected: bool
) -> None:
    assert is_bad(score, is_solved) is expected


@pytest.mark.parametrize(
    ("score", "again", "expected"),
    [(5, "no", True), (4, "no", True), (3, "no", False), (5, "yes", False), (None, "no", False)],
)
def test_satisfied_but_not_coming_back_is_a_contradiction(
    score: int | None, again: str, expected: bool
) -> None:
    assert is_contradictory(score, again) is expected


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"您好，请问是{name}本人吗？"', '"{shop_name}，是{name}吗？"', "may not use {shop_name}"),
        ("too_late_days: 14", "too_late_days: 2", "too late already"),
        ("kinds: [case_follow_up, ", "kinds: [", "lacks 'case_follow_up'"),
        (', "您好，请问您就是平时用这个号码的人吗？"', "", "must fit whatever is known"),
    ],
)
def test_a_mistake_in_the_rules_names_file_and_place(
    tmp_path: Path, old: str, new: str, told: str
) -> None:
    path = tmp_path / "follow_up.yml"
    text = FILE.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ShopDataError) as error:
        read_follow_up_rules(path)
    assert "follow_up.yml:" in str(error.value) and told in str(error.value)
