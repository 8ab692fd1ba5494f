"""When an unsure message is a plain question about the product in talk. Pure.

Dialect, slang and 'I asked how loud it is' land among small talk, facts or complaints. Where such a
message asks for something that the book knows customers ask about, it is answered (D-SEL-12); what
the model is sure of, or what tells of something that has happened, is left as it was read.
"""

from __future__ import annotations

import re

from bot.dialogue.product_questions import asks_about_aspect
from bot.dialogue.turn import MessageAnalysis
from bot.knowledge.products import Product
from bot.knowledge.selling_rules import SellingRules
from bot.language.normalise import clean

QUESTION = "ask_product"
LOOSE = frozenset({"out_of_scope", "nlu_fallback", "inform", "chitchat"})
WORRY = "objection_product"
STRICT = ("complaint_", "objection_product", "objection_service")
SURE = 0.85
MAX_CHARS = 2_000
ASKS_PRICE = "ask_price"


def is_question_about(
    rules: SellingRules,
    analysis: MessageAnalysis,
    text: str,
    product: Product | None,
    *,
    is_on_record: bool,
) -> bool:
    """Tell whether a message that was read as something else asks about `product`.

    Args:
        is_on_record: whether the shop can answer it, so that a worry put as a question is settled
            by the answer and needs no probe.
    """
    if product is None or analysis.threats or analysis.refusal != "none":
        return False
    text = clean(text, MAX_CHARS)
    kinds = {entity["entity"] for entity in analysis.entities}
    if kinds & {"order_number", "phone", "date"}:
        return False
    is_unsure = analysis.intent.startswith(STRICT) and analysis.confidence < SURE
    if is_unsure or analysis.intent in LOOSE:
        if any(word in text for word in rules.purpose_asks):
            return True
        if is_on_record and any(word in text for word in rules.old_one_words):
            return True
    if analysis.intent == WORRY and is_on_record and re.search(rules.worry_question, text):
        return True
    if not asks_about_aspect(rules, text, product):
        return False
    if analysis.intent in LOOSE:
        is_put = re.search(rules.open_question, text) is not None
        return is_put or any(mark in text for mark in rules.question_marks)
    if analysis.intent == ASKS_PRICE:
        return not any(word in text for word in rules.price_words)
    return is_unsure and _is_open(rules, text)


def _is_open(rules: SellingRules, text: str) -> bool:
    """Tell whether it is put as 'is it or is it not', and tells of nothing that has happened."""
    is_put = re.search(rules.open_question, text) is not None
    return is_put and not any(word in text for word in rules.happened_words)
