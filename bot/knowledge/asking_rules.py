"""Whom the bot asks after, once and friendly, when they fall silent (D-CMP-10, D-CMP-13)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

from bot.errors import ShopDataError
from bot.knowledge.book import BOOK_DIR
from bot.knowledge.loader import line_of, read_yaml
from bot.knowledge.objection_rules import Id

FILE = BOOK_DIR / "asking_after.yml"
Minutes = Annotated[int, Meta(gt=0, le=60_000)]
Response = Annotated[str, Meta(pattern=r"^utter_[a-z_]+$")]


class Silence(Struct, frozen=True, forbid_unknown_fields=True):
    """What a customer said last before the silence that is asked about.

    Attributes:
        reactions, intents: any of them alone; `fault_intents`: only with a defect named.
        unless_intents: not with one of these, whatever the reaction.
        after_minutes: of the opening hours, since the customer's last word.
        in_case: asked while a case waits in its first stage; empty: nothing is.
    """

    id: Id
    after_minutes: Minutes
    response: Response
    in_case: Response | None = None
    reactions: list[str] = []
    unless_intents: list[str] = []
    intents: list[str] = []
    fault_intents: list[str] = []


class AskingRules(Struct, frozen=True, forbid_unknown_fields=True):
    """`asking_after.yml`. All minutes are of the opening hours."""

    too_late_minutes: Minutes
    looks_back: Annotated[int, Meta(ge=1, le=20)]
    settled_by: list[str]
    questions: list[Response]
    silences: list[Silence]

    @property
    def reactions(self) -> list[str]:
        """Reactions that may begin such a silence."""
        return [each for rule in self.silences for each in rule.reactions]

    @property
    def intents(self) -> list[str]:
        """Intents that may."""
        return [each for rule in self.silences for each in (*rule.intents, *rule.fault_intents)]

    def problems(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Yield what is wrong: where it stands, and what it is."""
        for index, rule in enumerate(self.silences):
            if not (rule.reactions or rule.intents or rule.fault_intents):
                yield ("silences", index), "begins with nothing"
            if rule.after_minutes >= self.too_late_minutes:
                yield ("silences", index), "after_minutes: it would be too late already"
            for response in (rule.response, rule.in_case):
                if response is not None and response not in self.questions:
                    yield ("silences", index), f"{response}: is missing in questions"


@lru_cache(maxsize=1)
def load_asking_rules() -> AskingRules:
    """Return the book's rules, read and checked once a process.

    Raises:
        ShopDataError: every problem, with file, line and field.
    """
    return read_asking_rules(FILE)


def read_asking_rules(path: Path) -> AskingRules:
    """Read and check such a file.

    Raises:
        ShopDataError: every problem, with file, line and field.
    """
    rules = read_yaml(path, AskingRules)
    problems = [
        f"{path}:{line_of(path, *keys)}: {'.'.join(map(str, keys))}: {problem}"
        for keys, problem in rules.problems()
    ]
    if problems:
        raise ShopDataError(problems)
    return rules
