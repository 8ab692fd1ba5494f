"""What an answer to a proposed remedy means: yes, no, or another remedy instead (D-CMP-6). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.dialogue.complaint import amounts_in
from bot.dialogue.remedies import is_meant
from bot.dialogue.turn import MessageAnalysis
from bot.dialogue.wishes import OPEN, is_unknown, wish_of
from bot.knowledge.book import Book
from bot.knowledge.remedy_rules import Remedy
from bot.language.normalise import clean

AGREEING = ("affirm", "thank")
YES, NO = "affirm", "deny"
COMPENSATION = "compensation"
MAX_CHARS = 400


@dataclass(frozen=True)
class Answer:
    """What an answer is to be decided by; '' where nothing differs from how it was understood."""

    intent: str = ""
    wish: str = ""


def answer_to_offer(
    book: Book, remedies: Sequence[Remedy], on_table: str, analysis: MessageAnalysis, text: str
) -> Answer:
    """Return what an answer to what is on the table means.

    A yes with a question mark doubts; who leaves the choice to us agrees; who names just what is
    on the table wants it.
    """
    plain, rules = clean(text, MAX_CHARS), book.complaints
    is_yes = analysis.intent in AGREEING
    if is_yes and plain.endswith("?"):
        return Answer(intent=NO)
    wish = wish_of(rules, analysis, text, is_asked=not analysis.intent.startswith("ask_"))
    if wish == OPEN:
        unsure = (*book.selling.question_marks, *rules.cues.but, *rules.cues.refuses)
        is_plain = not any(word in plain for word in unsure) and not is_unknown(rules, text)
        return Answer(intent=YES if is_plain else "")
    if is_yes:
        return Answer()
    if wish and is_meant(remedies, on_table, wish, text, rules):
        return Answer(intent=YES)
    return Answer(wish=wish or (COMPENSATION if amounts_in([analysis]) else ""))
