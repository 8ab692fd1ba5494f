"""Which needs a customer has named, and what of a product answers them (D-SEL-3, 6; D-CUS-5). Pure.

Words of the customer and words of the catalogue are tied by the needs of `product_talk.yml`;
figures (people, square metres) must lie in the range that the catalogue gives.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

from bot.knowledge.book import load_entity_patterns
from bot.knowledge.products import Product
from bot.knowledge.selling_rules import Figure, Need, SellingRules, load_selling_rules
from bot.language.values import NumberReader

IN_RANGE, OUT_OF_RANGE, NAMED = 3.0, -2.0, 5.0
Triple = tuple[str, str, str]


@dataclass(frozen=True)
class NamedNeed:
    """A need as the customer has named it; `figure` is theirs, where it has one."""

    need: Need
    figure: float | None = None

    @property
    def name(self) -> str:
        """The need as it is said back."""
        figure = "" if self.figure is None else f"{self.figure:g}"
        return self.need.name.format(number=figure)


@dataclass(frozen=True)
class Recommendation:
    """A product for a need, with the FAB triple that says why."""

    product: Product
    triple: int
    need: NamedNeed
    is_over_budget: bool = False


def needs_in(text: str, rules: SellingRules | None = None) -> list[NamedNeed]:
    """Return the needs that a text names, those with figures first."""
    rules = rules or load_selling_rules()
    text = text.lower()
    found = []
    for need in rules.needs:
        if not any(word in text for word in need.says):
            continue
        if need.number is None:
            found.append(NamedNeed(need))
        elif (figures := _figures(rules, need.number, text)) is not None:
            found.append(NamedNeed(need, figures[1]))
    return sorted(found, key=lambda each: each.figure is None)


def tells_need(text: str, *, plainly: bool, rules: SellingRules | None = None) -> bool:
    """Tell whether somebody who has bought nothing yet says what they need a thing for.

    Args:
        plainly: whether no single character may show it, and it must lie in the customer's home:
            asked for where the message may be a complaint as well.
    """
    rules = rules or load_selling_rules()
    if any(word in text for word in rules.bought_says):
        return False
    if plainly and not any(word in text for word in rules.home_says):
        return False
    least = 2 if plainly else 1
    return any(
        each.need.weight > 1 and any(len(word) >= least and word in text for word in each.need.says)
        for each in needs_in(text, rules)
    )


def budget_in(entities: Iterable[Mapping[str, Any]]) -> int | None:
    """Return the most that a customer says they would spend, in fen; None when they do not."""
    for entity in entities:
        if entity["entity"] == "budget" and (resolved := entity.get("resolved")) is not None:
            return int(resolved["max"] if isinstance(resolved, dict) else resolved)
    return None


def triples_of(product: Product) -> list[Triple]:
    """Return the aligned features, advantages and benefits."""
    return list(zip(product.features, product.advantages, product.benefits, strict=True))


def matching_triple(product: Product, need_text: str) -> int | None:
    """Return the index of the FAB triple that answers what the customer said, else None.

    Args:
        need_text: what the customer has told of their need, any number of messages.
    """
    named = needs_in(need_text)
    scores = [_score(load_selling_rules(), each, named) for each in triples_of(product)]
    best = max(scores, default=0.0)
    return scores.index(best) if best > 0 else None


def recommend(
    products: Iterable[Product],
    text: str,
    *,
    budget_fen: int | None = None,
    today: date,
    in_talk: str | None = None,
) -> Recommendation | None:
    """Return the product in stock that answers the named needs best, None when none does.

    Nothing above the budget is recommended while something within it answers; else the cheapest
    that answers is named as what it is, above the budget.

    Args:
        in_talk: id of the product in talk, which goes before equals.
    """
    rules, named = load_selling_rules(), needs_in(text)
    if all(each.need.number == "room" for each in named):  # where it stands, not what it is for
        products = [each for each in products if each.id == in_talk]
    scored = []
    for product in products:
        if not product.stock or not product.is_current(today):
            continue
        needed = _best_need(rules, product, named, text)
        if needed is not None:
            score, triple, need = needed
            scored.append((score + (product.id == in_talk) / 2, product, triple, need))
    if not scored:
        return None
    within = [each for each in scored if budget_fen is None or each[1].price_fen <= budget_fen]
    if within:
        _, product, triple, need = min(within, key=lambda each: (-each[0], each[1].id))
        return Recommendation(product, triple, need)
    _, product, triple, need = min(scored, key=lambda each: (each[1].price_fen, each[1].id))
    return Recommendation(product, triple, need, is_over_budget=True)


def _best_need(
    rules: SellingRules, product: Product, named: Sequence[NamedNeed], text: str
) -> tuple[float, int, NamedNeed] | None:
    """Return how well a product answers, with its best triple and the need that triple answers."""
    triples = triples_of(product)
    bonus = NAMED if any(name in text for name in (product.name, *product.aliases)) else 0.0
    total, best = 0.0, None
    for need in named:
        own = [_score(rules, triple, [need]) for triple in triples]
        in_name = any(word in product.name for word in need.need.shows)
        score = max(own, default=0.0) + in_name * need.need.weight
        total += score
        if score > 0 and (best is None or score > best[0]):
            best = (score, own.index(max(own)), need)
    return None if best is None else (total + bonus, best[1], best[2])


def _score(rules: SellingRules, triple: Triple, named: Iterable[NamedNeed]) -> float:
    text = "\n".join(triple).lower()
    score = 0.0
    for each in named:
        score += each.need.weight * sum(word.lower() in text for word in each.need.shows)
        if each.need.number and each.figure is not None:
            spans = [_figures(rules, each.need.number, part) for part in triple]
            score += sum(
                IN_RANGE if span[0] <= each.figure <= span[1] else OUT_OF_RANGE
                for span in spans
                if span is not None
            )
    return score


def _figures(rules: SellingRules, figure: Figure, text: str) -> tuple[float, float] | None:
    """Return the least and the greatest number of people or square metres in a text."""
    match = re.search(rules.numbers[figure], text)
    if match is None:
        return None
    reader = _number_reader()
    high = reader.read(match["high"])
    low = reader.read(match["low"]) if match["low"] else high
    return None if high is None or low is None else (low[0], high[1])


@lru_cache(maxsize=1)
def _number_reader() -> NumberReader:
    return NumberReader(load_entity_patterns().numerals)
