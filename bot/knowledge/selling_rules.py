"""What the talk around an objection is decided by, as data (D-SEL-3, 6, 9, 10; D-CUS-4).

`product_talk.yml`: what a question may be about, which needs there are, how a difference is told.
`closes.yml`: the nine ways to ask for the order. Neither needs Python for a new entry.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct

from bot.knowledge.loader import read_yaml
from bot.knowledge.objection_rules import Id, StyleName

BOOK_DIR = Path(__file__).parent / "book"
Figure = Literal["people", "room"]
Words = list[str]
Course = Literal["settled", "settled_price", "settled_trust", "compared"]
BuyingSignal = Literal[
    "praise",
    "asks_what_is_special",
    "asks_who_else",
    "asks_how_to_order",
    "asks_how_to_pay",
    "asks_when_it_comes",
    "saves",
    "takes",
]


class Aspect(Struct, frozen=True, forbid_unknown_fields=True):
    """Something a question asks about a product, and how the catalogue or a policy tells it."""

    id: Id
    name: str
    asks: Annotated[Words, Meta(min_length=1)]
    concepts: Words = []
    shows: Words = []
    policy: str = ""


class Need(Struct, frozen=True, forbid_unknown_fields=True):
    """A need as customers say it and as the catalogue shows it (D-CUS-5, D-SEL-6).

    Attributes:
        name: as it is said back; `{number}` is the customer's own figure.
        number: the figure that must lie in the catalogue's range.
        weight: of each of its words in the catalogue.
    """

    id: Id
    name: str
    says: Annotated[Words, Meta(min_length=1)]
    shows: Annotated[Words, Meta(min_length=1)]
    number: Figure | None = None
    weight: Annotated[float, Meta(gt=0.0)] = 1.0


class DifferenceWords(Struct, frozen=True, forbid_unknown_fields=True):
    """How a difference between two products is put together."""

    price: str
    same: str
    warranty: str
    life_years: str
    years: str
    figures: str
    features: str
    joined_by: str


class SellingRules(Struct, frozen=True, forbid_unknown_fields=True):
    """`product_talk.yml`; so many pieces as `few_left` or fewer are told as few."""

    aspects: list[Aspect]
    stock_asks: Words
    difference_asks: Words
    choice_asks: Words
    others_asks: Words
    special_asks: Words
    overview_asks: Words
    question_marks: Words
    open_question: str
    worry_question: str
    happened_words: Words
    price_words: Words
    former_asks: Words
    full_stop: str
    policy_asks: dict[str, Words]
    purpose_asks: Words
    old_one_words: Words
    catalogue_asks: Words
    hours_asks: Words
    plain_words: Words
    wish_says: Words
    home_says: Words
    bought_says: Words
    needs: list[Need]
    numbers: dict[Figure, str]
    difference: DifferenceWords
    few_left: Annotated[int, Meta(ge=1)]

    def problems(self, concepts: Collection[str]) -> Iterator[str]:
        """Yield what is wrong with it: patterns, concepts the lexicon has not."""
        patterns = {f"numbers.{name}": pattern for name, pattern in self.numbers.items()}
        patterns |= {"open_question": self.open_question, "worry_question": self.worry_question}
        for place, pattern in patterns.items():
            try:
                re.compile(pattern)
            except re.error as error:
                yield f"{place}: {error}"
        for index, aspect in enumerate(self.aspects):
            if not (aspect.shows or aspect.policy):
                yield f"aspects[{index}].shows: {aspect.id}: has no words and no policy"
            for each in aspect.concepts:
                if each not in concepts:
                    yield f"aspects[{index}].concepts: the lexicon has no concept {each!r}"


class Close(Struct, frozen=True, forbid_unknown_fields=True):
    """A way to ask for the order (D-SEL-9).

    Attributes:
        fits: its weight when nothing speaks for another.
        needs: names of facts that must be known.
        lift: signal, style or course of the talk → factor on its weight.
    """

    id: Id
    name: str
    fits: Annotated[float, Meta(gt=0.0, le=1.0)]
    needs: Words = []
    lift: dict[BuyingSignal | StyleName | Course, Annotated[float, Meta(gt=0.0, le=3.0)]] = {}


class Closes(Struct, frozen=True, forbid_unknown_fields=True):
    """`closes.yml`; `points` names what an objection of a kind was about."""

    closes: list[Close]
    points: dict[str, str]


@lru_cache(maxsize=1)
def load_selling_rules() -> SellingRules:
    """Return the rules of `product_talk.yml` alone, read once a process."""
    return read_yaml(BOOK_DIR / "product_talk.yml", SellingRules)
