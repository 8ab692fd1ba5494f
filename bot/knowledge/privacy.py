"""Personal data in free text: what it looks like, and how it is masked (promise 23).

The patterns and the texts that go with a person's copy of their data lie in `book/privacy.yml`.
Pure and bounded (promise 21), so that logs, errors and exports may all use it. It masks what has a
form; a name or a secret in plain words has none, which is why texts are kept out of logs at all.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Annotated, Any

from msgspec import Meta, Struct

from bot.errors import ShopDataError
from bot.knowledge.book import BOOK_DIR
from bot.knowledge.loader import line_of, read_yaml

STAR = "*"
Kept = Annotated[int, Meta(ge=0, le=8)]


class PersonalPattern(Struct, frozen=True, forbid_unknown_fields=True):
    """What one kind of personal data looks like; `keep_*` are characters that stay readable."""

    label: str
    pattern: str
    keep_start: Kept = 0
    keep_end: Kept = 0


class PrivacyTexts(Struct, frozen=True, forbid_unknown_fields=True):
    """`privacy.yml`."""

    patterns: list[PersonalPattern]
    readme: str
    table_line: str
    titles: dict[str, str]


@lru_cache(maxsize=1)
def load_privacy() -> PrivacyTexts:
    """Return the book's texts and patterns, read and checked once a process.

    Raises:
        ShopDataError: with file, line and field.
    """
    path = BOOK_DIR / "privacy.yml"
    texts = read_yaml(path, PrivacyTexts)
    for index, each in enumerate(texts.patterns):
        try:
            re.compile(each.pattern)
        except re.error as error:
            line = line_of(path, "patterns", index)
            raise ShopDataError([f"{path}:{line}: patterns[{index}]: {error}"]) from error
    return texts


@lru_cache(maxsize=1)
def _compiled() -> list[tuple[PersonalPattern, re.Pattern[str]]]:
    return [(each, re.compile(each.pattern)) for each in load_privacy().patterns]


def mask_text(text: str) -> str:
    """Return `text` with phones, cards, e-mail, plates and addresses starred; same length."""
    for kind, pattern in _compiled():
        plain, places = _plain(text)
        for match in pattern.finditer(plain):
            start, end = match.span("value" if "value" in pattern.groupindex else 0)
            text = _star(text, places[start], places[end - 1] + 1, kind)
    return text


def mask_values(value: Any) -> Any:
    """Return plain values with every text in them masked, keys left as they are."""
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, (list, tuple)):
        return [mask_values(each) for each in value]
    if isinstance(value, dict):
        return {key: mask_values(each) for key, each in value.items()}
    return value


def _plain(text: str) -> tuple[str, list[int]]:
    """Return the text as NFKC writes each character, and where each came from."""
    if text.isascii():
        return text, list(range(len(text)))
    shown = [unicodedata.normalize("NFKC", char) for char in text]
    places = [place for place, chars in enumerate(shown) for _ in chars]
    return "".join(shown), places


def _star(text: str, start: int, end: int, kind: PersonalPattern) -> str:
    kept = kind.keep_start + kind.keep_end
    if end - start <= kept:
        return text[:start] + STAR * (end - start) + text[end:]
    first, last = start + kind.keep_start, end - kind.keep_end
    return text[:first] + STAR * (last - first) + text[last:]
