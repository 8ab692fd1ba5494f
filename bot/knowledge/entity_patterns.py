"""The shape of `entities.yml`: patterns with macros, spellings of numbers, feasts, words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Annotated, Literal

from msgspec import Meta, Struct

MARKER = "\0"  # stands for the entity itself in a context; no cleaned text has it
DEEPEST_MACRO = 8


class EntityPattern(Struct, frozen=True, forbid_unknown_fields=True):
    """A pattern that finds a number of a shop or person; its group `value` is the value."""

    label: Literal["phone", "case_number", "order_number"]
    pattern: str


class NumberPattern(Struct, frozen=True, forbid_unknown_fields=True):
    """What follows a number and makes it an entity; `head` is the role of the number itself."""

    label: Literal["date", "duration", "amount", "quantity"]
    pattern: str
    head: Literal["number", "month", "day"] = "number"
    only: Literal["", "counted", "money"] = ""


class Numerals(Struct, frozen=True, forbid_unknown_fields=True):
    """How numbers are spelt; `more`: by what share of its last place it is wider.

    `coins` are in fen, `unit_days` in days.
    """

    digits: dict[str, float] = {}
    units: dict[str, float] = {}
    some: str = ""
    more: dict[str, float] = {}
    idioms: dict[str, tuple[float, float]] = {}
    coins: dict[str, int] = {}
    unit_days: dict[str, float] = {}


class Festival(Struct, frozen=True, forbid_unknown_fields=True):
    """A feast or sale: its day (every year's, or a table) and the days around it that count."""

    words: list[str]
    yearly: Annotated[str, Meta(pattern=r"^(\d{2}-\d{2})?$")] = ""
    days: list[date] = []
    first: int = 0
    last: int = 0
    before: str = ""
    after: str = ""


class EntityPatterns(Struct, frozen=True, forbid_unknown_fields=True):
    """`entities.yml`; `words` is label → value → spellings."""

    ids: list[EntityPattern] = []
    not_numbers: list[str] = []
    macros: dict[str, str] = {}
    dates: list[str] = []
    numbers: list[NumberPattern] = []
    numerals: Numerals = Numerals()
    date_words: dict[str, dict[str, list[int]]] = {}
    festivals: list[Festival] = []
    contexts: dict[str, str] = {}
    not_faults: list[str] = []
    general_faults: list[str] = []
    not_words: list[str] = []
    words: dict[str, dict[str, list[str]]] = {}

    def expand(self, pattern: str) -> str:
        """Return a pattern with its macros replaced (`@festivals` is made of all feasts).

        Raises:
            re.error: there is no such macro, or one holds itself.
        """
        for _ in range(DEEPEST_MACRO):
            if "@" not in pattern:
                return pattern
            pattern = re.sub("@([a-z_]+)", self._macro, pattern)
        raise re.error("a macro holds itself")

    def _macro(self, found: re.Match[str]) -> str:
        if found[1] == "festivals":
            return self._festivals()
        if found[1] not in self.macros:
            raise re.error(f"there is no macro {found[0]}")
        return self.macros[found[1]]

    def _festivals(self) -> str:
        words = [(word, each) for each in self.festivals for word in each.words]
        words.sort(key=lambda pair: -len(pair[0]))
        firsts = "".join(sorted({word[0] for word, _ in words}))
        inner = "|".join(f"{each.before}{re.escape(word)}{each.after}" for word, each in words)
        return f"(?=[{firsts}])(?:{inner})"

    def all_patterns(self) -> Iterator[tuple[str, str | int, str]]:
        """Yield key, place and text of every pattern; a context's marker is no macro."""
        for key, patterns in (
            ("ids", [each.pattern for each in self.ids]),
            ("not_numbers", self.not_numbers),
            ("dates", self.dates),
            ("numbers", [each.pattern for each in self.numbers]),
            ("not_words", self.not_words),
        ):
            for index, pattern in enumerate(patterns):
                yield key, index, pattern
        for name, pattern in self.contexts.items():
            yield "contexts", name, pattern.replace("@", MARKER)
