"""What Rasa is told of a turn's messages, with a parse function made by hand."""

from __future__ import annotations

import asyncio
from datetime import datetime, timezone
from typing import Any

from bot.dialogue.turn import (
    Belief,
    ConversationFacts,
    InboundMessage,
    LedgerEntry,
    OptionMeaning,
    PromiseView,
    Said,
)
from bot.engine.understanding import Understood, understand

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=timezone.utc)
CALL = PromiseView("call_back", "", NOW)
INTENTS = {
    "加湿器太贵了": "objection_price",
    "坏了没人管": "objection_service",
    "包邮吗": "ask_delivery",
    "贵": "objection_price",
    "用不上": "objection_need",
    "价格": "objection_price",
    "质量": "objection_product",
    "杯子碎了": "complaint_product",
    "加湿器太贵了，包邮吗": "objection_price",
}


async def parse(text: str) -> dict[str, Any]:
    start = text.find("加湿器")
    entities = [] if start < 0 else [{"entity": "product", "value": "humidifier"}]
    for each in entities:
        each |= {"start": start, "end": start + 3}  # type: ignore[dict-item]
    intent = INTENTS.get(text, "inform")
    return {"text": text, "intent": {"name": intent, "confidence": 0.9}, "entities": entities}


def entry(kind: str, state: str) -> LedgerEntry:
    belief = Belief(1.0, 0.0, 0.0, "true")
    return LedgerEntry(1, kind, state, belief, 1, "x")  # type: ignore[arg-type]


def heard(*texts: str, meaning: OptionMeaning | None = None, **facts: Any) -> Understood:
    messages = [
        InboundMessage(number, number, text, NOW, meaning) for number, text in enumerate(texts, 1)
    ]
    known = ConversationFacts("c", **{"turn_count": 1, **facts})
    return asyncio.run(understand(messages, parse, known))


def intents(found: Understood) -> list[str]:
    return [each.analysis.intent for each in found.heard]


def test_a_slip_takes_back_the_objection_that_it_names() -> None:
    found = heard("我说错了，不是贵，是用不上", ledger=(entry("price", "answered"),))
    assert (intents(found), found.decisive.takes_back) == (["objection_need"], "price")


def test_not_this_but_that_in_answer_to_a_probe_takes_nothing_back() -> None:
    found = heard("不是质量，是价格", ledger=(entry("excuse", "probed"),))
    assert (intents(found), found.decisive.takes_back) == (["objection_price"], "")


def test_a_product_put_right_is_the_only_one_that_counts() -> None:
    found = heard("不是水壶，我说的是加湿器", last_replies=(Said("x", "x"),))
    assert intents(found) == ["correct"]
    assert [each["value"] for each in found.decisive.entities] == ["humidifier"]


def test_nothing_can_be_put_right_in_the_first_message() -> None:
    assert intents(heard("打错了，是加湿器", turn_count=0)) == ["inform"]


def test_a_phone_put_right_goes_before_the_button_it_looks_like() -> None:
    asks = OptionMeaning("request_call_back", {}, "resume_bot")
    text = "电话写错了，是13912345678"
    assert intents(heard(text, meaning=asks, promises=(CALL,))) == ["correct_call_back"]
    assert intents(heard("13912345678", meaning=asks)) == ["request_call_back"]


def test_a_picture_alone_cannot_be_read_but_belongs_to_an_open_objection() -> None:
    picture = OptionMeaning("inform")
    assert intents(heard("", meaning=picture)) == ["unreadable"]
    assert intents(heard("", meaning=picture, ledger=(entry("price", "probed"),))) == ["inform"]


def test_question_and_objection_are_both_served_in_several_messages_and_in_one() -> None:
    assert intents(heard("加湿器太贵了", "包邮吗")) == ["ask_delivery", "objection_price"]
    assert intents(heard("加湿器太贵了，包邮吗")) == ["ask_delivery", "objection_price"]


def test_of_two_objections_one_waits() -> None:
    found = heard("加湿器太贵了", "坏了没人管")
    assert intents(found) == ["objection_service"]
    assert [each.intent for each in found.waiting] == ["objection_price"]


def test_a_complaint_decides_and_what_is_asked_beside_it_comes_after() -> None:
    found = heard("包邮吗", "加湿器太贵了", "杯子碎了")
    assert intents(found) == ["complaint_product", "ask_delivery"]
    assert found.decisive.intent == "complaint_product"
    assert [each.intent for each in found.waiting] == ["objection_price"]
