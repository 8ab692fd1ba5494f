"""What an answer to a proposed remedy means (D-CMP-6)."""

from __future__ import annotations

import pytest
from msgspec import convert

from bot.dialogue.answering import Answer, answer_to_offer
from bot.dialogue.turn import MessageAnalysis
from bot.knowledge.book import load_book
from bot.knowledge.remedy_rules import Remedy

EXCHANGE = convert(
    {
        "id": "exchange",
        "kind": "material",
        "meets": ["exchange"],
        "grants": "bot",
        "text": "给您换一台同款新的",
        "reason": "坏了就换",
    },
    Remedy,
)
ON_TABLE = EXCHANGE.text


@pytest.mark.parametrize(
    ("intent", "text", "expected"),
    [
        ("affirm", "行", Answer()),
        ("affirm", "行吗？", Answer(intent="deny")),
        ("nlu_fallback", "你们看着办", Answer(intent="affirm")),
        ("chitchat", "随便吧", Answer(intent="affirm")),
        ("nlu_fallback", "不知道", Answer()),
        ("nlu_fallback", "你们看，怎么办", Answer()),
        ("inform", "换一台就好", Answer(intent="affirm")),
        ("deny", "不是换，是退", Answer(wish="refund")),
        ("inform", "退吧", Answer(wish="refund")),
        ("complaint_other", "就这样打发我", Answer()),
    ],
)
def test_an_answer_is_yes_no_or_another_remedy(intent: str, text: str, expected: Answer) -> None:
    said = MessageAnalysis(message_id=1, intent=intent, confidence=0.9)
    assert answer_to_offer(load_book(), [EXCHANGE], ON_TABLE, said, text) == expected


def test_a_sum_of_money_asks_for_compensation() -> None:
    money = {"entity": "amount", "value": "500", "start": 1, "end": 4, "resolved": 50_000}
    said = MessageAnalysis(message_id=1, intent="inform", confidence=0.9, entities=[money])
    answer = answer_to_offer(load_book(), [EXCHANGE], ON_TABLE, said, "要500")
    assert answer == Answer(wish="compensation")
