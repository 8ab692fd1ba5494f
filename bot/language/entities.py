"""What a message names: goods, brands, sums, counts, days, people who decide, faults, remedies.

Everything is found by the patterns and words of `entities.yml`, each kind without overlaps; a
number of a parcel or a phone is no sum. Nothing here knows the day: a date carries its `when`,
which `bot.language.dates` resolves. Pure and bounded.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Any

from bot.knowledge.entity_patterns import MARKER, EntityPatterns, NumberPattern
from bot.language.dates import When
from bot.language.lexicon import ConceptMatcher
from bot.language.values import Groups, NumberReader, Resolved

REACH = 10
MOST = 64  # entities of one kind, and numbers looked at, in one message
LEAST_BARE = 10
NEVER = "(?!)"
_BRAND = re.compile(r"[^\W\da-zA-Z_]{2,4}(?=[a-zA-Z])")  # two to four characters, then a model
LIMITS = {"year": (10, 2049), "month": (1, 12), "day": (1, 31), "nth": (1, 30)}
PARTS = {"month_part", "year_part"}
SAME, PRODUCT, BRAND, RIVAL, CATEGORY = "same", "product", "brand", "rival", "category"


@dataclass(frozen=True)
class Entity:
    """One thing named, with its characters; `value` is an id or the customer's words.

    `resolved` is what it comes to: fen, days, a count; a vague one is `{min, max}`. `when` is there
    instead if that depends on the day.
    """

    label: str
    value: str
    start: int
    end: int
    resolved: Resolved | None = None
    when: When | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return it as Rasa names it, without what is unknown."""
        named = {"entity": self.label, "value": self.value, "start": self.start, "end": self.end}
        extra = {"resolved": self.resolved, "when": self.when}
        return named | {name: value for name, value in extra.items() if value is not None}


