"""Sums of money in what the bot is about to say that no fact names (D-OBJ-10, design decision 9).

A wording that holds a sum of its own, or one that a fact put together wrongly, is not said.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from functools import lru_cache

from bot.knowledge.book import load_book, load_entity_patterns
from bot.language.entities import EntityFinder
from bot.language.normalise import clean
from bot.language.values import Resolved

MAX_CHARS = 2_000
AMOUNT = "amount"
_NUMERIC = re.compile(r"[\d.]")


def unfounded_amounts(text: str, facts: Collection[str]) -> tuple[str, ...]:
    """Return the sums in `text` that are in none of `facts`, as they are written.

    Args:
        facts: texts that were looked up; a sum may be spelt otherwise there.
    """
    if not _amounts_of(text):
        return ()
    named = [each for each in facts if _amounts_of(each)]
    known = {fen for each in named for _, resolved in _amounts_of(each) for fen in _ends(resolved)}
    rest = text
    for each in sorted(named, key=len, reverse=True):
        rest = _without(rest, each)
    return tuple(
        value
        for value, resolved in _amounts_of(rest)
        if not all(fen in known for fen in _ends(resolved))
    )


def names_sum(text: str) -> bool:
    """Tell whether a text names a sum of money."""
    return bool(_amounts_of(text))


def _without(text: str, fact: str) -> str:
    """Take a fact out of a text; '99 yuan' is no part of '199 yuan'."""
    before = r"(?<![\d.])" if _NUMERIC.match(fact) else ""
    return re.sub(before + re.escape(fact), "\n", text)


def _ends(resolved: Resolved) -> Iterator[float]:
    yield from resolved.values() if isinstance(resolved, dict) else (resolved,)


@lru_cache(maxsize=4_096)
def _amounts_of(text: str) -> tuple[tuple[str, Resolved], ...]:
    cleaned = clean(text, MAX_CHARS)
    counted = load_book().forbidden.acquittals.counted
    return tuple(
        (each.value, each.resolved)
        for each in _finder().find(cleaned)
        if each.label == AMOUNT
        and each.resolved is not None
        and not cleaned[: each.start].endswith(counted)
    )


@lru_cache(maxsize=1)
def _finder() -> EntityFinder:
    return EntityFinder(load_entity_patterns())
