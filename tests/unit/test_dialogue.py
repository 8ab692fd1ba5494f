"""The pure decisions: truth, ledger, technique, complaint, guard, wording, case numbers."""

from __future__ import annotations

import random
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.dialogue.case_numbers import case_number, check_character, is_case_number
from bot.dialogue.complaint import assess, first_answer_due, say_deadline
from bot.dialogue.contact import is_declined, read_call_time, read_contact
from bot.dialogue.guard import violations
from bot.dialogue.ledger import current, projected_state
from bot.dialogue.truth import believe
from bot.dialogue.turn import LedgerEntry, MessageAnalysis
from bot.dialogue.wording import choose_reply
from bot.errors import EngineError
from bot.knowledge.book import load_book
from bot.knowledge.shop import load_shop

BOOK = load_book()
SAMPLE = Path(__file__).parents[2] / "shops" / "sample"
NOW = datetime(2026, 11, 22, 3, 0, tzinfo=timezone.utc)
KINDS = sorted(BOOK.truth.priors)


def said(intent: str, *concepts: str, message_id: int = 1, **more: object) -> MessageAnalysis:
    return MessageAnalysis(message_id, intent, 0.9, concepts=list(concepts), **more)  # type: ignore[arg-type]


def test_settled_entries_are_not_current() -> None:
    belief = believe(BOOK.truth, "price", [])
    settled = LedgerEntry(1, "price", "settled", belief, 1, "x")
    assert current([settled]) is None
    assert projected_state([settled])[0] == "settled"
    assert projected_state([]) == ("none", "unclear")


@pytest.mark.parametrize(
    ("analysis", "severity", "urgent"),
    [
        (said("complaint_product"), "slight", False),
        (said("complaint_service", reaction="angry"), "serious", False),
        (said("complaint_product", threats=["media"]), "serious", True),
        (said("complaint_product", harm=["bodily"]), "bodily", True),
    ],
)
def test_severity_follows_harm_reaction_and_threat(
    analysis: MessageAnalysis, severity: str, urgent: bool
) -> None:
    found = assess(BOOK.complaints, [analysis])
    assert (found.severity, found.is_urgent) == (severity, urgent)


def test_harm_is_told_by_degree() -> None:
    """D-CMP-4: words and sums say how bad it is."""
    hurt = said("complaint_product", harm=["bodily", "economic"])
    assert assess(BOOK.complaints, [hurt], "烫了一下").harm_degrees == {
        "bodily": "slight",
        "economic": "slight",
    }
    paid = {"entity": "amount", "value": "3000", "resolved": 300_000}
    worse = said("complaint_product", harm=["bodily", "economic"], entities=[paid])
    assert assess(BOOK.complaints, [worse], "烫伤去医院缝了三针").harm_degrees == {
        "bodily": "serious",
        "economic": "serious",
    }


def test_the_first_answer_is_due_by_the_shops_hours_and_at_once_for_harm() -> None:
    """The deadline that a customer is told is the one that the clocks watch (ISO 10002)."""
    hours = load_shop(SAMPLE).hours
    evening = datetime(2026, 11, 23, 14, 30, tzinfo=timezone.utc)  # closed
    assert first_answer_due(hours, "bodily", evening) == evening + timedelta(hours=1)
    due = first_answer_due(hours, "serious", evening)
    assert due > evening + timedelta(hours=4)
    assert hours.is_open(due - timedelta(minutes=1))


def test_several_causes_are_kept_and_unknown_gives_way_to_a_named_one() -> None:
    both = [said("complaint_product"), said("complaint_logistics", message_id=2)]
    assert assess(BOOK.complaints, both).causes == ("product", "logistics")
    mixed = [said("complaint_other"), said("complaint_policy", message_id=2)]
    assert assess(BOOK.complaints, mixed).causes == ("policy",)
    assert assess(BOOK.complaints, [said("complaint_other")]).causes == ("unknown",)


def test_deadline_is_said_in_the_shops_time() -> None:
    moment = datetime(2026, 11, 30, 23, 5, tzinfo=timezone.utc)
    assert say_deadline(BOOK.complaints, moment) == "12月1日7:05前"


@pytest.mark.parametrize(
    "text",
    [
        "您别激动",
        "你 不 要 叫",
        "这不可能的",
        "您肯定弄混了",
        "您应该早说",
        "请您冷静一下",
        "你弄错了",
        "您可能不明白",
    ],
)
def test_guard_finds_forbidden_phrases(text: str) -> None:
    found = violations(BOOK, text)
    assert found
    assert found[0].source
    assert not violations(BOOK, found[0].instead)


@pytest.mark.parametrize(
    "text",
    [
        "您好，我来帮您看看",
        "应该明天能到",
        "您应该能收到短信",
        "这个价格您觉得怎么样",
        "没问题，马上给您查",
    ],
)
def test_guard_lets_ordinary_texts_pass(text: str) -> None:
    assert violations(BOOK, text) == ()


def test_wording_is_the_same_for_the_same_state_and_new_while_others_are_left() -> None:
    facts = {"shop_name": "x", "phone": "y"}
    first = choose_reply(BOOK, "utter_greet", facts, (), random.Random(7))
    assert choose_reply(BOOK, "utter_greet", facts, (), random.Random(7)) == first
    used: list[str] = []
    plain = [wording for wording in BOOK.replies["utter_greet"] if not wording.when]
    for seed in range(len(plain)):
        used.insert(0, choose_reply(BOOK, "utter_greet", facts, used, random.Random(seed)).wording)
    assert len(set(used)) == len(used)


def test_wording_whose_variables_are_unknown_is_not_chosen() -> None:
    for seed in range(30):
        reply = choose_reply(
            BOOK, "utter_lead_forward", {"shop_name": "x", "phone": "y"}, (), random.Random(seed)
        )
        assert "{" not in reply.text
    with pytest.raises(EngineError, match="utter_open_case"):
        choose_reply(BOOK, "utter_open_case", {}, (), random.Random(0))


@given(st.integers(1, 2**30 - 1))
def test_case_number_checks_itself(message_id: int) -> None:
    number = case_number(message_id, NOW)
    assert is_case_number(number)
    body, last = number[:-1], number[-1]
    other = "0" if last != "0" else "1"
    assert not is_case_number(body + other)


@given(st.sets(st.integers(1, 2**30 - 1), min_size=2, max_size=50))
def test_case_numbers_of_different_messages_differ(ids: set[int]) -> None:
    assert len({case_number(each, NOW) for each in ids}) == len(ids)


def test_check_character_finds_swapped_neighbours() -> None:
    assert check_character("2611224K7QX2") != check_character("261122K47QX2")


@pytest.mark.parametrize(
    ("text", "intent", "contact"),
    [
        ("13812345678", "inform", "13812345678"),
        ("打138 1234 5678吧", "deny", "13812345678"),
        ("+8613812345678", "inform", "13812345678"),
        ("我没有电话", "inform", ""),
        ("几点上班", "ask_order", None),
    ],
)
def test_contact_is_read_or_refused_or_left_to_others(
    text: str, intent: str, contact: str | None
) -> None:
    assert read_contact(text, said(intent), is_asked=True) == contact


def test_no_ends_the_form_and_a_time_does_not() -> None:
    assert is_declined("不用了", said("deny"))
    assert not is_declined("明天", said("deny", entities=[{"entity": "date", "value": "明天"}]))
    assert read_call_time("明天下午", said("out_of_scope"), is_asked=True) == "明天下午"
    assert read_call_time("多久发货", said("ask_delivery"), is_asked=True) is None
