"""Between two close meanings the customer chooses; a button exists for whatever can be meant."""

from __future__ import annotations

from typing import Literal

import pytest

from bot.dialogue.clarifying import MEANT, close_meanings
from bot.dialogue.turn import MessageAnalysis
from bot.knowledge.book import load_book

OPTIONS = {"meant_ask_price", "meant_objection_price", "meant_ask_order"}


def analysis(
    clarity: Literal["clear", "close", "unknown"], *ranking: tuple[str, float]
) -> MessageAnalysis:
    return MessageAnalysis(1, "nlu_fallback", 0.6, ranking=list(ranking), clarity=clarity)


def test_two_close_meanings_are_offered_best_first() -> None:
    close = analysis("close", ("ask_price", 0.4), ("objection_price", 0.38), ("ask_order", 0.1))
    assert close_meanings(close, OPTIONS) == ("meant_ask_price", "meant_objection_price")


@pytest.mark.parametrize(
    "unclear",
    [
        analysis("unknown", ("ask_price", 0.1), ("objection_price", 0.1)),
        analysis("close", ("ask_price", 0.4), ("affirm", 0.39)),
        analysis("close", ("ask_price", 0.4)),
        analysis("clear", ("ask_price", 0.9), ("objection_price", 0.1)),
    ],
)
def test_otherwise_all_is_open(unclear: MessageAnalysis) -> None:
    assert close_meanings(unclear, OPTIONS) is None


def test_every_meaning_that_can_be_chosen_is_an_intent_with_a_button() -> None:
    options = load_book().options
    meant = {name for name in options if name.startswith(MEANT)}
    assert {options[name].intent for name in meant} == {name.removeprefix(MEANT) for name in meant}
    assert len(meant) >= 20
