"""The book that every shop gets: techniques, wordings, beliefs, complaints, forbidden phrases.

Everything the bot says and every number it decides by lies as YAML in `book/`; a new technique
or wording needs no Python (design decision 6). Ids are never renamed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from string import Formatter
from typing import Annotated, Literal

from msgspec import Meta, Struct

from bot.errors import ShopDataError
from bot.knowledge.entity_patterns import EntityPatterns
from bot.knowledge.loader import line_of, read_yaml
from bot.knowledge.objection_rules import Id, Technique, TruthTable

BOOK_DIR = Path(__file__).parent / "book"
_FROM_FACTS = re.compile(r"\{[a-z_]+\}")  # the option's id is a fact of the turn
FACT_NAMES = frozenset(
    "shop_name phone product price price_per_day life_years warranty feature advantage benefit "
    "comparison related promotion policy decision_kit case_number next_step deadline stage "
    "queue_position hours contact call_time agent product_list reminder_day until".split()
)
CONDITION_NAMES = frozenset(
    {"kind", "technique", "asks", "cause", "hours_now", "question", "style"}
)


class Wording(Struct, frozen=True, forbid_unknown_fields=True):
    """One way to say a response; skipped when a variable is unknown or `when` does not hold.

    `card` shows the product in talk with it; `asks_personal` shows the shop's privacy text.
    """

    id: Id
    text: Annotated[str, Meta(min_length=1, max_length=300)]
    when: dict[str, str] = {}
    options: list[str] = []
    card: Literal["", "product"] = ""
    asks_personal: bool = False

    @property
    def variables(self) -> frozenset[str]:
        """The facts its text needs."""
        return frozenset(name for _, name, _, _ in Formatter().parse(self.text) if name)


class OptionTemplate(Struct, frozen=True, forbid_unknown_fields=True):
    """A button of the book."""

    id: Id
    label: Annotated[str, Meta(min_length=1, max_length=12)]
    intent: str = ""
    operation: Literal["", "resume_bot"] = ""
    aliases: list[str] = []


class ForbiddenPhrase(Struct, frozen=True, forbid_unknown_fields=True):
    """A phrase never said to a customer (D-CMP-8), with what to say instead."""

    id: Id
    pattern: str
    source: str
    instead: str


class Severity(Struct, frozen=True, forbid_unknown_fields=True):
    """What follows from a case's severity (D-CMP-4)."""

    deadline_hours: Annotated[int, Meta(gt=0)]
    next_step: str


class ComplaintBook(Struct, frozen=True, forbid_unknown_fields=True):
    """`complaints.yml`."""

    causes: dict[str, str]
    cause_names: dict[str, str]
    stage_names: dict[str, str]
    severities: dict[Literal["slight", "serious", "bodily"], Severity]
    deadline_format: str
    urgent_reactions: list[str]


class LanguageFacts(Struct, frozen=True, forbid_unknown_fields=True):
    """`language.yml`."""

    final_particles: str
    unfinished_endings: list[str]
    money_format: str
    months_format: str
    hours_today: str
    hours_tomorrow: str
    hours_on: str
    hours_unknown: str
    list_separator: str
    day_format: str
    call_topics: dict[str, str]
    time_words: list[str]
    negations: list[str]


class Lexicon(Struct, frozen=True, forbid_unknown_fields=True):
    """`lexicon/*.yml`: concept → words and set phrases; concept → constructions with gaps."""

    concepts: dict[str, list[str]]
    constructions: dict[str, list[str]] = {}


class Signs(Struct, frozen=True, forbid_unknown_fields=True):
    """`signs.yml`: each sign of a message → the concepts that show it."""

    threats: dict[str, list[str]]
    buying_signals: dict[str, list[str]]
    style_cues: dict[str, list[str]]


