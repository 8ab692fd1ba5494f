"""Tokens of Chinese text for full-text search, the same on every database.

Overlapping pairs of characters, as Lucene's CJKBigramFilter makes them: no dictionary that changes
what is found, and any piece of two characters or more is found wherever it stands. Runs of Latin
letters and digits are one token each. Needs no spaCy, so that the web process can search.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from bot.language.normalise import clean

_RUN = re.compile(r"(?P<latin>[a-z0-9]+)|(?P<cjk>[\u3400-\u9fff\uf900-\ufaff]+)")
MAX_TOKEN_CHARS = 60
MAX_TEXT_CHARS = 10_000


def search_tokens(text: str) -> list[str]:
    """Return the tokens of `text` in order; the last character of a run stands alone, too."""
    return [token for run in _runs(text) for token in (*_pairs(run), *_tail(run))]


def search_phrases(query: str) -> list[list[str]]:
    """Return what a text must hold: a list of phrases, each a list of tokens that follow.

    A phrase of a single character ends in `*`: every token that begins with it will do.
    """
    return [_pairs(run) or [f"{run}*"] for run in _runs(query)]


def _runs(text: str) -> Iterator[str]:
    for match in _RUN.finditer(clean(text, MAX_TEXT_CHARS).casefold()):
        yield match.group()[:MAX_TOKEN_CHARS] if match["latin"] else match.group()


def _pairs(run: str) -> list[str]:
    if run[0].isascii():
        return [run]
    return [run[place : place + 2] for place in range(len(run) - 1)]


def _tail(run: str) -> list[str]:
    return [] if run[0].isascii() else [run[-1]]
