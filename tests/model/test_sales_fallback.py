"""What is understood well enough to act upon, and what is not."""

from __future__ import annotations

import pytest
from rasa.shared.nlu.training_data.message import Message

from bot.nlu.sales_fallback import SalesFallback


@pytest.mark.parametrize(
    ("shares", "clarity"),
    [
        ({"ask_price": 0.4, "objection_price": 0.36}, "close"),
        ({"ask_price": 0.4, "objection_price": 0.2}, "clear"),
        ({"complaint_policy": 0.4, "complaint_service": 0.39}, "clear"),
        ({"complaint_policy": 0.4, "ask_after_sales": 0.39}, "close"),
        ({"ask_price": 0.24, "objection_price": 0.1}, "unknown"),
        ({"ask_price": 0.9}, "clear"),
        ({}, "unknown"),
    ],
)
def test_fallback_tells_close_from_unknown(shares: dict[str, float], clarity: str) -> None:
    ranking = [{"name": name, "confidence": share} for name, share in shares.items()]
    intent = ranking[0] if ranking else {"name": None, "confidence": 0.0}
    read = Message({"intent": intent, "intent_ranking": ranking})
    SalesFallback({}).process([read])
    assert read.get("clarity") == clarity
    assert (read.get("intent")["name"] == "nlu_fallback") is (clarity != "clear")
    assert read.get("intent_ranking") == ranking
