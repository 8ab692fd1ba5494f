"""Follow-up calls after a complaint: when, in which words, what a bad answer leads to.

`book/follow_up.yml` (D-CMP-10, D-CUS-9, D-SEL-13, D-SEL-15).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct

from bot.errors import ShopDataError
from bot.knowledge.book import BOOK_DIR
from bot.knowledge.customer_rules import variables
from bot.knowledge.loader import line_of, read_yaml

FILE = BOOK_DIR / "follow_up.yml"
Kind = Annotated[str, Meta(pattern=r"^[a-z][a-z_]{0,39}$")]
Text = Annotated[str, Meta(min_length=1, max_length=300)]
Days = Annotated[int, Meta(ge=1, le=90)]
Minutes = Annotated[int, Meta(ge=1, le=60_000)]
Occasion = Literal["carried_out", "closed"]

TOLD = frozenset({"shop_name", "case_number", "opened_on", "remedies"})
# Before it is sure who answers only the name is said: it tells nobody anything (D-SEL-15).
SAID_TO_ANYBODY = frozenset({"name"})


class BadAnswer(Struct, frozen=True, forbid_unknown_fields=True):
    """Who is told of a low score or of what is not solved, and how ({case_number}, {result})."""

    kind: Kind
    owner: Annotated[str, Meta(min_length=1, max_length=80)]
    within_minutes: Minutes
    case_note: Text
    note: Text


class FollowUpRules(Struct, frozen=True, forbid_unknown_fields=True):
    """`follow_up.yml`.

    Attributes:
        kind: of the calls after a case; `kinds`: of all calls that are listed and recorded.
        confirm: said before it is sure who answers; the first whose facts are known.
        tell: said then, before anything is asked; likewise.
    """

    kind: Kind
    kinds: list[Kind]
    after_days: dict[Occasion, Days]
    too_late_days: Days
    attempts: Annotated[int, Meta(ge=1, le=20)]
    again_after_minutes: Minutes
    date_format: Text
    list_separator: str
    title: Text
    confirm: Annotated[list[Text], Meta(min_length=1)]
    somebody_else: Text
    tell: Annotated[list[Text], Meta(min_length=1)]
    questions: Annotated[list[Text], Meta(min_length=1)]
    close: Text
    reminder: Text
    bad: BadAnswer

    def problems(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Yield what is wrong: where it stands, and what it is."""
        if self.kind not in self.kinds:
            yield ("kinds",), f"lacks {self.kind!r}"
        if max(self.after_days.values(), default=0) > self.too_late_days:
            yield ("too_late_days",), "it would be too late already"
        if variables(self.confirm[-1]) or variables(self.tell[-1]) - {"shop_name", "opened_on"}:
            yield ("confirm",), "the last confirm and tell must fit whatever is known"
        for keys, text, facts in self._texts():
            try:
                unknown = sorted(variables(text) - facts)
            except ValueError as error:
                yield keys, str(error)
            else:
                if unknown:
                    yield keys, f"may not use {{{unknown[0]}}}"

    def _texts(self) -> Iterator[tuple[tuple[str | int, ...], str, frozenset[str]]]:
        nothing: frozenset[str] = frozenset()
        yield ("title",), self.title, frozenset({"case_number"})
        yield ("date_format",), self.date_format, frozenset({"month", "day"})
        for index, text in enumerate(self.confirm):
            yield ("confirm", index), text, SAID_TO_ANYBODY
        for index, text in enumerate(self.tell):
            yield ("tell", index), text, TOLD
        for index, text in enumerate(self.questions):
            yield ("questions", index), text, nothing
        yield ("bad", "case_note"), self.bad.case_note, frozenset({"case_number", "result"})
        yield ("bad", "note"), self.bad.note, frozenset({"result"})


@lru_cache(maxsize=1)
def load_follow_up_rules() -> FollowUpRules:
    """Return the book's rules, read and checked once a process.

    Raises:
        ShopDataError: every problem, with file, line and field.
    """
    return read_follow_up_rules(FILE)


def read_follow_up_rules(path: Path) -> FollowUpRules:
    """Read and check such a file.

    Raises:
        ShopDataError: every problem, with file, line and field.
    """
    rules = read_yaml(path, FollowUpRules)
    problems = [
        f"{path}:{line_of(path, *keys)}: {'.'.join(map(str, keys))}: {problem}"
        for keys, problem in rules.problems()
    ]
    if problems:
        raise ShopDataError(problems)
    return rules
