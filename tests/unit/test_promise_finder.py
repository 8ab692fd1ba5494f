"""What a seller's sentence promises, and what is none: the labelled set, and the hard places."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest

from bot.bench.said_promises import SAID_AT, SaidCase, evaluation, read_cases
from bot.clock import SHOP_TIME_ZONE
from bot.dialogue.promise_finder import (
    PromiseReadingComputer,
    is_made_by_step,
    shared_finder,
)
from bot.dialogue.promises import said_due
from bot.dialogue.turn import ConversationFacts, FoundPromise, Reply, TurnRequest, TurnResult
from bot.knowledge.book import load_book
from bot.knowledge.promise_patterns import load_promise_patterns
from bot.knowledge.shop import load_shop
from bot.settings import ROOT
from tests.fakes import FakeComputer

HOURS = load_shop(ROOT / "shops" / "sample").hours
RULES = load_book().promises


def kinds(text: str) -> list[str]:
    return [each.kind for each in shared_finder().find(text, SAID_AT)]


@pytest.mark.parametrize("case", read_cases(), ids=lambda case: case.say)
def test_sentence_promises_what_its_label_says(case: SaidCase) -> None:
    found = shared_finder().find(case.say, SAID_AT)
    is_right = [each.kind for each in found] == ([case.kind] if case.kind else [])
    if case.day:
        is_right = is_right and (found[0].day, found[0].minute) == (case.day, case.minute)
    assert is_right != case.is_missed, found


def test_set_is_large_enough_and_half_near_misses() -> None:
    cases = read_cases()
    assert len(cases) >= 120 and len({each.say for each in cases}) == len(cases)
    assert 0.4 <= sum(each.kind is None for each in cases) / len(cases) <= 0.6
    assert {each.kind for each in cases} >= {*RULES.kinds} - {"reminder"}


def test_evidence_is_the_words_themselves() -> None:
    text = "好的。您先忙，我明天下午三点前给您回电话。再见！"
    (found,) = shared_finder().find(text, SAID_AT)
    assert found.words == "我明天下午三点前给您回电话。" or found.words in text
    assert "回电话" in text[found.start : found.end]
    assert "再见" not in text[found.start : found.end]


def test_two_promises_in_one_text_are_two() -> None:
    assert kinds("我明天给您回电话。差价今天退给您。") == ["call_back", "remedy"]
    assert kinds("我明天给您回电话。明天一定给您回电话。") == ["call_back"]


def test_one_clause_does_not_hide_the_next() -> None:
    assert kinds("昨天已经给您发出了，我明天给您打电话。") == ["call_back"]
    assert kinds("这个我不能答应，我问到了马上告诉您。") == ["find_out"]
    assert kinds("您方便吗？我明天给您回电话。") == ["call_back"]


@pytest.mark.parametrize(
    "text", ["", " ", "。。。", "？", "😀" * 500, "给您" * 1500, "我明天" * 900]
)
def test_odd_text_promises_nothing(text: str) -> None:
    assert kinds(text) == []


def test_traditional_script_is_read() -> None:
    assert kinds("我明天給您回電話。") == ["call_back"]


@pytest.mark.parametrize(
    ("day", "minute", "due"),
    [
        (None, None, datetime(2026, 11, 23, 15, 0)),  # 240 minutes of the opening hours
        (date(2026, 11, 24), None, datetime(2026, 11, 24, 21, 0)),
        (date(2026, 11, 24), 900, datetime(2026, 11, 24, 15, 0)),
        (date(2026, 11, 24), 1380, datetime(2026, 11, 24, 23, 0)),  # said: it holds
        (date(2026, 11, 23), 540, datetime(2026, 11, 23, 21, 0)),  # past: that day at least
        (date(2026, 11, 20), None, datetime(2026, 11, 23, 15, 0)),
    ],
)
def test_due_is_what_was_said_or_what_is_usual(
    day: date | None, minute: int | None, due: datetime
) -> None:
    found = FoundPromise("call_back", 0, 1, "", day, minute)
    assert said_due(RULES, found, HOURS, SAID_AT) == due.replace(tzinfo=SHOP_TIME_ZONE)


def test_evaluation_counts_what_is_missed_and_false() -> None:
    cases = [
        SaidCase("我明天给您回电话"),
        SaidCase("今天有货", "remedy"),
        SaidCase("退给您", "remedy"),
    ]
    (*_, total, of_any) = evaluation(cases)["kinds"]
    assert (total["right"], total["false"], total["missed"]) == (0, 1, 2)
    assert (of_any["right"], of_any["false"], of_any["missed"]) == (0, 1, 2)
    other_kind = evaluation([SaidCase("我明天给您回电话", "remedy")])["kinds"]
    assert [(each["right"], each["missed"]) for each in other_kind[-2:]] == [(0, 1), (1, 0)]


# --- what replies promise -----------------------------------------------------------------------


class Saying(FakeComputer):
    def __init__(self, *replies: Reply) -> None:
        self.replies = replies

    def turn(self, request: TurnRequest) -> TurnResult:
        return TurnResult("c", 1, 1, 1, (), (), (), (), self.replies, None)


def read(*replies: Reply, text: str = "") -> Any:
    request = TurnRequest("c", 1, SAID_AT, (), ConversationFacts("c"), staff_text=text)
    return PromiseReadingComputer(Saying(*replies), shared_finder()).turn(request).promises


def test_reply_that_promises_says_which_reply_it_was() -> None:
    (found,) = read(Reply("好的", "utter_a", "a"), Reply("明天一定给您发货", "utter_b", "b"))
    assert (found.kind, found.reply) == ("dispatch_date", 1)


def test_reply_of_a_step_that_writes_it_down_is_not_read() -> None:
    assert read(Reply("明天一定告诉您", "utter_promise_answer", "promise_answer_x")) == ()


def test_text_of_a_person_is_read_without_a_turn() -> None:
    assert [each.kind for each in read(text="我明天给您回电话")] == ["call_back"]


def test_steps_that_promise_are_in_the_book() -> None:
    replies = load_book().replies
    ids = [each.id for wordings in replies.values() for each in wordings]
    for name in load_promise_patterns().made_by_steps:
        assert name in replies or any(each.startswith(name) for each in ids), name


SAID_AS = {"promise_day": "明天18:00", "deadline": "明天18:00", "call_time": "明天下午三点"}


def promising_wordings() -> list[str]:
    """Return the ids of all wordings that promise something of their own."""
    steps, found = tuple(load_promise_patterns().made_by_steps), []
    for response, wordings in load_book().replies.items():
        for each in wordings:
            text = each.text
            for name in each.variables:
                text = text.replace("{" + name + "}", SAID_AS.get(name, "X"))
            reply = Reply(text, response, each.id)
            if shared_finder().find(text, SAID_AT) and not is_made_by_step(steps, reply):
                found.append(each.id)
    return found


def test_no_wording_of_the_book_promises_what_no_step_writes_down() -> None:
    assert promising_wordings() == []
