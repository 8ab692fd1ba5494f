"""When an objection is answered: now, later, or never (D-OBJ-6). Pure.

Later, where the price is attacked before the customer knows what it buys; never, where somebody
jokes or only looks about; with a promise, where the facts of the answer may not be said today.
What this product's customers always ask is said before, by the step that follows its presentation.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date
from typing import Literal

from bot.dialogue.turn import LedgerEntry
from bot.knowledge.book import Book
from bot.knowledge.objection_rules import TimingRules
from bot.knowledge.products import Product

Timing = Literal["now", "later", "never", "fact_missing"]
NEEDS_FACTS = frozenset({"price", "product"})
ANSWERABLE = frozenset({"price", "product", "company", "service", "time"})
SERIOUS = frozenset({"concrete_detail", "fault_named", "said_again_after_probe"})


def timing_of(
    book: Book,
    entry: LedgerEntry,
    text: str,
    *,
    concepts: Iterable[str],
    said: Sequence[str],
    product: Product | None,
    today: date,
) -> Timing:
    """Return when to answer an objection that was raised just now.

    Args:
        entry: as it stands after the message was noted.
        text: the message.
        concepts: what the lexicon finds in it.
        said: ids of the wordings said in the conversation.
        product: that is in talk.
        today: the day in the shop, on which facts may be said or are out of date.
    """
    if entry.kind == "excuse" and is_looking(book, text):
        return "never"
    if entry.state != "open" or entry.kind not in ANSWERABLE:
        return "now"
    if entry.kind in NEEDS_FACTS and product is not None and not product.is_current(today):
        return "fact_missing"
    if {piece.name for piece in entry.belief.evidence} & SERIOUS:
        return "now"
    if _is_trivial(book.timing, entry, text):
        return "never"
    is_bargain = not set(book.truth.bargaining).isdisjoint(concepts)
    if entry.kind != "price" or is_bargain or product is None:
        return "now"
    return "now" if has_shown_value(book, said) else "later"


def is_looking(book: Book, text: str) -> bool:
    """Tell whether a customer only looks about: asked once what for, then left in peace."""
    return any(cue in text for cue in book.timing.looking_cues)


def has_shown_value(book: Book, said: Sequence[str]) -> bool:
    """Tell whether the customer was told what a product is and does."""
    shown = {
        wording.id
        for response in book.timing.shows_value
        for wording in book.replies.get(response, ())
    }
    return not shown.isdisjoint(said)


def signals_of(
    book: Book, entry: LedgerEntry, concepts: Collection[str], rivals: Iterable[str]
) -> frozenset[str]:
    """Return what shows beside an objection and bears on the choice of a technique."""
    found = set()
    if not set(book.truth.bargaining).isdisjoint(concepts):
        found.add("bargains")
    if not set(book.timing.awaits_pay).isdisjoint(concepts):
        found.add("awaits_pay")
    if any(rivals):
        found.add("names_rival")
    if entry.techniques:
        found.add("answered_before")
    return frozenset(found)


def _is_trivial(rules: TimingRules, entry: LedgerEntry, text: str) -> bool:
    if any(cue in text for cue in rules.trivial_cues):
        return True
    return entry.kind in rules.laughing_kinds and any(cue in text for cue in rules.laughing_cues)
