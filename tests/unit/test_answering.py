"""What an answer to a proposed remedy means (D-CMP-6)."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import convert
from msgspec.structs import replace

from bot.dialogue.answering import Answer, answer_to_offer, other_wish
from bot.dialogue.turn import CaseView, MessageAnalysis, ProposalView
from bot.knowledge.book import load_book
from bot.knowledge.remedy_rules import Remedy
from tests.fakes import START

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
        ("inform", "算了还是换吧", Answer(intent="affirm")),
        ("inform", "算了，就换一台吧", Answer(intent="affirm")),
        ("inform", "算了，不换了", Answer()),
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


def settled(stage: str, *proposals: ProposalView) -> CaseView:
    known: Any = {"stage": stage, "proposals": proposals}
    return CaseView(
        "P1",
        causes=("product",),
        severity="slight",
        opened_at=START,
        deadline_at=START,
        owner="",
        **known,
    )


AGREED = ProposalView(1, "material", ON_TABLE, "accepted")


@pytest.mark.parametrize(
    ("intent", "text", "wish"),
    [
        ("inform", "还是退吧", "refund"),
        ("ask_after_sales", "能不能退", "refund"),
        ("affirm", "行，那退了吧", "refund"),
        ("complaint_other", "不换了，我要退", "refund"),
        ("ask_after_sales", "退款要几天到账", ""),  # asks, and wants none
        ("ask_after_sales", "什么时候换", ""),
        ("inform", "快点给我换", ""),  # that is agreed
        ("thank", "谢谢，退换都不用了", ""),
        ("complaint_service", "上次退的那台你们拖了一个月才退，这次别再拖", ""),  # long: it tells
        ("inform", "放门口就行", ""),
    ],
)
def test_once_it_is_agreed_only_another_wish_is_weighed(intent: str, text: str, wish: str) -> None:
    said = MessageAnalysis(message_id=1, intent=intent, confidence=0.9)
    assert other_wish(load_book(), [EXCHANGE], settled("communication", AGREED), said, text) == wish


def test_nothing_is_weighed_before_it_is_with_people_nor_of_what_is_grave() -> None:
    said = MessageAnalysis(message_id=1, intent="inform", confidence=0.9)
    offer = ProposalView(1, "material", ON_TABLE, "offered")
    grave = replace(settled("response"), crisis=True)

    def heard(case: CaseView) -> str:
        return other_wish(load_book(), [EXCHANGE], case, said, "还是退吧")

    assert heard(settled("response")) == "refund"
    assert heard(settled("communication", offer)) == ""  # that is an answer to the offer
    assert [heard(settled(stage)) for stage in ("receipt", "assessment", "investigation")] == [
        ""
    ] * 3
    assert heard(grave) == ""
