"""What a complainer wants done: in their words, or as what happened calls for (D-CMP-5). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from bot.dialogue.together import clauses_of
from bot.dialogue.turn import MessageAnalysis
from bot.knowledge.complaint_rules import ComplaintBook
from bot.knowledge.remedy_rules import Wish
from bot.language.normalise import clean

OPEN = "open"  # they leave the wish to us
MAX_CHARS = 400
SUBJECT_CHARS = 30
SHORT_CHARS = 12
BARE_CHARS = 2  # so short a question names only what is wanted
NO_WISH = ("", OPEN)
WISHED = {"remedy", "amount"}  # who names them says what they want


def wish_of(
    book: ComplaintBook, analysis: MessageAnalysis, text: str, *, is_asked: bool = False
) -> str:
    """Return what a customer wants, `open` where they leave it to us, '' where nothing tells.

    Args:
        is_asked: whether they were asked just now; then looser words tell, too.
    """
    plain, cues = clean(text, MAX_CHARS), book.cues
    for phrase in cues.no_wishes:
        plain = plain.replace(phrase, " ")
    named = [
        str(each["value"])
        for each in analysis.entities
        if each["value"] in get_args(Wish) and _stands_in(plain, text, each)
    ]
    if "price_difference" in named:
        return "price_difference"
    if named:
        return named[-1]
    tables = (cues.wishes, cues.loose_wishes) if is_asked else (cues.wishes,)
    for wish, words in (each for table in tables for each in table.items()):
        if any(word in plain for word in words):
            return wish
    return OPEN if is_asked and any(word in plain for word in cues.any_wish) else ""


def is_bare_wish(book: ComplaintBook, analysis: MessageAnalysis, text: str) -> bool:
    """Tell whether a message says what is wanted, and nothing else."""
    plain = clean(text, MAX_CHARS)
    if len(plain) > SHORT_CHARS or any(x in book.cues.takes_back for x in clauses_of(plain)):
        return False
    names = {each["entity"] for each in analysis.entities} - WISHED
    is_asking = analysis.intent.startswith("ask_") and len(plain) > BARE_CHARS
    is_other = is_asking or analysis.intent.startswith("request_") or analysis.intent == "deny"
    wish = wish_of(book, analysis, text, is_asked=True)
    return not names and not is_other and wish not in NO_WISH


def implied_wish(book: ComplaintBook, detail: str) -> str:
    """Return the remedy that what happened calls for where none is named; '' for no such one."""
    for wish, words in book.cues.implied_wishes.items():
        if any(word in detail for word in words):
            return wish
    return ""


def is_unknown(book: ComplaintBook, text: str) -> bool:
    """Tell whether the customer says that they do not know."""
    plain = clean(text, MAX_CHARS)
    return len(plain) <= SUBJECT_CHARS and any(word in plain for word in book.cues.unknown_values)


def _stands_in(plain: str, text: str, entity: Mapping[str, Any]) -> bool:
    """Tell whether the words of an entity are left in a text; those of a button always are."""
    if "start" not in entity:
        return True
    return clean(text[entity["start"] : entity["end"]], MAX_CHARS) in plain