class EntityFinder:
    """Finds the entities of cleaned texts."""

    def __init__(self, patterns: EntityPatterns) -> None:
        """Compile the patterns."""
        self._patterns = patterns
        self._ids = [(each.label, re.compile(each.pattern)) for each in patterns.ids]
        self._not_numbers, self._not_words, self._dates = (
            [re.compile(patterns.expand(each)) for each in some]
            for some in (patterns.not_numbers, patterns.not_words, patterns.dates)
        )
        self._number = re.compile(patterns.expand("@head") if patterns.numbers else NEVER)
        self._rules = [
            (rule, re.compile(patterns.expand(rule.pattern))) for rule in patterns.numbers
        ]
        self._contexts = {
            name: re.compile(each.replace("@", MARKER)) for name, each in patterns.contexts.items()
        }
        self._numerals = NumberReader(patterns.numerals)
        self.know({}, ())

    def know(self, products: Mapping[str, str], brands: Iterable[str]) -> None:
        """Recognise these names of products (name → id) and brands from now on."""
        own = {brand.lower() for brand in brands}
        terms: dict[str, list[str]] = {}
        for label, values in self._patterns.words.items():
            for value, others in values.items():
                for term in others if value == SAME else [value, *others]:
                    if label != RIVAL or term not in own:
                        key = f"{label} {term if value == SAME else value}"
                        terms.setdefault(key, []).append(term)
        terms |= {f"{BRAND} {brand}": [brand] for brand in own}
        for name, product_id in products.items():
            terms.setdefault(f"{PRODUCT} {product_id}", []).append(name)
        self._names = ConceptMatcher(terms, {}, ())

    def find(self, text: str, faults: Iterable[tuple[str, int, int]] = ()) -> list[Entity]:
        """Return the entities of a text by their place.

        Args:
            text: cleaned.
            faults: concept, start and end of the faults that the lexicon has found in it.
        """
        lower = text.replace("\u0130", "i").lower()  # the one letter that grows when lowered
        ids = _apart(self._find_ids(text))
        masked = _blank(_without(lower, self._not_numbers), ids)
        dates = self._find_dates(masked, lower)
        numbers = list(self._find_numbers(_blank(masked, dates), lower))
        limits = [limit for each in [*dates, *numbers] for limit in self._limits(each, lower)]
        names = list(self._find_names(lower))
        found = [*ids, *dates, *numbers, *limits, *names, *self._find_faults(faults, lower)]
        return sorted(found, key=lambda entity: entity.start)

    def _find_ids(self, text: str) -> Iterator[Entity]:
        for label, pattern in self._ids:
            for match in islice(pattern.finditer(text), MOST):
                yield Entity(label, match["value"], match.start("value"), match.end("value"))

    def _find_dates(self, masked: str, lower: str) -> list[Entity]:
        found = []
        for pattern in self._dates:
            for match in islice(pattern.finditer(masked), MOST):
                when = self._when(match.groupdict())
                if when is not None:
                    found.append(self._dated(match.start(), match.end(), lower, when))
        return _apart(sorted(found, key=lambda each: (each.start, -each.end)))

    def _dated(self, start: int, end: int, lower: str, when: When) -> Entity:
        if self._says("past", lower, start, end):
            when = when | {"past": True}
        return Entity("date", lower[start:end], start, end, when=when)

    def _when(self, roles: Groups) -> When | None:
        """Return what the roles of a date say; None when it is no date."""
        when: When = {}
        for role, text in roles.items():
            if text and role in LIMITS:
                number = self._numerals.read(text)
                least, most = LIMITS[role]
                if (
                    number is None
                    or number[0] not in range(least, most + 1)
                    or len(set(number)) > 1
                ):
                    return None
                when[role] = int(number[0]) + (2000 if role == "year" and number[0] < 100 else 0)
            elif text and role == "festival":
                when[role] = text
            elif text:
                places = self._patterns.date_words[role][text]
                when[role] = places if len(places) > 1 else places[0]
        return when

    def _find_numbers(self, masked: str, lower: str) -> Iterator[Entity]:
        end = 0
        for match in islice(self._number.finditer(masked), MOST):
            for rule, pattern in self._rules if match.start() >= end else ():
                tail = pattern.match(masked, match.end())
                entity = tail and self._read_number(rule, match, tail, lower)
                if entity:
                    end = entity.end
                    yield entity
                    break

    def _read_number(
        self, rule: NumberPattern, head: re.Match[str], tail: re.Match[str], lower: str
    ) -> Entity | None:
        """Return the entity that a number and what follows it make; None if they make none."""
        start, end, number = head.start(), tail.end(), head[0]
        groups: dict[str, str | None] = tail.groupdict() | {rule.head: number}
        if rule.label == "date":
            when = self._distance(groups) if rule.head == "number" else self._when(groups)
            return self._dated(start, end, lower, when) if when else None
        spelt = (groups.get("upper") or number) + (groups.get("big") or "")
        if not self._is_meant(rule, spelt, lower, start, end):
            return None
        resolved = self._numerals.value(rule.label, groups)
        has_parts = groups.get("tenth") or groups.get("more_after") or not groups.get("currency")
        value = lower[start : end if has_parts else tail.start("currency")]
        return None if resolved is None else Entity(rule.label, value, start, end, resolved)

    def _is_meant(self, rule: NumberPattern, number: str, lower: str, start: int, end: int) -> bool:
        """Tell whether the neighbours let a number be what the rule makes of it."""
        says = partial(self._says, lower=lower, start=start, end=end)
        if number == self._patterns.numerals.some and not says("few"):
            return False
        if rule.label != "amount" and says("uncounted"):
            return False
        read = self._numerals.read(number) or (0, 0)
        if rule.only == "money":
            is_told = says("money") or says("budget")
            return self._numerals.is_large(number) or (read[0] >= LEAST_BARE and bool(is_told))
        return rule.only != "counted" or read != (1, 1) or says("counted") is not None

    def _distance(self, groups: Groups) -> When | None:
        """Return 'three days ago' as an offset in days, or in months."""
        found = self._numerals.read_range(groups)
        if found is None:
            return None
        days = self._numerals.days_of_unit(groups)
        months = {30: 1, 365: 12}.get(int(days), 0)
        role, scale = ("months_on", months) if months else ("days", days)
        low, high = (round(each * scale, 2) for each in found)
        return {role: [-high, -low] if groups.get("ago") else [low, high]}

    def _limits(self, entity: Entity, lower: str) -> Iterator[Entity]:
        """Yield the budget or the deadline that an amount, a date or a duration is."""
        start, end, when = entity.start, entity.end, entity.when
        if entity.label == "amount" and self._says("budget", lower, start, end):
            yield replace(entity, label="budget")
        if entity.label not in ("date", "duration") or self._says("no_deadline", lower, start, end):
            return
        edge = self._says("edge", lower, start, end)
        if not (edge or self._says(f"deadline_{entity.label}", lower, start, end)):
            if when is None or when.get("shift") != -1:
                return
        before, within = edge.groups() if edge else (None, None)
        if when is None:
            if isinstance(entity.resolved, dict):
                return
            when = {"within": entity.resolved}
        elif "months_on" in when or _is_over(when):
            return
        else:
            is_first = (before or when.get("shift") == -1) and not when.keys() & PARTS
            by = {role: each for role, each in when.items() if role != "shift"}
            when = {"by": by, "edge": "first" if is_first else "last"}
        end += len(before or within or "")
        yield Entity("deadline", lower[start:end], start, end, when=when)

    def _find_names(self, lower: str) -> Iterator[Entity]:
        found: dict[str, list[Entity]] = {}
        for match in islice(self._names.find(_without(lower, self._not_words)), MOST):
            label, _, value = match.concept.partition(" ")
            entity = Entity(label, value, match.start, match.end)
            if _is_whole(lower, entity):
                found.setdefault(PRODUCT if label == CATEGORY else label, []).append(entity)
        for same in found.values():
            same.sort(key=lambda each: (each.label == CATEGORY, each.start - each.end, -each.start))
            yield from (each for each in _apart(same) if self._is_named(each, lower))

    def _is_named(self, entity: Entity, lower: str) -> bool:
        start, end = entity.start, entity.end
        if entity.label == "decision_maker":
            decides = self._says("decides", lower, start, end)
            return decides is not None and self._says("sellers", lower, start, end) is None
        return entity.label != "remedy" or self._says("unwanted", lower, start, end) is None

    def _find_faults(self, faults: Iterable[tuple[str, int, int]], lower: str) -> list[Entity]:
        general = self._patterns.general_faults
        ranked = sorted(faults, key=lambda each: (each[0] in general, each[1] - each[2], each[1]))
        return _apart(
            Entity("defect", concept, start, end)
            for concept, start, end in ranked[:MOST]
            if concept not in self._patterns.not_faults
            and self._says("unreal", lower, start, end) is None
            and self._says("doubted", lower, start, start) is None  # spans end where tokens end
        )

    def _says(self, context: str, lower: str, start: int, end: int) -> re.Match[str] | None:
        """Return what a context finds around an entity."""
        pattern = self._contexts.get(context)
        around = f"{lower[max(0, start - REACH) : start]}{MARKER}{lower[end : end + REACH]}"
        return pattern.search(around) if pattern else None


