"""How customers mend a talk: what counts as which repair, and only while something is open."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from bot.dialogue.repairing import (
    Correction,
    correction_of,
    is_over,
    repair_of,
    should_put_again,
    unreadable,
    what_is_ended,
)
from bot.dialogue.turn import (
    Belief,
    CaseView,
    ConversationFacts,
    LedgerEntry,
    ObjectionState,
    PromiseView,
    Said,
)
from bot.knowledge.book import load_book

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=timezone.utc)
CALL = PromiseView("call_back", "", NOW)
REMIND = PromiseView("reminder", "", NOW)
CUES = load_book().repairs
CASE = CaseView("T1", "receipt", ("product",), "slight", NOW, NOW, "after_sales")


def entry(state: ObjectionState) -> LedgerEntry:
    return LedgerEntry(1, "price", state, Belief(1.0, 0.0, 0.0, "true"), 1, "太贵了")


def facts(**more: object) -> ConversationFacts:
    return ConversationFacts("c", **{"turn_count": 1, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text", ["算了", "算了算了", "那就算了吧。", "不问了，谢谢", "当我没说", "取消", "不用了"]
)
def test_a_cancel_counts_while_an_objection_is_open(text: str) -> None:
    assert repair_of(CUES, text, facts(ledger=(entry("probed"),))) == "cancel"
    assert repair_of(CUES, text, facts(ledger=(entry("settled"),))) is None
    assert repair_of(CUES, text, facts()) is None


@pytest.mark.parametrize("text", ["取消订单怎么弄", "算了一下还是贵", "没有", "我再看看", "用不上"])
def test_what_says_more_than_never_mind_is_no_cancel(text: str) -> None:
    assert repair_of(CUES, text, facts(ledger=(entry("answered"),))) is None


def test_a_cancel_after_the_offer_to_order_ends_the_talk_about_it() -> None:
    open_offer = facts(ledger=(entry("settled"),), last_steps=("action_lead_forward",))
    assert what_is_ended(CUES, "算了", open_offer) == "talk"


def test_a_cancel_ends_the_objection_before_it_ends_what_was_agreed() -> None:
    both = facts(ledger=(entry("answered"),), promises=(REMIND,))
    assert what_is_ended(CUES, "算了", both) == "objection"
    assert what_is_ended(CUES, "别提醒我了", both) == "reminder"


def test_a_plain_no_to_the_question_why_not_is_no_cancel() -> None:
    asked = facts(ledger=(entry("probed"),), last_replies=(Said("ask_refusal_bad_moment", ""),))
    assert what_is_ended(CUES, "不用了", asked) is None
    assert what_is_ended(CUES, "算了", asked) == "objection"


def test_a_call_back_is_not_cancelled_by_a_bare_no_need_later() -> None:
    later = facts(promises=(CALL,), last_steps=("action_answer_price",))
    just_now = facts(promises=(CALL,), last_steps=("action_note_call_back",))
    assert what_is_ended(CUES, "不用了", later) is None
    assert what_is_ended(CUES, "不用了", just_now) == "call_back"
    assert what_is_ended(CUES, "不用打电话了", later) == "call_back"


def test_during_a_case_never_mind_is_a_cancel_that_ends_nothing() -> None:
    with_case = facts(open_case=CASE)
    assert repair_of(CUES, "算了", with_case) == "cancel"
    assert what_is_ended(CUES, "算了", with_case) is None


@pytest.mark.parametrize("text", ["什么意思", "没听懂", "再说一遍", "啥?", "你说啥呢", "听不懂啊"])
def test_say_it_again_needs_something_that_was_said(text: str) -> None:
    said = (Said("thank_back", "也谢谢您"),)
    assert repair_of(CUES, text, facts(last_replies=said)) == "ask_again"
    assert repair_of(CUES, text, facts()) is None


@pytest.mark.parametrize("text", ["你什么意思", "保修是什么意思", "你们说啥都没用", "什么时候发货"])
def test_a_question_of_its_own_is_no_say_it_again(text: str) -> None:
    assert repair_of(CUES, text, facts(last_replies=(Said("thank_back", ""),))) is None


def test_mere_question_marks_ask_to_hear_it_again() -> None:
    said = facts(last_replies=(Said("thank_back", ""),))
    assert repair_of(CUES, "？？", said) == "ask_again"
    assert repair_of(CUES, "啊？", said) == "ask_again"
    assert repair_of(CUES, "嗯", said) is None
    assert repair_of(CUES, "多少钱？", said) is None


@pytest.mark.parametrize("text", ["不是这个意思", "我问的不是这个！", "你没听懂吧", "答非所问"])
def test_being_taken_wrongly_is_heard(text: str) -> None:
    assert repair_of(CUES, text, facts()) == "misread"


def test_mistyped_alone_is_heard_and_a_wrong_parcel_is_not() -> None:
    assert repair_of(CUES, "打错了", facts()) == "mistyped"
    assert repair_of(CUES, "哎打错字了", facts()) == "mistyped"
    assert repair_of(CUES, "发错了", facts()) is None


@pytest.mark.parametrize(
    ("text", "wrong", "right"),
    [
        ("不是空气炸锅，我说的是电饭煲", "空气炸锅", "电饭煲"),
        ("打错了，是加湿器", "", "加湿器"),
        ("我说错了，不是贵，是用不上", "贵", "用不上"),
        ("不是不想买，是没钱", "不想买", "没钱"),
        ("我说的是加湿器，不是水壶", "水壶", "加湿器"),
        ("刚才说错了 我说的是除湿机", "", "除湿机"),
        ("电话写错了，是139 1234 5678", "", "139 1234 5678"),
        ("时间改成后天上午", "", "后天上午"),
    ],
)
def test_a_correction_names_what_is_right(text: str, wrong: str, right: str) -> None:
    found = correction_of(CUES, text)
    assert found == Correction(wrong, right, is_slip="错" in text.replace(right, ""))


@pytest.mark.parametrize(
    "text", ["发错了，我要的是加湿器", "不是很贵吗", "是加湿器吗", "写错地址怎么办"]
)
def test_what_corrects_nothing_is_no_correction(text: str) -> None:
    assert correction_of(CUES, text) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("hello do you ship to canada", "foreign"),
        ("すみません", "foreign"),
        ("안녕하세요", "foreign"),
        ("35", "digits"),
        ("", "picture"),
        ("12315", None),
        ("666", None),
        ("hello", None),
        ("OK", None),
        ("13800138000", None),
        ("YL-A45多少钱", None),
        ("😀😀", None),
    ],
)
def test_what_cannot_be_read_is_told_apart(text: str, why: str | None) -> None:
    assert unreadable(CUES, text, facts()) == why


def test_a_number_or_a_picture_is_an_answer_while_something_is_asked() -> None:
    for open_now in (
        facts(ledger=(entry("probed"),)),
        facts(open_case=CASE),
        facts(last_steps=("call_back_form",)),
    ):
        assert unreadable(CUES, "200", open_now) is None
        assert unreadable(CUES, "", open_now) is None


def test_a_question_is_put_again_once_and_not_after_a_long_silence() -> None:
    fresh = facts(last_steps=("action_probe_objection",), last_said_at=NOW)
    again = facts(last_steps=("action_return_to_question",), last_said_at=NOW)
    late = NOW + timedelta(minutes=CUES.patience_minutes, seconds=1)
    assert should_put_again(CUES, fresh, "utter_probe_objection", NOW)
    assert not should_put_again(CUES, again, "utter_probe_objection", NOW)
    assert not should_put_again(CUES, fresh, "utter_probe_objection", late)
    assert not should_put_again(CUES, fresh, "utter_lead_forward", NOW)


def test_silence_is_over_only_after_the_patience() -> None:
    assert not is_over(CUES, NOW, NOW + timedelta(minutes=CUES.patience_minutes))
    assert not is_over(CUES, None, NOW)
