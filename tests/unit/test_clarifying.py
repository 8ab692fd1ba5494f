"""Between two close meanings the customer chooses; a button exists for whatever can be meant."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from bot.dialogue.clarifying import MEANT, close_meanings
from bot.dialogue.turn import MessageAnalysis
from bot.knowledge.book import load_book
from bot.nlu.sales_fallback import SalesFallback

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


@pytest.mark.parametrize(
    ("ranking", "clarity"),
    [
        ([("ask_price", 0.4), ("objection_price", 0.36)], "close"),
        ([("ask_price", 0.4), ("objection_price", 0.2)], "clear"),
        ([("complaint_policy", 0.4), ("complaint_service", 0.39)], "clear"),
        ([("complaint_policy", 0.4), ("ask_after_sales", 0.39)], "close"),
        ([("ask_price", 0.24), ("objection_price", 0.1)], "unknown"),
        ([("ask_price", 0.9)], "clear"),
        ([], "unknown"),
    ],
)
def test_fallback_tells_close_from_unknown(ranking: list[tuple[str, float]], clarity: str) -> None:
    message: dict[str, Any] = {
        "intent_ranking": [{"name": name, "confidence": share} for name, share in ranking],
        "intent": {"name": ranking[0][0], "confidence": ranking[0][1]} if ranking else {},
    }

    class Message(dict[str, Any]):
        def set(self, key: str, value: Any, add_to_output: bool = False) -> None:
            self[key] = value

    fallback = SalesFallback({})
    read = Message(message)
    fallback.process([read])  # type: ignore[list-item]
    assert read["clarity"] == clarity
    assert (read["intent"].get("name") == "nlu_fallback") is (clarity != "clear")
    assert read["intent_ranking"] == message["intent_ranking"]


def test_every_meaning_that_can_be_chosen_is_an_intent_with_a_button() -> None:
    options = load_book().options
    meant = {name for name in options if name.startswith(MEANT)}
    assert {options[name].intent for name in meant} == {name.removeprefix(MEANT) for name in meant}
    assert len(meant) >= 20
