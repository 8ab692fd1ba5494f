"""Who is asked after when they fall silent, and who is let be (D-CMP-10, D-CMP-13)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from bot.dialogue.asking_after import Heard, KnownCase, Question, QuietTalk, question_for
from bot.errors import ShopDataError
from bot.knowledge.asking_rules import FILE, AskingRules, read_asking_rules
from bot.knowledge.opening_hours import OpeningHours

HOURS = OpeningHours(weekly={"mon": ["09:00-12:00", "13:00-18:00"], "tue": ["09:00-18:00"]})
MONDAY = datetime(2026, 11, 23, 2, 0, tzinfo=timezone.utc)  # ten o'clock in the shop
MINUTE = timedelta(minutes=1)
HALF_AN_HOUR = 30 * MINUTE
FAULT = Heard(MONDAY, "complaint_product")
SIGH = Heard(MONDAY, "deny", "resigned")
ABOUT_FAULT = Question("fault", "utter_ask_after_fault")
ABOUT_CASE = Question("fault", "utter_ask_after_case")
ABOUT_SIGH = Question("resigned", "utter_ask_after_resigned")


@pytest.fixture(scope="module")
def rules() -> AskingRules:
    return read_asking_rules(FILE)


def asked(
    rules: AskingRules, *heard: Heard, now: datetime = MONDAY + HALF_AN_HOUR, **more: object
) -> Question | None:
    return question_for(rules, HOURS, QuietTalk(heard, **more), now)  # type: ignore[arg-type]


def case(stage: str = "receipt", *, is_heard: bool = False, opened_at: datetime = MONDAY) -> object:
    return KnownCase(opened_at, stage, is_heard)


@pytest.mark.parametrize(
    ("heard", "question"),
    [
        (FAULT, ABOUT_FAULT),
        (replace(FAULT, intent="report_problem"), ABOUT_FAULT),
        (replace(FAULT, intent="inform", names_defect=True), ABOUT_FAULT),
        (replace(FAULT, intent="inform"), None),
        (replace(FAULT, intent="ask_product", names_defect=True), None),
        (SIGH, ABOUT_SIGH),
        (replace(SIGH, reaction="angry"), None),
        (replace(SIGH, intent="objection_excuse"), None),  # a plain no to goods
        (replace(FAULT, reaction="resigned"), ABOUT_SIGH),
    ],
)
def test_what_was_said_last_decides_about_the_question(
    rules: AskingRules, heard: Heard, question: Question | None
) -> None:
    assert asked(rules, heard) == question


def test_a_talk_in_which_nothing_was_said_is_let_be(rules: AskingRules) -> None:
    assert asked(rules) is None


@pytest.mark.parametrize(
    ("opening_minutes", "is_asked"),
    [(0, False), (29, False), (30, True), (540, True), (541, False)],
)
def test_it_comes_after_half_an_hour_of_opening_hours_and_not_after_a_day(
    rules: AskingRules, opening_minutes: int, is_asked: bool
) -> None:
    # 120 minutes are left until the break, 300 more after it; Tuesday opens at nine.
    now = MONDAY + opening_minutes * MINUTE
    if opening_minutes > 120:
        now += 60 * MINUTE
    if opening_minutes > 420:
        now += 15 * 60 * MINUTE
    assert (asked(rules, FAULT, now=now) is not None) is is_asked


def test_nobody_is_asked_while_the_shop_is_closed(rules: AskingRules) -> None:
    told = replace(FAULT, at=MONDAY + timedelta(hours=7, minutes=20))  # 17:20
    assert asked(rules, told, now=MONDAY + timedelta(hours=7, minutes=59)) == ABOUT_FAULT
    assert asked(rules, told, now=MONDAY + timedelta(hours=9)) is None
    assert asked(rules, told, now=MONDAY + timedelta(hours=23)) == ABOUT_FAULT  # 9:00 on Tuesday


def test_silence_counts_from_the_last_word_not_from_the_fault(rules: AskingRules) -> None:
    later = Heard(MONDAY + 20 * MINUTE, "inform")
    assert asked(rules, FAULT, later) is None
    assert asked(rules, FAULT, later, now=later.at + HALF_AN_HOUR) == ABOUT_FAULT


@pytest.mark.parametrize(
    ("after", "question"),
    [
        (["thank"], None),
        (["buying_signal", "inform"], None),
        (["inform", "affirm"], ABOUT_FAULT),
        (["inform", "inform", "inform"], None),  # the talk is about something else by now
    ],
)
def test_what_was_settled_or_lies_far_back_is_not_asked_about(
    rules: AskingRules, after: list[str], question: Question | None
) -> None:
    assert asked(rules, FAULT, *(Heard(MONDAY, intent) for intent in after)) == question


def test_thanks_before_the_fault_settle_nothing(rules: AskingRules) -> None:
    assert asked(rules, Heard(MONDAY, "thank"), FAULT) == ABOUT_FAULT


@pytest.mark.parametrize("heard", [FAULT, SIGH])
@pytest.mark.parametrize(
    "what",
    [
        {"was_asked": True},
        {"contact_refused": True},
        {"is_with_bot": False},
        {"has_case_elsewhere": True},
    ],
    ids=lambda what: next(iter(what)),
)
def test_never_twice_nor_against_the_wish_nor_beside_a_person(
    rules: AskingRules, heard: Heard, what: dict[str, Any]
) -> None:
    assert asked(rules, heard) is not None
    assert asked(rules, heard, **what) is None


@pytest.mark.parametrize(
    ("cases", "about_fault", "about_sigh"),
    [
        ([case()], ABOUT_CASE, None),
        ([case(is_heard=True)], None, None),
        ([case("acknowledgement")], None, None),
        ([case(), case("investigation")], None, None),
        ([case("closed")], None, None),  # it was opened for this, and is solved
        ([case("closed", opened_at=MONDAY - timedelta(days=9))], ABOUT_FAULT, ABOUT_SIGH),
    ],
)
def test_a_case_that_somebody_works_on_is_not_asked_about(
    rules: AskingRules,
    cases: list[KnownCase],
    about_fault: Question | None,
    about_sigh: Question | None,
) -> None:
    assert asked(rules, FAULT, cases=cases) == about_fault
    assert asked(rules, SIGH, cases=cases) == about_sigh


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("after_minutes: 30", "after_minutes: 540", "too late already"),
        ("questions: [utter_rated_low, ", "questions: [", ""),
        (", utter_ask_after_case]", "]", "utter_ask_after_case: is missing in questions"),
        ("    reactions: [resigned]\n", "", "begins with nothing"),
    ],
)
def test_a_mistake_in_the_rules_names_file_and_place(
    tmp_path: Path, old: str, new: str, told: str
) -> None:
    path = tmp_path / "asking_after.yml"
    text = FILE.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    if not told:
        read_asking_rules(path)
        return
    with pytest.raises(ShopDataError) as error:
        read_asking_rules(path)
    assert "asking_after.yml:" in str(error.value) and told in str(error.value)
