"""What an answer to a proposed remedy means: yes, no, or another remedy instead (D-CMP-6). Pure.

After it is settled, or passed on, a customer may still want something else instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.dialogue.case_talk import accepted, offered
from bot.dialogue.complaint import amounts_in
from bot.dialogue.remedies import is_meant
from bot.dialogue.turn import CaseView, MessageAnalysis
from bot.dialogue.wishes import OPEN, SHORT_CHARS, is_unknown, wish_of
from bot.knowledge.book import Book
from bot.knowledge.remedy_rules import Remedy
from bot.language.normalise import clean

AGREEING = ("affirm", "thank")
YES, NO = "affirm", "deny"
COMPENSATION = "compensation"
MAX_CHARS = 400
SETTLING = ("response", "communication")  # it is with people, or agreed


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
    if wish and is_meant(remedies, on_table, wish, plain, rules):
        return Answer(intent=YES)
    return Answer(wish=wish or (COMPENSATION if amounts_in([analysis]) else ""))


def other_wish(
    book: Book,
    remedies: Sequence[Remedy],
    case: CaseView,
    analysis: MessageAnalysis,
    text: str,
) -> str:
    """Return what a customer wants once something is agreed or asked for; '' where it is that."""
    plain, cues = clean(text, MAX_CHARS), book.complaints.cues
    if case.is_grave or case.stage not in SETTLING or offered(case):
        return ""
    is_short = len(plain) <= SHORT_CHARS
    is_asking = analysis.intent.startswith("ask_") and any(word in plain for word in cues.only_asks)
    is_grumbling = analysis.intent.startswith("complaint_") and not is_short
    if is_asking or is_grumbling or analysis.intent == "thank":
        return ""
    wish = wish_of(book.complaints, analysis, text, is_asked=is_short)
    agreed = [each.text for each in accepted(case)]
    granted = [each for each in remedies if any(each.is_worded_as(text, "") for text in agreed)]
    is_known = wish in ("", OPEN) or any(wish in each.meets for each in granted)
    return "" if is_known else wish
