"""What an unsure message means by what was asked just before. Pure.

Many begin with their trouble at home, and have bought nothing. Asked what for, customers tell their
trouble in the words of a complaint or an objection; asked whether that settles it, they say yes or
no in words of their own. Either is heard as a complaint only when the model is sure, or harm,
anger or a threat shows (D-SEL-5, D-CUS-4).
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.dialogue.needs import needs_in, tells_need
from bot.dialogue.turn import MessageAnalysis
from bot.knowledge.book import Book

ASKS_NEED = ("utter_ask_use", "utter_find_need")
TOLD_OTHERWISE = ("objection_product", "objection_need", "out_of_scope", "chitchat", "nlu_fallback")
CONFIRMS = ("utter_confirm_objection", "utter_return_to_objection")
ANSWERED_OTHERWISE = ("complaint_other", "chitchat", "out_of_scope", "nlu_fallback")
COMPLAINT = "complaint_"
MAYBE_COMPLAINTS = ("complaint_product", "complaint_other")
LIKELY = 0.15
SURE = 0.85
FALLBACK = "nlu_fallback"


def heard_as(
    book: Book,
    analysis: MessageAnalysis,
    text: str,
    said: Sequence[str],
    *,
    has_product: bool,
    is_busy: bool = False,
) -> str:
    """Return the intent that a message is to be decided by.

    Args:
        said: ids of the wordings said, newest first.
        has_product: whether a product is in talk, or named by the message.
        is_busy: whether an objection or a case is open.
    """
    if analysis.intent == FALLBACK and analysis.buying_signals and has_product:
        return "buying_signal"
    if "bodily" in analysis.harm or analysis.threats or analysis.reaction == "angry":
        return analysis.intent
    if _was_asked(book, CONFIRMS, said):
        return _yes_or_no(analysis)
    if not (has_product or is_busy) and _tells_need_unasked(analysis, text):
        return "inform"
    if not _was_asked(book, ASKS_NEED, said) or not needs_in(text):
        return analysis.intent
    is_unsure = analysis.intent.startswith(COMPLAINT) and analysis.confidence < SURE
    is_told = is_unsure or analysis.intent in TOLD_OTHERWISE
    return "inform" if is_told else analysis.intent


def _tells_need_unasked(analysis: MessageAnalysis, text: str) -> bool:
    """Tell whether a customer begins with what they need a thing for (D-SEL-3)."""
    is_complaint = analysis.intent in MAYBE_COMPLAINTS
    if not is_complaint and analysis.intent not in TOLD_OTHERWISE:
        return False
    return tells_need(text, plainly=is_complaint)


def _was_asked(book: Book, responses: Sequence[str], said: Sequence[str]) -> bool:
    """Tell whether the last thing said was one of these responses."""
    asked = {wording.id for response in responses for wording in book.replies.get(response, ())}
    return bool(said) and said[0] in asked


def _yes_or_no(analysis: MessageAnalysis) -> str:
    """Return yes or no for what may be one, in words that the model takes for something else."""
    if analysis.intent not in ANSWERED_OTHERWISE or analysis.confidence >= SURE:
        return analysis.intent
    chances = {name: chance for name, chance in analysis.ranking if name in ("affirm", "deny")}
    likely = max(chances, key=lambda name: chances[name], default="")
    return likely if chances.get(likely, 0.0) >= LIKELY else analysis.intent
