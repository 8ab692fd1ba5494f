"""Find training messages that teach nothing new: equal, or nearly equal, to another one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.language.normalise import fold, fold_without_particles

JACCARD_LIMIT = 0.6
SHORTEST_COMPARED = 6


@dataclass(frozen=True)
class Duplicate:
    """Two messages, by place in the list, that are too alike."""

    first: int
    second: int
    reason: str


def find_duplicates(messages: Sequence[tuple[str, str]]) -> list[Duplicate]:
    """Return the pairs of too similar messages.

    Args:
        messages: (intent, text). Equal texts are found across intents; near ones (character
            trigram Jaccard above 0.6, from six characters on) within an intent.
    """
    found: list[Duplicate] = []
    seen: dict[str, int] = {}
    grams: dict[str, list[tuple[int, frozenset[str]]]] = {}
    for index, (intent, text) in enumerate(messages):
        key = fold_without_particles(text) or fold(text) or text.strip()
        if key in seen:
            found.append(Duplicate(seen[key], index, "equal"))
            continue
        seen[key] = index
        if len(key) < SHORTEST_COMPARED:
            continue
        own = frozenset(key[place : place + 3] for place in range(len(key) - 2))
        for other, theirs in grams.setdefault(intent, []):
            share = len(own & theirs) / len(own | theirs)
            if share > JACCARD_LIMIT:
                found.append(Duplicate(other, index, f"trigram Jaccard {share:.2f}"))
                break
        grams[intent].append((index, own))
    return found
