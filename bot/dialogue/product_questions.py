"""What a question about goods asks for, and what the catalogue says to it (D-SEL-12). Pure.

Only what is recorded is an answer: a question that leaves a word the catalogue does not know is
`unknown`, and is never answered with something else. No price is compared with a rival's.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from bot.dialogue.facts import say_money
from bot.dialogue.needs import matching_triple, triples_of
from bot.knowledge.book import LanguageFacts
from bot.knowledge.products import Product
from bot.knowledge.selling_rules import Aspect, SellingRules
from bot.knowledge.shop import Shop
from bot.language.document import shared_reader
from bot.language.normalise import clean

Topic = Literal[
    "overview",
    "fact",
    "policy",
    "stock",
    "special",
    "difference",
    "choice",
    "others",
    "catalogue",
    "hours",
    "unknown",
]
StockState = Literal["in", "few", "out", "out_alone"]
SHARED_ASPECTS = 2
LEAST_TOKEN = 2
MAX_CHARS = 2_000


@dataclass(frozen=True)
class Question:
    """What is asked about.

    Attributes:
        aspect: the id of what is asked about, '' where words or a need decided.
        triple: the FAB triple that answers, of a fact.
        policy: the topic of the policy that answers.
    """

    topic: Topic
    aspect: str = ""
    triple: int | None = None
    policy: str = ""


def read_question(
    rules: SellingRules,
    text: str,
    *,
    concepts: Collection[str] = (),
    product: Product | None = None,
    named: Sequence[str] = (),
    before: str | None = None,
) -> Question:
    """Return what a message asks about goods.

    Args:
        product: the product in talk.
        before: id of the one that the talk was about before this message.
        named: ids of the products that the message itself names.
    """
    text = _plain(text)
    if _has(text, rules.hours_asks):
        return Question("hours")
    if product is not None and not named and _has(text, rules.catalogue_asks):
        return Question("catalogue")
    if _has(text, rules.stock_asks):
        return Question("stock")
    earlier = {product.id if product else "", before or ""} - {""} if named else set()
    is_pair = len({*named, *earlier}) > 1
    if _has(text, rules.difference_asks) and (is_pair or product is not None):
        return Question("difference" if is_pair else "special")
    if _has(text, rules.others_asks):
        return Question("others")
    if not named and _has(text, rules.choice_asks):
        return Question("choice")
    if _has(text, rules.special_asks):
        return Question("special")
    aspect = _aspect_of(rules, text, concepts, product)
    if aspect is not None:
        return _about(aspect, product)
    return Question("overview") if product is None else _by_words(rules, text, product)


def asks_about_aspect(rules: SellingRules, text: str, product: Product) -> bool:
    """Tell whether a text has the words of something that customers ask about."""
    return _aspect_of(rules, _plain(text), (), product) is not None


def recorded_answer(
    rules: SellingRules, shop: Shop, product: Product, question: Question, text: str, today: date
) -> str:
    """Return what the shop has on record for a question that the catalogue's lines leave open.

    By the words of the aspect that was asked about; by the need that was named where there is none.
    What customers of this product always ask goes first, another customer's story last (D-SEL-8).
    """
    if product.compared_with and _has(_plain(text), rules.former_asks):
        return f"{product.compared_with}{rules.full_stop}"
    aspect = next((each for each in rules.aspects if each.id == question.aspect), None)
    words = [*aspect.asks, *aspect.shows] if aspect else []
    if aspect is None:
        left = without_names(_plain(text), product)
        words = [word for need in rules.needs for word in need.says if word in left]
    records = shop.material.records_of(product.id, today)
    told = [sum(word in each for word in set(words)) for each in records]
    best = max(told, default=0)
    return records[told.index(best)] if best else ""


def other_of(shop: Shop, product: Product | None, named: Sequence[str]) -> Product | None:
    """Return with what the product in talk, the last one named, is compared."""
    others = [each for each in named if product is not None and each not in ("", product.id)]
    return shop.product(others[-1]) if others else None


def stock_of(rules: SellingRules, shop: Shop, product: Product, today: date) -> StockState:
    """Return how the stock stands, as it may be told: no pressure, no number that is not true."""
    if product.stock > rules.few_left:
        return "in"
    if product.stock:
        return "few"
    return "out" if alternative_to(rules, shop, product, today) else "out_alone"


def alternative_to(
    rules: SellingRules, shop: Shop, product: Product, today: date
) -> Product | None:
    """Return what is in stock for the same work, most alike by what is recorded of it."""
    own = _shown(rules, product)
    same_work = shop.material.alternatives_of(product.id)
    others = [
        other
        for other in shop.products
        if other.id in same_work and other.stock and other.is_current(today)
    ]

    def unlike(other: Product) -> tuple[int, int, str]:
        shared = len(own & _shown(rules, other)) + 2 * (other.id in product.related)
        return -shared, abs(other.price_fen - product.price_fen), other.id

    return min(others, key=unlike, default=None)


def difference_of(
    rules: SellingRules, language: LanguageFacts, one: Product, other: Product
) -> str:
    """Return what is recorded of both, figure by figure, then feature by feature."""
    words = rules.difference
    warranty = [language.months_format.format(months=each.warranty_months) for each in (one, other)]
    years = [words.years.format(years=f"{each.life_years:g}") for each in (one, other)]
    prices = [say_money(language, each.price_fen) for each in (one, other)]
    parts = [words.price.format(one=prices[0], other=prices[1])]
    for aspect, (left, right) in ((words.warranty, warranty), (words.life_years, years)):
        form = words.same if left == right else words.figures
        parts.append(form.format(aspect=aspect, one=left, other=right))
    names = {"one_name": _short(one), "other_name": _short(other)}
    pairs = _shared_features(rules, one, other) or [(one.features[0], other.features[0])]
    parts += [words.features.format(**names, one=left, other=right) for left, right in pairs]
    return words.joined_by.join(parts)


def _shared_features(rules: SellingRules, one: Product, other: Product) -> list[tuple[str, str]]:
    """Return the features of both that tell the same aspect, each feature once."""
    pairs: list[tuple[str, str]] = []
    for aspect in rules.aspects:
        left, right = _feature(aspect, one), _feature(aspect, other)
        seen = {each for pair in pairs for each in pair}
        if left and right and not {left, right} & seen:
            pairs.append((left, right))
    return pairs[:SHARED_ASPECTS]


def _feature(aspect: Aspect, product: Product) -> str:
    return next((each for each in product.features if _has(each, aspect.shows)), "")


def _short(product: Product) -> str:
    return product.aliases[0] if product.aliases else product.name


def _shown(rules: SellingRules, product: Product) -> set[str]:
    return {each.id for each in rules.aspects if _feature(each, product)}


def _aspect_of(
    rules: SellingRules, text: str, concepts: Collection[str], product: Product | None
) -> Aspect | None:
    """Return the aspect with the longest word in the question, else one by concept."""
    without = without_names(text, product)
    words = [(len(word), each) for each in rules.aspects for word in each.asks if word in without]
    if words:
        return max(words, key=lambda pair: pair[0])[1]
    return next((each for each in rules.aspects if set(each.concepts) & set(concepts)), None)


def _about(aspect: Aspect, product: Product | None) -> Question:
    if aspect.policy:
        return Question("policy", aspect.id, policy=aspect.policy)
    if product is None:
        return Question("fact", aspect.id)
    for place in range(3):  # what the feature itself says goes before what follows from it
        for index, triple in enumerate(triples_of(product)):
            if _has(triple[place], aspect.shows):
                return Question("fact", aspect.id, index)
    return Question("unknown", aspect.id)


def _by_words(rules: SellingRules, text: str, product: Product) -> Question:
    """Answer by the question's own words; one that the catalogue has not makes it unknown."""
    plain = (*rules.plain_words, *rules.overview_asks, *rules.question_marks)
    left = without_names(text, product)
    tokens = [token.text for token in shared_reader().read(left, with_entities=False)]
    asked = [each for each in tokens if each not in plain and each[0].isalnum()]
    for index, triple in enumerate(triples_of(product)):
        told = "\n".join(triple).lower()
        if any(len(each) >= LEAST_TOKEN and each in told for each in asked):
            return Question("fact", triple=index)
    if not asked or not _has(left, rules.question_marks):
        return Question("overview")
    triple_of_need = matching_triple(product, left)
    if triple_of_need is not None:
        return Question("fact", triple=triple_of_need)
    is_general = _has(left, rules.overview_asks)
    return Question("overview" if is_general else "unknown")


def without_names(text: str, product: Product | None) -> str:
    """Return a text without the names of the product, which ask nothing."""
    names = (product.name, *product.aliases) if product else ()
    for name in sorted(names, key=len, reverse=True):
        text = text.replace(name.lower(), " ")
    return text


def _plain(text: str) -> str:
    """Return a text as the words of the book are written: Simplified, narrow, small."""
    return clean(text, MAX_CHARS).lower()


def _has(text: str, words: Collection[str]) -> bool:
    return any(word in text for word in words)
