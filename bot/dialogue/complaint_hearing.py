"""What messages, orders and answers tell of a complaint (D-CMP-5). Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from msgspec import structs

from bot.dialogue.complaint_facts import AGO, UNKNOWN, Account
from bot.dialogue.together import clauses_of
from bot.dialogue.turn import MessageAnalysis, OrderView
from bot.dialogue.wishes import WISHED, is_unknown, wish_of
from bot.knowledge.complaint_rules import ComplaintBook, FactName
from bot.language.normalise import clean

MAX_CHARS = 400
SUBJECT_CHARS = 30
SHORT_CHARS = 12
NAMING = {"product", "category", "order_number"}
TIME_CHARS = 8  # so short a message says when, and nothing else
ANSWERS = ("inform", "nlu_fallback", "unreadable", "report_problem")
COMPLAINT = "complaint_"
OBJECTION = "objection_"
VENTING = ("complaint_other", "complaint_service")
SUBJECT_ENTITIES = ("order_number", "category")
TIME_ENTITIES = ("date", "duration")
DAY_ENTITIES = ("date",)
ENDS = " .!,;~"
HERE = "|"
CLAUSE_END = re.compile(r"[,.!?;\s]+")


def heard_in(
    book: ComplaintBook,
    said: Sequence[tuple[MessageAnalysis, str]],
    product: str,
    orders: Sequence[OrderView],
    say_day: Callable[[date], str],
    *,
    has_dealer: bool = False,
) -> Account:
    """Return what messages tell unasked.

    Args:
        said: analysis and text of each message, oldest first.
        product: name of the product in talk, ''.
        say_day: says a day as people do.
        has_dealer: whether somebody else sold it; then a name may be theirs.
    """
    asked = [(each, text) for each, text in said if not _is_beside(each)]
    product = product if asked else ""
    named = [value for analysis, _ in asked for value in _named(analysis, "order_number")]
    things = [value for analysis, text in asked for value in _goods_in(book, analysis, text)]
    told = [text for analysis, text in said if _tells(analysis)]
    told = told or [text for analysis, text in said if _is_named(analysis)]
    days = (_told_time(book, analysis, text) for analysis, text in reversed(asked))
    since, day = next(filter(None, days), ("", ""))
    order = _order_of(orders, named, [each for each in (product, *things) if each])
    if order is not None and not day and order.delivered_on:
        since = since or say_day(order.delivered_on)
        day = order.delivered_on.isoformat()
    wishes = [wish for analysis, text in said if (wish := wish_of(book, analysis, text))]
    ordered = order.product_names[0] if order and len(order.product_names) == 1 else ""
    dealers = [dealer_in(book, text) for _, text in said] if has_dealer else []
    if things and not any(things[-1] in name for name in (order.product_names if order else ())):
        ordered = things[-1]
    subjects = [product, ordered, *reversed(named)]
    return Account(
        case_subject=next(filter(None, subjects), ""),
        case_dealer=next(filter(None, reversed(dealers)), ""),
        case_detail=detail_in(book, told),
        case_since=since,
        case_day=day,
        case_wish=wishes[-1] if wishes else "",
    )


def _goods_in(book: ComplaintBook, analysis: MessageAnalysis, text: str) -> list[str]:
    """Return the goods that a message names, without what was only used beside them."""
    return [
        str(each["value"])
        for each in analysis.entities
        if each["entity"] == "category"
        and not text[: each.get("start", 0)].endswith(tuple(book.cues.used_beside))
    ]


def _order_of(
    orders: Sequence[OrderView], numbers: Sequence[str], things: Sequence[str]
) -> OrderView | None:
    """Return the order that is meant: by its number, by what only it holds, else the only one.

    Who names something else than what they ordered here means no order.
    """
    numbered = [each for each in orders if each.number in numbers]
    holding = [
        each
        for each in orders
        if any(thing in name for thing in things for name in each.product_names)
    ]
    rest = () if things else orders
    found = next((some for some in (numbered, holding, rest) if len(some) == 1), None)
    return found[0] if found else None


def dealer_in(book: ComplaintBook, text: str) -> str:
    """Return the name of who sold it, where a message says nothing else, else ''."""
    plain = clean(text, MAX_CHARS).strip(ENDS)
    matches = (re.fullmatch(pattern, plain) for pattern in book.cues.dealer_names)
    names = [match["name"] for match in matches if match is not None]
    return next((name for name in names if name not in book.cues.dealer), "")


def put_right(
    book: ComplaintBook, analysis: MessageAnalysis, text: str, right: str = ""
) -> MessageAnalysis:
    """Return an analysis without what the customer takes back: 'not X but Y', 'X, no, Y'.

    Args:
        right: what stands instead in the text, where that is known.
    """
    start = text.rfind(right) if right else _end_of_taking_back(book, text)
    after = [each for each in analysis.entities if each.get("start", len(text)) >= start]
    said_anew = {_kind(each) for each in after}
    before = [each for each in analysis.entities if each not in after]
    kept = [] if right else [each for each in before if _kind(each) not in said_anew]
    return structs.replace(analysis, entities=[*kept, *after]) if start > 0 else analysis


def _kind(entity: Mapping[str, Any]) -> str:
    name = str(entity["entity"])
    return "time" if name in TIME_ENTITIES else name


def _end_of_taking_back(book: ComplaintBook, text: str) -> int:
    """Return where a clause ends that takes back what stands before it, -1 without one."""
    end, found = 0, -1
    for clause in clauses_of(text):
        end = text.index(clause, end) + len(clause)
        if clause in book.cues.takes_back:
            found = end
    return found


def answer_to(
    book: ComplaintBook, fact: FactName, analysis: MessageAnalysis, text: str, product: str
) -> Account | None:
    """Return what an answer to a question tells; None when it is no answer to it."""
    if is_unknown(book, text) or (analysis.intent == "deny" and len(clean(text, MAX_CHARS)) < 5):
        return replace(Account(), **{fact: UNKNOWN})
    plain = clean(text, MAX_CHARS)
    is_wish = bool(wish_of(book, analysis, text, is_asked=True))
    if is_wish and len(plain) <= SHORT_CHARS:
        return None
    if fact == "case_detail":
        is_time = _time(book, analysis) is not None and len(plain) <= TIME_CHARS
        is_told = _may_tell(analysis) and not is_time
        return Account(case_detail=_cut(plain, book.longest_detail_chars)) if is_told else None
    if _is_beside(analysis):
        return None
    names = {each["entity"] for each in analysis.entities}
    is_short = len(plain) <= SUBJECT_CHARS and analysis.intent in ANSWERS
    is_short = is_short and not names & WISHED
    if fact == "case_since":
        is_time = is_short and not names & NAMING and any(x in plain for x in book.cues.times)
        since, day = _time(book, analysis) or (plain if is_time else "", "")
        return Account(case_since=since, case_day=day) if since else None
    is_name = is_short and not names.intersection(TIME_ENTITIES)
    is_name = is_name and not any(word in plain for word in book.cues.no_names)
    if fact == "case_dealer":
        is_name = is_name and not names & NAMING
        dealer = dealer_in(book, text) or (plain if is_name else "")
        return Account(case_dealer=dealer) if dealer else None
    named = [value for name in SUBJECT_ENTITIES for value in _named(analysis, name)]
    subject = product or next(iter(named), plain if is_name else "")
    return Account(case_subject=subject) if subject else None


def detail_in(book: ComplaintBook, told: Sequence[str]) -> str:
    """Return what was told, if it is enough to know what happened, without what tells nothing."""
    barriers = [word for words in book.cues.barriers.values() for word in words]
    empty = [*book.cues.outbursts, *barriers]
    clauses = [
        clause.strip(ENDS)
        for text in told
        for clause in CLAUSE_END.split(clean(text, MAX_CHARS))
        if clause.strip(ENDS) and not any(word in clause for word in empty)
    ]
    plain = ",".join(clauses)
    return _cut(plain, book.longest_detail_chars) if len(plain) >= book.detail_chars else ""


def _cut(text: str, chars: int) -> str:
    text = text.rstrip(ENDS)
    return text if len(text) <= chars else text[: chars - 1] + "…"


def _tells(analysis: MessageAnalysis) -> bool:
    """Tell whether a message says what happened, and is no outburst alone."""
    if not _is_named(analysis):
        return False
    return analysis.reaction != "angry" or bool(_named(analysis, "defect"))


def _is_named(analysis: MessageAnalysis) -> bool:
    """Tell whether a message complains of something that it names."""
    return analysis.intent.startswith(COMPLAINT) and analysis.intent != "complaint_other"


def _is_beside(analysis: MessageAnalysis) -> bool:
    """Tell whether a message is about other business: what it names is no fact of the complaint."""
    return not analysis.intent.startswith((COMPLAINT, *ANSWERS, "correct", "affirm", "deny"))


def _may_tell(analysis: MessageAnalysis) -> bool:
    """Tell whether a message may say what happened: no question, no other business, no outburst."""
    if analysis.intent in VENTING:
        return analysis.reaction not in ("angry", "grumbling")
    return analysis.intent in ANSWERS or analysis.intent.startswith((COMPLAINT, OBJECTION))


def _named(analysis: MessageAnalysis, entity: str) -> list[str]:
    return [str(each["value"]) for each in analysis.entities if each["entity"] == entity]


def _told_time(book: ComplaintBook, analysis: MessageAnalysis, text: str) -> tuple[str, str] | None:
    """Return when something happened that was told unasked.

    How long it was used, or waited for, is not when it came; 'got it a month ago' is.
    """
    told = [
        each
        for each in analysis.entities
        if each["entity"] in DAY_ENTITIES
        or (each["entity"] in TIME_ENTITIES and _follows_receipt(book, each, text))
    ]
    return _time(book, structs.replace(analysis, entities=told))


def _follows_receipt(book: ComplaintBook, entity: Mapping[str, Any], text: str) -> bool:
    """Tell whether in its clause a duration stands after that the goods came."""
    before = clauses_of(text[: entity.get("start", 0)] + HERE)[-1]
    return any(word in before for word in book.cues.received)


def _time(book: ComplaintBook, analysis: MessageAnalysis) -> tuple[str, str] | None:
    """Return when something happened: in the customer's words, and the day if it can be told."""
    for entity in analysis.entities:
        if entity["entity"] in TIME_ENTITIES:
            resolved = entity.get("resolved")
            said = resolved.get("from") if isinstance(resolved, dict) else resolved
            if isinstance(said, (int, float)):
                return book.account_ago.format(value=entity["value"]), f"{AGO}{int(said)}"
            return str(entity["value"]), str(said)[:10] if said else ""
    return None