def brands_of(names: Iterable[str]) -> set[str]:
    """Return the shop's own brands: what stands before the model of several products."""
    found = Counter(match[0] for name in names if (match := _BRAND.match(name)))
    return {brand for brand, count in found.items() if count > 1}


def _apart(entities: Iterable[Entity]) -> list[Entity]:
    """Return the entities without those that overlap an earlier one."""
    kept: list[Entity] = []
    taken: set[int] = set()
    for entity in entities:
        places = range(entity.start, entity.end)
        if taken.isdisjoint(places):
            taken.update(places)
            kept.append(entity)
    return kept


def _is_over(when: When) -> bool:
    """Tell whether a date is past on whatever day it is said."""
    steps = [when.get(role, 0) for role in ("weeks", "months", "years")]
    return any(each < 0 for each in [*steps, *when.get("days", [])])


def _is_whole(lower: str, entity: Entity) -> bool:
    """Tell whether a Latin name is no part of a longer word."""
    edges = (entity.start, entity.end)
    pairs = [lower[edge - 1 : edge + 1] for edge in edges if 0 < edge < len(lower)]
    return not any(each.isascii() and (each.isalpha() or each.isdecimal()) for each in pairs)


def _without(text: str, patterns: Iterable[re.Pattern[str]]) -> str:
    for pattern in patterns:
        text = pattern.sub(lambda match: MARKER * len(match[0]), text)
    return text


def _blank(text: str, entities: Iterable[Entity]) -> str:
    for entity in entities:
        text = text[: entity.start] + MARKER * (entity.end - entity.start) + text[entity.end :]
    return text
