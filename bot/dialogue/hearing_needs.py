"""What an unsure message means where a need was asked for just now, or something is wanted. Pure.

Asked what for, customers tell their trouble in the words of a complaint or an objection. It is
heard as such only when the model is sure, or harm, anger or a threat shows (D-SEL-5, D-CUS-4).
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.dialogue.needs import needs_in
from bot.dialogue.turn import MessageAnalysis
from bot.knowledge.book import Book
from bot.language.normalise import clean

ASKS_NEED = ("utter_ask_use", "utter_find_need")
TOLD_OTHERWISE = ("objection_product", "objection_need", "out_of_scope", "chitchat", "nlu_fallback")
DOUBTS = ("objection_service", "objection_product", "objection_company")
OFFERS_MORE = ("utter_offer_related", "utter_offer_bundle")
ONLY_THIS = "only_this"
TAKEN = ("affirm", "buying_signal", "inform", "thank", "nlu_fallback")
MAX_CHARS = 200
COMPLAINT = "complaint_"
SURE = 0.85
FALLBACK = "nlu_fallback"


def heard_as(
    book: Book,
    analysis: MessageAnalysis,
    text: str,
    said: Sequence[str],
    *,
    has_product: bool,
    has_case: bool = False,
) -> str:
    """Return the intent that a message is to be decided by.

    Args:
        said: ids of the wordings said, newest first.
        has_case: a complaint is open: what then sounds like a doubt about goods or service belongs
            to it, and is listened to.
    """
    if has_case and analysis.intent in DOUBTS:
        return "inform"
    if was_offered_more(book, said) and analysis.intent in TAKEN and is_declined(book, text):
        return "deny"
    if analysis.intent == FALLBACK and analysis.buying_signals and has_product:
        return "buying_signal"
    names = {entity["entity"] for entity in analysis.entities}
    if was_asked_product(book, said) and "product" in names and is_beside(analysis):
        return "inform"  # the product was asked for; what stands beside its name is no new doubt
    if not was_asked_need(book, said) or not needs_in(text):
        return analysis.intent
    is_plain = not ("bodily" in analysis.harm or analysis.threats or analysis.reaction == "angry")
    is_unsure = analysis.intent.startswith(COMPLAINT) and analysis.confidence < SURE
    is_told = is_unsure or analysis.intent in TOLD_OTHERWISE
    return "inform" if is_plain and is_told else analysis.intent


def was_offered_more(book: Book, said: Sequence[str]) -> bool:
    """Tell whether the last thing said named what goes with an order."""
    offers = {each.id for response in OFFERS_MORE for each in book.replies.get(response, ())}
    return bool(said) and said[0] in offers


def is_declined(book: Book, text: str) -> bool:
    """Tell whether a text holds the words of the button 'only this one', beside others."""
    plain = clean(text, MAX_CHARS)
    only = book.options[ONLY_THIS]
    return any(word in plain for word in (only.label, *only.aliases) if len(word) > 1)


def is_beside(analysis: MessageAnalysis) -> bool:
    """Tell whether a message is read as an objection, but not surely."""
    return analysis.intent.startswith("objection_") and analysis.confidence < SURE


def was_asked_product(book: Book, said: Sequence[str]) -> bool:
    """Tell whether the last thing said asked which product an objection is about."""
    wording = book.wording(said[0]) if said else None
    return wording is not None and wording.when.get("asks") == "product"


def was_asked_need(book: Book, said: Sequence[str]) -> bool:
    """Tell whether the last thing said asked what the customer needs."""
    asked = {wording.id for response in ASKS_NEED for wording in book.replies.get(response, ())}
    return bool(said) and said[0] in asked
