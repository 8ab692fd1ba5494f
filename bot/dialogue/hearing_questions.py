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
COURTEOUS = frozenset({"affirm", "thank", "greet"})
WORRY = ("objection_product", "objection_service")
STRICT = ("complaint_", "objection_product", "objection_service")
SURE = 0.85
MAX_CHARS = 2_000
NO_QUESTION = frozenset({"order_number", "phone", "date"})  # who names these asks of their order
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
    kinds = {entity["entity"] for entity in analysis.entities}
    is_plain = not analysis.threats and analysis.refusal == "none" and not kinds & NO_QUESTION
    if product is None or not is_plain:
        return False
    text = clean(text, MAX_CHARS)
    asks = asks_about_aspect(rules, text, product)
    if "bodily" in analysis.harm:  # a harm is never explained away, only 'does it burn' is asked
        return asks and _is_unsure(analysis) and _is_open(rules, text)
    if _is_about_none_of_ours(rules, analysis, text, is_on_record=is_on_record):
        return True
    is_worry = analysis.intent == WORRY[0] or (asks and analysis.intent in WORRY)
    if is_worry and is_on_record and _matches(rules.worry_question, text):
        return True
    return asks and _is_put_as_question(rules, analysis, text)


def _is_about_none_of_ours(
    rules: SellingRules, analysis: MessageAnalysis, text: str, *, is_on_record: bool
) -> bool:
    """Tell whether somebody asks what a thing is for, or tells of the old one at home."""
    if not (_is_unsure(analysis) or analysis.intent in LOOSE):
        return False
    if any(word in text for word in rules.purpose_asks):
        return True
    return is_on_record and any(word in text for word in rules.old_one_words)


def _is_put_as_question(rules: SellingRules, analysis: MessageAnalysis, text: str) -> bool:
    """Tell whether it is put as a question, by a measure that is stricter the surer the reading."""
    if analysis.intent in COURTEOUS:
        return _matches(f"{rules.open_question}|{rules.worry_question}", text)
    if analysis.intent in LOOSE:
        is_marked = any(mark in text for mark in rules.question_marks)
        return is_marked or _matches(rules.open_question, text)
    if analysis.intent == ASKS_PRICE:
        return not any(word in text for word in rules.price_words)
    return _is_unsure(analysis) and _is_open(rules, text)


def _is_unsure(analysis: MessageAnalysis) -> bool:
    return analysis.intent.startswith(STRICT) and analysis.confidence < SURE


def _matches(pattern: str, text: str) -> bool:
    return re.search(pattern, text) is not None


def _is_open(rules: SellingRules, text: str) -> bool:
    """Tell whether it is put as 'is it or is it not', and tells of nothing that has happened."""
    is_put = _matches(rules.open_question, text)
    return is_put and not any(word in text for word in rules.happened_words)
