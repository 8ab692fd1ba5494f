"""What an unsure message means where a need was asked for just now, or something is wanted. Pure.

Asked what for, customers tell their trouble in the words of a complaint or an objection. It is
heard as such only when the model is sure, or harm, anger or a threat shows (D-SEL-5, D-CUS-4).
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.dialogue.needs import needs_in
from bot.dialogue.turn import MessageAnalysis
from bot.knowledge.book import Book

ASKS_NEED = ("utter_ask_use", "utter_find_need")
TOLD_OTHERWISE = ("objection_product", "objection_need", "out_of_scope", "chitchat", "nlu_fallback")
DOUBTS = ("objection_service", "objection_product", "objection_company")
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
    if analysis.intent == FALLBACK and analysis.buying_signals and has_product:
        return "buying_signal"
    if not was_asked_need(book, said) or not needs_in(text):
        return analysis.intent
    is_plain = not ("bodily" in analysis.harm or analysis.threats or analysis.reaction == "angry")
    is_unsure = analysis.intent.startswith(COMPLAINT) and analysis.confidence < SURE
    is_told = is_unsure or analysis.intent in TOLD_OTHERWISE
    return "inform" if is_plain and is_told else analysis.intent


def was_asked_need(book: Book, said: Sequence[str]) -> bool:
    """Tell whether the last thing said asked what the customer needs."""
    asked = {wording.id for response in ASKS_NEED for wording in book.replies.get(response, ())}
    return bool(said) and said[0] in asked
