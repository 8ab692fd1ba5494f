"""The wording guard: what must never be said to a customer (D-CMP-8, D-OBJ-10).

It checks every outgoing text, whoever wrote it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from bot.knowledge.book import Book


@dataclass(frozen=True)
class Violation:
    """A forbidden phrase found in a text, and what to say instead."""

    phrase_id: str
    quote: str
    source: str
    instead: str


def violations(book: Book, text: str) -> tuple[Violation, ...]:
    """Return every forbidden phrase in `text`, white space and punctuation between left out."""
    squeezed = re.sub(r"\s+", "", text)
    found = []
    for phrase in book.forbidden:
        match = _compiled(phrase.pattern).search(squeezed)
        if match and match.group():
            found.append(Violation(phrase.id, match.group(), phrase.source, phrase.instead))
    return tuple(found)


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)
