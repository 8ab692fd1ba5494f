"""By which words a promise is known: `book/promise_patterns.yml` (D-CUS-11).

Words get a tag; patterns are spaCy `Matcher` patterns over tags; some tags say that it is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta, Struct

from bot.errors import ShopDataError
from bot.knowledge.book import load_book
from bot.knowledge.loader import read_yaml

PATTERNS = Path(__file__).parent / "book" / "promise_patterns.yml"
Tag = Annotated[str, Meta(pattern=r"^[A-Z][A-Z_]{0,20}$")]
Hour = Annotated[int, Meta(ge=0, le=24)]


class PromisePatterns(Struct, frozen=True, forbid_unknown_fields=True):
    """`promise_patterns.yml`.

    Attributes:
        ends: expression at which a sentence ends; `pauses`: at which a clause does.
        quoted: expression of what is quoted; nothing in it is read.
        tags: expressions by tag; where two overlap the tag that stands first wins.
        kinds: the kind of promise by the tag of what is done.
        patterns: each a list of tokens as `Matcher` takes them; `_` in it is any word.
        clause_stops, sentence_stops: tags that say it is no promise.
        stops_before: those that stop their clause and all before it in the sentence.
        lasting_stops: those of a clause that go on until one of `ended_by`.
        clock: expression of a time of day, with the groups part, hour, half and minute.
        parts_of_day: the hour that is added before noon's twelve are over, by word.
        bare_hours_until: an hour up to this, said without a part of the day, is after noon.
        numerals: hours in characters.
        made_by_steps: responses whose promise the step itself makes, or which say one that stands.
    """

    ends: str
    pauses: str
    quoted: str
    tags: dict[Tag, list[str]]
    kinds: dict[Tag, str]
    patterns: list[list[dict[str, Any]]]
    lasting_stops: list[Tag]
    ended_by: list[Tag]
    clause_stops: list[Tag]
    sentence_stops: list[Tag]
    stops_before: list[Tag]
    clock: str
    parts_of_day: dict[str, Hour]
    bare_hours_until: Hour
    numerals: dict[str, Hour]
    made_by_steps: list[str]

    def problems(self) -> Iterator[str]:
        """Yield what is wrong, each beginning with its field."""
        known = {*self.tags, "_"}
        stops = ("clause_stops", "sentence_stops", "stops_before", "lasting_stops")
        for name in ("kinds", *stops, "ended_by"):
            yield from (
                f"{name}: no tag {each!r}" for each in getattr(self, name) if each not in known
            )
        rules = load_book().promises.kinds
        yield from (f"kinds: no kind {each!r}" for each in self.kinds.values() if each not in rules)
        for name, texts in {**self.tags, "ends": [self.ends], "clock": [self.clock]}.items():
            for text in texts:
                try:
                    re.compile(text)
                except re.error as error:
                    yield f"{name}: {text!r}: {error}"


@lru_cache(maxsize=1)
def load_promise_patterns() -> PromisePatterns:
    """Read and check the patterns; once a process.

    Raises:
        ShopDataError: the file has errors.
    """
    patterns = read_yaml(PATTERNS, PromisePatterns)
    if problems := [f"{PATTERNS}: {each}" for each in patterns.problems()]:
        raise ShopDataError(problems)
    return patterns
