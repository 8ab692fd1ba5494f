"""Characters made comparable: width, script, invisible characters, final particles.

Nothing here needs Rasa or spaCy, so the web process may use it.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from opencc import OpenCC

from bot.knowledge.book import load_language

FULL_WIDTH_SLASH = "\uff0f"
_INVISIBLE = {"Cf", "Cc", "Co", "Cn", "Cs"}
_PHONE = re.compile(r"(?<!\d)(?:\+?86[- ]?)?1[3-9]\d[- ]?\d{4}[- ]?\d{4}(?!\d)")
_LANDLINE = re.compile(r"(?<!\d)0\d{2,3}[- ]?\d{7,8}(?!\d)")
_MARK_AFTER_CHINESE = re.compile(r"(?<=[\u4e00-\u9fff])[,!?;:]")
_TO_WIDE = 0xFEE0  # from an ASCII character to its full-width twin
_PUNCTUATION = re.compile(r"[^\w]+", re.UNICODE)


@lru_cache(maxsize=1)
def _converter() -> OpenCC:
    return OpenCC("t2s")


def clean(text: str, max_chars: int) -> str:
    """Return `text` fit for understanding: NFKC, Simplified, no invisible characters, cut.

    Line breaks become spaces; runs of white space become one.
    """
    text = unicodedata.normalize("NFKC", text[: max_chars * 2])
    kept = [
        " " if char.isspace() else char
        for char in text
        if char.isspace() or unicodedata.category(char) not in _INVISIBLE
    ]
    squeezed = re.sub(r" +", " ", "".join(kept)).strip()
    return str(_converter().convert(squeezed[:max_chars]))


def with_wide_marks(text: str) -> str:
    """Return a cleaned `text` with the marks that are written after Chinese, to be quoted."""
    return _MARK_AFTER_CHINESE.sub(lambda mark: chr(ord(mark[0]) + _TO_WIDE), text)


def as_plain_text(text: str) -> str:
    """Return `text` so that Rasa never takes it for a command; same length, same meaning.

    Rasa's graph unpacks a text that begins with `/` as an intent; its full-width twin is text, and
    `clean` makes the two equal again.
    """
    return text.replace("/", FULL_WIDTH_SLASH, 1) if text.lstrip().startswith("/") else text


def fold(text: str) -> str:
    """Return the key under which two typings of one short text are the same."""
    return _PUNCTUATION.sub("", clean(text, 2_000)).casefold()


def fold_without_particles(text: str) -> str:
    """Like `fold`, without final particles: the key for equal training messages."""
    return fold(text).rstrip(load_language().final_particles)


def find_phone(text: str) -> str | None:
    """Return the first mainland phone number in `text`, digits only."""
    match = _PHONE.search(unicodedata.normalize("NFKC", text)) or _LANDLINE.search(text)
    if match is None:
        return None
    digits = re.sub(r"\D", "", match.group())
    return digits[2:] if len(digits) == 13 and digits.startswith("86") else digits


def has_phone_number(text: str) -> bool:
    """Tell whether `text` holds a phone number."""
    return find_phone(text) is not None
