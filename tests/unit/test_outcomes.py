"""What came of a technique, by what the customer says next (`bot.dialogue.outcomes`)."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from bot.dialogue.outcomes import SUCCESSES, outcome_of, outcomes_of
from bot.dialogue.turn import (
    Belief,
    Command,
    CreateTask,
    LedgerEntry,
    MakePromise,
    MessageAnalysis,
    ObjectionState,
    OpenCase,
    OpenObjection,
    PromiseTimes,
    RecordOutcome,
    RecordTechnique,
    RefuseContact,
    Truth,
    UpdateObjection,
)
from tests.fakes import START

PRICE = LedgerEntry(
    number=1,
    kind="price",
    state="answered",
    belief=Belief(0.8, 0.1, 0.1, "true"),
    source_message_id=1,
    text="too dear",
    techniques=("breakdown",),
    awaits_outcome=True,
)
OWN_QUESTION = replace(PRICE, state="probed")
TASK = CreateTask("call_back", "", "2026-11-30", "")
REMINDER = MakePromise("reminder", "", "bot", PromiseTimes(START, START, START), TASK)
CASE = OpenCase(5, "P1", ("product",), "slight", START)


def said(intent: str, **more: Any) -> MessageAnalysis:
    return MessageAnalysis(7, intent, 0.9, **more)


def moved(*states: ObjectionState, label: Truth = "true") -> list[Command]:
    belief = replace(PRICE.belief, label=label)
    return [UpdateObjection(replace(PRICE, state=state, belief=belief)) for state in states]


def raised(kind: str) -> Command:
    return OpenObjection(replace(PRICE, number=2, kind=kind, state="open"))


@pytest.mark.parametrize(
    ("intent", "commands", "outcome"),
    [
        ("affirm", moved("settled"), "settled"),
        ("thank", moved("settled"), "settled"),
        ("complaint_product", [CASE, *moved("left")], "complained"),
        ("goodbye", [], "left"),
        ("request_human", [], "left"),
        ("objection_excuse", [RefuseContact(7), *moved("left")], "left"),
        ("objection_price", [RefuseContact(7)], "left"),
        ("objection_price", moved("reopened", "answered"), "repeated"),
        ("deny", moved("reopened", "answered"), "repeated"),
        ("objection_excuse", [raised("excuse"), *moved("left")], "left"),
        ("objection_product", [raised("product"), *moved("left")], "moved_forward"),
        ("objection_product", [raised("product"), *moved("left", label="hidden")], "repeated"),
        ("objection_time", [raised("time"), *moved("left", label="false")], "repeated"),
        ("ask_delivery", [], "moved_forward"),
        ("buying_signal", [], "moved_forward"),
        ("request_call_back", [], "moved_forward"),
        ("affirm", [REMINDER, *moved("left")], "moved_forward"),
        ("inform", [TASK], "moved_forward"),
        ("deny", moved("left"), "left"),
        ("nlu_fallback", [RecordTechnique(1, "comparison")], "repeated"),
        ("nlu_fallback", [RecordTechnique(2, "comparison")], None),
        ("inform", [], None),
        ("chitchat", [], None),
        ("nlu_fallback", [], None),
        ("thank", [], None),
        ("deny", [], None),
    ],
)
def test_next_words_decide(intent: str, commands: list[Command], outcome: str | None) -> None:
    assert outcome_of(PRICE, commands, said(intent)) == outcome


@pytest.mark.parametrize(
    ("intent", "commands", "outcome"),
    [
        ("inform", moved("answered"), "moved_forward"),
        ("inform", moved("left"), "moved_forward"),
        ("affirm", moved("answered"), "moved_forward"),
        ("affirm", moved("left"), "left"),
        ("objection_price", moved("probed", "answered"), "repeated"),
    ],
)
def test_answer_to_the_techniques_own_question_moves_on(
    intent: str, commands: list[Command], outcome: str
) -> None:
    assert outcome_of(OWN_QUESTION, commands, said(intent)) == outcome


def test_plain_no_is_no_interest_however_it_is_understood() -> None:
    assert outcome_of(PRICE, [], said("inform", refusal="plain")) == "left"


def test_buying_signal_beside_other_words_counts_in_any_message_of_the_turn() -> None:
    signal = said("inform", buying_signals=["asks_to_pay"])
    assert outcome_of(PRICE, [], said("chitchat"), [said("chitchat"), signal]) == "moved_forward"


@pytest.mark.parametrize(
    ("first", "outcome"),
    [("objection_price", "repeated"), ("objection_product", "moved_forward"), ("goodbye", "left")],
)
def test_what_another_message_of_the_turn_says_counts_before_a_question(
    first: str, outcome: str
) -> None:
    question = said("ask_delivery")
    assert outcome_of(PRICE, [], question, [said(first), question]) == outcome


def test_what_happens_to_another_objection_is_not_this_ones_outcome() -> None:
    other = UpdateObjection(replace(PRICE, number=2, state="settled"))
    assert outcome_of(PRICE, [other], said("affirm")) is None


def test_only_what_waits_gets_an_outcome() -> None:
    judged = replace(PRICE, number=2, awaits_outcome=False)
    used_now = RecordTechnique(1, "comparison")
    found = outcomes_of([PRICE, judged], [*moved("reopened"), used_now], said("deny"))
    assert found == [RecordOutcome(1, "repeated")]


def test_success_is_settled_or_going_on() -> None:
    assert {"settled", "moved_forward"} == SUCCESSES
