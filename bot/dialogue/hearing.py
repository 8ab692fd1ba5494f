"""What an unsure message means by what was asked just before. Pure.

Many begin with their trouble at home, and have bought nothing. Asked what for, customers tell their
trouble in the words of a complaint or an objection; asked whether that settles it, they say yes or
no in words of their own. Either is heard as a complaint only when the model is sure, or harm,
anger or a threat shows (D-SEL-5, D-CUS-4).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from bot.dialogue.complaint_hearing import dealer_in
from bot.dialogue.needs import needs_in, tells_need
from bot.dialogue.together import clauses_of
from bot.dialogue.turn import MessageAnalysis
from bot.dialogue.wishes import OPEN, is_bare_wish, wish_of
from bot.knowledge.book import Book
from bot.language.normalise import clean

ASKS_NEED = ("utter_ask_use", "utter_find_need")
TOLD_OTHERWISE = ("objection_product", "objection_need", "out_of_scope", "chitchat", "nlu_fallback")
CONFIRMS = ("utter_confirm_objection", "utter_return_to_objection")
ANSWERED_OTHERWISE = ("complaint_other", "chitchat", "out_of_scope", "nlu_fallback")
COMPLAINT = "complaint_"
DOUBTS = tuple(f"objection_{kind}" for kind in ("service", "product", "company", "authority"))
OFFERS_MORE = ("utter_offer_related", "utter_offer_bundle")
ONLY_THIS = "only_this"
TAKEN = ("affirm", "buying_signal", "inform", "thank", "nlu_fallback")
MAX_CHARS = 200
MAYBE_COMPLAINTS = ("complaint_product", "complaint_other")
LIKELY = 0.15
SURE = 0.85
FALLBACK = "nlu_fallback"
STATED = {"date", "duration", "product", "order_number", "remedy", "amount"}
TOO_LITTLE = ("objection_price", "objection_finance")
DEMANDED_OTHERWISE = frozenset(
    "ask_after_sales ask_delivery ask_order ask_case out_of_scope chitchat buying_signal".split()
)
ASKS_YES = ("utter_confirm_case", "utter_return_to_case", "utter_propose_remedy")
ASKS_RIGHT = ("utter_confirm_case",)
OFFERS_REMEDY = ("utter_propose_remedy", "utter_ask_missing")
ASKS_WISH = ("utter_ask_wish", "utter_confirm_case", "utter_return_to_case", *OFFERS_REMEDY)
MAX_CLAUSES = 4
ENDS = " .!,;~?"
BARE_NO_CHARS, BARE_NAME_CHARS, BESIDE_CHARS = 8, 6, 3
GOODS = {"product", "category"}
DAYS, TIMES = {"date"}, {"date", "duration"}
BARE_WISH_CHARS = 3


def heard_as(
    book: Book,
    analysis: MessageAnalysis,
    text: str,
    said: Sequence[str],
    *,
    has_product: bool,
    is_busy: bool = False,
    has_case: bool = False,
) -> str:
    """Return the intent that a message is to be decided by.

    Args:
        said: ids of the wordings said, newest first.
        has_product: whether a product is in talk, or named by the message.
        is_busy: whether an objection or a case is open.
        has_case: a complaint is open: what then sounds like a doubt about goods or service belongs
            to it, and is listened to.
    """
    told = _heard_about_trouble(book, analysis, text, said, has_case=has_case)
    if told:
        return told
    if _was_asked(book, OFFERS_MORE, said) and analysis.intent in TAKEN and _only_this(book, text):
        return "deny"
    if analysis.intent == FALLBACK and analysis.buying_signals and has_product:
        return "buying_signal"
    names = {entity["entity"] for entity in analysis.entities}
    if _was_asked_product(book, said) and "product" in names and _is_unsure_objection(analysis):
        return "inform"  # the product was asked for; what stands beside its name is no new doubt
    if "bodily" in analysis.harm or analysis.threats or analysis.reaction == "angry":
        return analysis.intent
    if _was_asked(book, CONFIRMS, said):
        return _yes_or_no(analysis)
    if not (has_product or is_busy) and _tells_need_unasked(analysis, text):
        return "inform"
    if not was_asked_need(book, said) or not needs_in(text):
        return analysis.intent
    is_unsure = analysis.intent.startswith(COMPLAINT) and analysis.confidence < SURE
    is_told = is_unsure or analysis.intent in TOLD_OTHERWISE
    return "inform" if is_told else analysis.intent


def _heard_about_trouble(
    book: Book, analysis: MessageAnalysis, text: str, said: Sequence[str], *, has_case: bool
) -> str:
    """Return what a message means for a case, or that it tells of trouble; '' for nothing."""
    if not has_case:
        is_trouble = analysis.intent in DOUBTS and _has_bought_elsewhere(book, text)
        return "complaint_service" if is_trouble else ""
    if _was_asked(book, ASKS_YES, said) and _agrees(book, analysis, text):
        return "affirm"
    if _was_asked(book, ASKS_RIGHT, said) and is_bare_wish(book.complaints, analysis, text):
        return (
            "affirm"  # who names a wish once the facts are repeated back has nothing against them
        )
    if _was_asked(book, OFFERS_REMEDY, said) and analysis.intent in TOO_LITTLE:
        return ""
    is_wish_asked = _was_asked(book, ASKS_WISH, said)
    if analysis.intent in DOUBTS:
        return "inform"
    return "inform" if _tells_in_case(book, analysis, text, is_wish_asked=is_wish_asked) else ""


def _tells_in_case(
    book: Book, analysis: MessageAnalysis, text: str, *, is_wish_asked: bool
) -> bool:
    """Tell whether a message states something for a case: a no with a reason, a name, a remedy."""
    plain = clean(text, MAX_CHARS)
    names = {entity["entity"] for entity in analysis.entities}
    is_asked = any(mark in plain for mark in book.selling.question_marks)
    if plain and not any(letter.isalpha() for letter in plain):
        return any(letter.isdigit() for letter in plain)  # a number that was asked for
    if not plain.endswith("?") and _is_bare(analysis, plain, DAYS if is_asked else TIMES):
        return True
    if dealer_in(book.complaints, text):
        return True
    wish = wish_of(book.complaints, analysis, text, is_asked=True)
    if wish and len(plain) <= BARE_WISH_CHARS and not analysis.intent.startswith("request_"):
        return analysis.intent not in ("affirm", "thank", "cancel")
    if analysis.intent.startswith("objection_"):
        is_about_case = analysis.reaction in ("angry", "grumbling") or wish not in ("", OPEN)
        return "product" not in names and (is_about_case or "amount" in names)
    if analysis.intent == "deny":
        return bool(names & STATED) or len(plain) > BARE_NO_CHARS
    if analysis.intent == "ask_product":
        return bool(names & GOODS) and len(plain) <= BARE_NAME_CHARS and not is_asked
    if analysis.intent not in DEMANDED_OTHERWISE:
        return False
    if is_asked:
        return is_wish_asked and wish == OPEN
    is_meant = is_wish_asked or wish == OPEN
    return bool(wish if is_meant else wish_of(book.complaints, analysis, text))


def _has_bought_elsewhere(book: Book, text: str) -> bool:
    """Tell whether somebody speaks of goods that a dealer has sold them already (D-CMP-2)."""
    cues = book.complaints.cues
    return any(x in text for x in cues.dealer) and any(x in text for x in cues.bought)


def _is_bare(analysis: MessageAnalysis, plain: str, wanted: Collection[str]) -> bool:
    """Tell whether a text is an entity of these and next to nothing else."""
    named = [str(each["value"]) for each in analysis.entities if each["entity"] in wanted]
    return bool(named) and len(plain) - len("".join(named)) <= BESIDE_CHARS


def _agrees(book: Book, analysis: MessageAnalysis, text: str) -> bool:
    """Tell whether an answer to a case's question begins with a yes and takes nothing back."""
    cues = book.complaints.cues
    clauses = clauses_of(text)[:MAX_CLAUSES]
    while len(clauses) > 1 and clauses[0] in cues.outbursts:
        clauses = clauses[1:]
    first, *rest = clauses or [""]
    plain = clean(first, MAX_CHARS).strip(ENDS)
    is_yes = plain in cues.agrees or plain.split(" ")[-1] in cues.agrees
    takes_back = any(word in clause for clause in rest for word in cues.but)
    return is_yes and not takes_back and not analysis.intent.startswith("ask_")


def _only_this(book: Book, text: str) -> bool:
    """Tell whether a text holds the words of the button 'only this one', beside others."""
    plain, only = clean(text, MAX_CHARS), book.options[ONLY_THIS]
    return any(word in plain for word in (only.label, *only.aliases) if len(word) > 1)


def _is_unsure_objection(analysis: MessageAnalysis) -> bool:
    return analysis.intent.startswith("objection_") and analysis.confidence < SURE


def _was_asked_product(book: Book, said: Sequence[str]) -> bool:
    """Tell whether the last thing said asked which product an objection is about."""
    wording = book.wording(said[0]) if said else None
    return wording is not None and wording.when.get("asks") == "product"


def _tells_need_unasked(analysis: MessageAnalysis, text: str) -> bool:
    """Tell whether a customer begins with what they need a thing for (D-SEL-3)."""
    is_complaint = analysis.intent in MAYBE_COMPLAINTS
    if not is_complaint and analysis.intent not in TOLD_OTHERWISE:
        return False
    return tells_need(text, plainly=is_complaint)


def was_asked_need(book: Book, said: Sequence[str]) -> bool:
    """Tell whether the last thing said asked what the customer needs."""
    return _was_asked(book, ASKS_NEED, said)


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
