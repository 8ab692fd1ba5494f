"""When an objection is answered: now, later, or never (D-OBJ-6). Pure.

Later, where the price is attacked before the customer knows what it buys; never, where somebody
jokes. What is known of this product's customers is said before, by the step that presents it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Literal

from bot.dialogue.turn import LedgerEntry
from bot.knowledge.book import Book
from bot.knowledge.objection_rules import TimingRules

Timing = Literal["now", "later", "never"]
ANSWERABLE = frozenset({"price", "product", "company", "service", "time"})
SERIOUS = frozenset({"concrete_detail", "fault_named", "said_again_after_probe"})


def timing_of(
    book: Book,
    entry: LedgerEntry,
    text: str,
    *,
    concepts: Iterable[str],
    said: Sequence[str],
    knows_product: bool,
) -> Timing:
    """Return when to answer an objection that was raised just now.

    Args:
        entry: as it stands after the message was noted.
        text: the message.
        concepts: what the lexicon finds in it.
        said: ids of the wordings said in the conversation.
        knows_product: whether facts of the product in talk may be said.
    """
    if entry.state != "open" or entry.kind not in ANSWERABLE:
        return "now"
    if {piece.name for piece in entry.belief.evidence} & SERIOUS:
        return "now"
    if _is_trivial(book.timing, entry, text):
        return "never"
    is_bargain = not set(book.truth.bargaining).isdisjoint(concepts)
    if entry.kind != "price" or is_bargain or not knows_product:
        return "now"
    return "now" if has_shown_value(book, said) else "later"


def is_browsing(rules: TimingRules, text: str, product_id: str | None) -> bool:
    """Tell whether somebody only looks round the shop, with no product in talk: let them be."""
    return product_id is None and any(cue in text for cue in rules.browsing_cues)


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
