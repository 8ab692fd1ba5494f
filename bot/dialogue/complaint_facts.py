"""The facts of a complaint: which are asked, how an answer is read, how all are repeated back.

Customers leave out what they think unimportant (D-CMP-5): what the messages or the orders tell
already is not asked again, what they do not know is not asked twice. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any, get_args

from msgspec import structs

from bot.dialogue.together import clauses_of
from bot.dialogue.turn import MessageAnalysis, OrderView
from bot.knowledge.complaint_rules import ComplaintBook
from bot.knowledge.complaint_rules import FactName as FactName
from bot.knowledge.remedy_rules import Wish
from bot.language.normalise import clean

BEFORE_DAY = "\t"
AGO = "-"
UNKNOWN = "-"  # the customer does not know it
OPEN = "open"  # they leave the wish to us
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
NO_WISH = ("", OPEN)
WISHED = {"remedy", "amount"}  # who names them says what they want
ENDS = " .!,;~"
HERE = "|"
CLAUSE_END = re.compile(r"[,.!?;\s]+")


@dataclass(frozen=True)
class Account:
    """What is known of a complaint, in the customer's words; '' is not known yet.

    Attributes:
        case_since: when it happened; `case_day` that day if it can be told: ISO, or how many days
            before it was said, like `-30`.
        case_wish: a `Wish`, or `open`.
    """

    case_subject: str = ""
    case_dealer: str = ""
    case_detail: str = ""
    case_since: str = ""
    case_day: str = ""
    case_wish: str = ""

    def with_more(self, other: Account) -> Account:
        """Return this with what only the other one knows."""
        known = {each.name: getattr(self, each.name) for each in fields(self)}
        more = {name: getattr(other, name) for name, value in known.items() if not value}
        return replace(self, **more)

    def told_more(self, newer: Account) -> Account:
        """Return this with what only the newer one knows; a wish that changed is the newer one."""
        return replace(self.with_more(newer), case_wish=newer.case_wish or self.case_wish)


def slots_of(account: Account) -> dict[str, str]:
    """Return the facts as slots keep them: the day behind the words for it."""
    values = {each.name: str(getattr(account, each.name)) for each in fields(account)}
    day = values.pop("case_day")
    if day:
        values["case_since"] += f"{BEFORE_DAY}{day}"
    return values


def account_of(slots: Mapping[str, str]) -> Account:
    """Return the facts that slots keep."""
    since, _, day = slots.get("case_since", "").partition(BEFORE_DAY)
    return Account(**{**slots, "case_since": since, "case_day": day})


def needed(book: ComplaintBook, causes: Sequence[str]) -> list[FactName]:
    """Return what has to be known of the first of these causes: more questions would only tire."""
    return list(book.facts.get(causes[0], [])) if causes else []


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
    is_other = analysis.intent.startswith(("ask_", "request_")) or analysis.intent == "deny"
    wish = wish_of(book, analysis, text, is_asked=True)
    return not names and not is_other and wish not in NO_WISH


def implied_wish(book: ComplaintBook, detail: str) -> str:
    """Return the remedy that what happened calls for where none is named; '' for no such one."""
    for wish, words in book.cues.implied_wishes.items():
        if any(word in detail for word in words):
            return wish
    return ""


def _stands_in(plain: str, text: str, entity: Mapping[str, Any]) -> bool:
    """Tell whether the words of an entity are left in a text; those of a button always are."""
    if "start" not in entity:
        return True
    return clean(text[entity["start"] : entity["end"]], MAX_CHARS) in plain


def is_unknown(book: ComplaintBook, text: str) -> bool:
    """Tell whether the customer says that they do not know."""
    plain = clean(text, MAX_CHARS)
    return len(plain) <= SUBJECT_CHARS and any(word in plain for word in book.cues.unknown_values)


def say_account(book: ComplaintBook, account: Account) -> str:
    """Return what is known, as it is repeated back; '' when nothing is."""
    wish = book.wish_names.get(account.case_wish, "")  # type: ignore[call-overload]
    values: Mapping[str, str] = {
        "case_subject": account.case_subject,
        "case_dealer": account.case_dealer,
        "case_detail": account.case_detail,
        "case_since": account.case_since,
        "case_wish": wish,
    }
    return book.account_separator.join(
        wording.format(value=values[name])
        for name, wording in book.account.items()
        if values[name] not in ("", UNKNOWN)
    )


def days_since(account: Account, today: date) -> int | None:
    """Return how long ago it was, in days; None where no day is known."""
    if not account.case_day:
        return None
    if account.case_day.startswith(AGO):
        return int(account.case_day[len(AGO) :])
    return max((today - date.fromisoformat(account.case_day)).days, 0)


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
