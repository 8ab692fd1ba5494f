"""How the order is asked for (D-SEL-9), after a buying signal (D-CUS-4). Pure.

Which close, and what it may name; never a price or a promotion of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from bot.dialogue.turn import LedgerEntry
from bot.knowledge.book import Book
from bot.knowledge.selling_rules import Close, Course

SAY = "utter_close_sale"
ORDERS_NOW = frozenset({"asks_how_to_order", "takes"})
SIGNALS_IN_QUESTIONS = frozenset({"asks_how_to_pay", "asks_when_it_comes", "saves", "takes"})
SAID_LATELY = 4
PRICE_KINDS = frozenset({"price", "finance"})
TRUST_KINDS = frozenset({"product", "company", "service"})


@dataclass(frozen=True)
class CloseSituation:
    """What the choice is made by: what the customer shows, what is known and what was said.

    Attributes:
        signals: of this message (D-CUS-4).
        said: ids of the wordings said, newest first.
    """

    style: str = ""
    signals: Collection[str] = ()
    course: Collection[Course] = ()
    facts: Mapping[str, str] | None = None
    said: Sequence[str] = ()


@dataclass(frozen=True)
class CloseChoice:
    """The close with its rivals by weight."""

    close: Close
    alternatives: tuple[tuple[str, float], ...]


def choose_close(book: Book, situation: CloseSituation) -> CloseChoice:
    """Return the close that fits best; the one said last only if nothing else is left."""
    usable = [each for each in book.closes.closes if _is_known(each, situation)]
    last = last_close(book, situation.said)
    fresh = [each for each in usable if each.id != last] or usable
    weighed = sorted(((_weight(each, situation), each) for each in fresh), key=_rank)
    alternatives = tuple((each.id, weight) for weight, each in weighed[1:])
    return CloseChoice(weighed[0][1], alternatives)


def last_close(book: Book, said: Sequence[str]) -> str:
    """Return the close that was said last, '' for none."""
    wordings = (book.wording(each) for each in said)
    return next((each.when["close"] for each in wordings if each and "close" in each.when), "")


def was_said_lately(book: Book, response: str, said: Sequence[str]) -> bool:
    """Tell whether a response was among the last few things said."""
    own = {wording.id for wording in book.replies.get(response, ())}
    return not own.isdisjoint(said[:SAID_LATELY])


def course_of(book: Book, ledger: Sequence[LedgerEntry], said: Sequence[str]) -> set[Course]:
    """Return what of the talk so far bears on the close."""
    settled = {entry.kind for entry in ledger if entry.state == "settled"}
    course: set[Course] = set()
    if settled:
        course.add("settled")
    if settled & PRICE_KINDS:
        course.add("settled_price")
    if settled & TRUST_KINDS:
        course.add("settled_trust")
    compared = {each.id for each in book.replies.get("utter_tell_difference", ())}
    if not compared.isdisjoint(said):
        course.add("compared")
    return course


def settled_points(book: Book, ledger: Sequence[LedgerEntry]) -> str:
    """Return what was settled in the talk, as the summary names it; '' for nothing."""
    kinds = dict.fromkeys(entry.kind for entry in ledger if entry.state == "settled")
    names = [book.closes.points[kind] for kind in kinds if kind in book.closes.points]
    return book.language.list_separator.join(names)


def _is_known(close: Close, situation: CloseSituation) -> bool:
    facts = situation.facts or {}
    return all(facts.get(need) for need in close.needs)


def _weight(close: Close, situation: CloseSituation) -> float:
    weight = close.fits
    for name in (*situation.signals, situation.style, *situation.course):
        weight *= close.lift.get(name, 1.0)  # type: ignore[call-overload]
    return round(weight, 4)


def _rank(pair: tuple[float, Close]) -> tuple[float, str]:
    return -pair[0], pair[1].id