class Book(Struct, frozen=True):
    """The whole book."""

    replies: dict[str, tuple[Wording, ...]]
    options: dict[str, OptionTemplate]
    techniques: tuple[Technique, ...]
    forbidden: tuple[ForbiddenPhrase, ...]
    truth: TruthTable
    complaints: ComplaintBook
    language: LanguageFacts
    lexicon: Lexicon
    entities: EntityPatterns
    by_id: dict[str, Wording]

    def wording(self, wording_id: str) -> Wording | None:
        """Return the wording with this id; None for one that a newer book no longer has."""
        return self.by_id.get(wording_id)


class _Replies(Struct, frozen=True, forbid_unknown_fields=True):
    replies: dict[str, list[Wording]]


class _Options(Struct, frozen=True, forbid_unknown_fields=True):
    options: list[OptionTemplate]


class _Techniques(Struct, frozen=True, forbid_unknown_fields=True):
    techniques: list[Technique]


class _Forbidden(Struct, frozen=True, forbid_unknown_fields=True):
    phrases: list[ForbiddenPhrase]


@lru_cache(maxsize=1)
def load_book() -> Book:
    """Return the book, read and checked once a process.

    Raises:
        ShopDataError: every problem, each with file, line and field.
    """
    return read_book(BOOK_DIR)


@lru_cache(maxsize=1)
def load_language() -> LanguageFacts:
    """Return the facts of the language alone (cheap; used by `bot.language`)."""
    return read_yaml(BOOK_DIR / "language.yml", LanguageFacts)


@lru_cache(maxsize=1)
def load_lexicon() -> Lexicon:
    """Return the concept lexicon alone."""
    return read_lexicon(BOOK_DIR / "lexicon")


def read_lexicon(folder: Path) -> Lexicon:
    """Read the files of a lexicon into one.

    Raises:
        ShopDataError: what cannot be read, a concept that stands in two files.
    """
    concepts: dict[str, list[str]] = {}
    constructions: dict[str, list[str]] = {}
    problems: list[str] = []
    for path in sorted(folder.glob("*.yml")):
        part = read_yaml(path, Lexicon)
        for key, known, new in (
            ("concepts", concepts, part.concepts),
            ("constructions", constructions, part.constructions),
        ):
            for name in known.keys() & new.keys():
                line = line_of(path, key, name)
                problems.append(f"{path}:{line}: {key}.{name}: stands in two files")
            known.update(new)
        problems += _bad_constructions(path, part)
    if problems:
        raise ShopDataError(problems)
    return Lexicon(concepts, constructions)


def _bad_constructions(path: Path, lexicon: Lexicon) -> list[str]:
    problems = []
    for name, patterns in lexicon.constructions.items():
        for index, pattern in enumerate(patterns):
            for opening, closing in ("()", "[]"):
                if pattern.count(opening) != pattern.count(closing):
                    line = line_of(path, "constructions", name, index)
                    problems.append(
                        f"{path}:{line}: constructions.{name}[{index}]: "
                        f"{opening} and {closing} do not match"
                    )
    return problems


@lru_cache(maxsize=1)
def load_signs() -> Signs:
    """Return the signs alone."""
    return read_yaml(BOOK_DIR / "signs.yml", Signs)


@lru_cache(maxsize=1)
def load_entity_patterns() -> EntityPatterns:
    """Return the entity patterns alone."""
    return read_yaml(BOOK_DIR / "entities.yml", EntityPatterns)


def read_book(folder: Path) -> Book:
    """Read and check a book's folder.

    Raises:
        ShopDataError: every problem, each with file, line and field.
    """
    problems: list[str] = []
    replies: dict[str, tuple[Wording, ...]] = {}
    for path in sorted((folder / "replies").glob("*.yml")):
        try:
            for name, wordings in read_yaml(path, _Replies).replies.items():
                if name in replies:
                    line = line_of(path, "replies", name)
                    problems.append(f"{path}:{line}: replies.{name}: stands in two files")
                replies[name] = tuple(wordings)
                problems += _check_wordings(path, name, wordings)
        except ShopDataError as error:
            problems += error.problems
    if problems:
        raise ShopDataError(problems)
    book = Book(
        replies=replies,
        options={
            option.id: option for option in read_yaml(folder / "options.yml", _Options).options
        },
        techniques=tuple(read_yaml(folder / "techniques.yml", _Techniques).techniques),
        forbidden=tuple(read_yaml(folder / "forbidden.yml", _Forbidden).phrases),
        truth=read_yaml(folder / "truth.yml", TruthTable),
        complaints=read_yaml(folder / "complaints.yml", ComplaintBook),
        language=read_yaml(folder / "language.yml", LanguageFacts),
        lexicon=read_lexicon(folder / "lexicon"),
        entities=read_yaml(folder / "entities.yml", EntityPatterns),
        by_id={each.id: each for wordings in replies.values() for each in wordings},
    )
    problems = _cross_check(folder, book)
    if problems:
        raise ShopDataError(problems)
    return book


def _check_wordings(path: Path, response: str, wordings: list[Wording]) -> list[str]:
    problems = []
    for index, wording in enumerate(wordings):
        found = _problems_of(wording)
        if found:  # only now: finding a line means composing the whole file
            line = line_of(path, "replies", response, index)
            problems += [f"{path}:{line}: {wording.id}: {each}" for each in found]
    return problems


def _problems_of(wording: Wording) -> list[str]:
    try:
        unknown = sorted(wording.variables - FACT_NAMES)
    except ValueError as error:
        return [f"text: {error}"]
    conditions = sorted(set(wording.when) - CONDITION_NAMES)
    return [f"text: unknown variable {{{name}}}" for name in unknown] + [
        f"when: unknown condition {name!r}" for name in conditions
    ]


def _cross_check(folder: Path, book: Book) -> list[str]:
    """Find duplicate ids, dangling options, needs that are no facts, and bad patterns."""
    problems = []
    seen: set[str] = set()
    for name, wordings in book.replies.items():
        for wording in wordings:
            if wording.id in seen:
                problems.append(f"{folder}/replies: {name}: the id {wording.id!r} stands twice")
            seen.add(wording.id)
            problems += [
                f"{folder}/replies: {wording.id}: options: there is no option {option!r}"
                for option in wording.options
                if option not in book.options and not _FROM_FACTS.fullmatch(option)
            ]
    path = folder / "techniques.yml"
    said = {
        wording.when.get("technique") for wording in book.replies.get("utter_apply_technique", ())
    }
    for index, technique in enumerate(book.techniques):
        found = [
            f"needs: there is no fact {need!r}"
            for need in technique.needs
            if need not in FACT_NAMES
        ]
        if technique.id not in said:
            found.append("has no wording in utter_apply_technique")
        if found:
            line = line_of(path, "techniques", index)
            problems += [f"{path}:{line}: {technique.id}: {each}" for each in found]
    forbidden = (("phrases", index, each.pattern) for index, each in enumerate(book.forbidden))
    problems += _bad_patterns(folder / "forbidden.yml", forbidden)
    problems += _problems_of_truth(folder / "truth.yml", book)
    entities = book.entities
    problems += _bad_patterns(folder / "entities.yml", entities.all_patterns(), entities.expand)
    return problems


def _problems_of_truth(path: Path, book: Book) -> Iterator[str]:
    concepts = frozenset(book.lexicon.concepts) | frozenset(book.lexicon.constructions)
    for problem in book.truth.problems(concepts):
        keys = problem.partition(":")[0].split(".")
        yield f"{path}:{line_of(path, *keys[:2])}: {problem}"


def _bad_patterns(
    path: Path,
    placed: Iterable[tuple[str, str | int, str]],
    expand: Callable[[str], str] = str,
) -> list[str]:
    problems = []
    for key, place, pattern in placed:
        try:
            re.compile(expand(pattern))
        except re.error as error:
            line = line_of(path, key, place)
            problems.append(f"{path}:{line}: {key}[{place}].pattern: {error}")
    return problems
