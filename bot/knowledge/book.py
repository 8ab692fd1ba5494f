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
from bot.knowledge.case_rules import read_case_process
from bot.knowledge.complaint_rules import ComplaintBook, read_complaints
from bot.knowledge.entity_patterns import EntityPatterns
from bot.knowledge.forbidden import Forbidden, read_forbidden
from bot.knowledge.loader import line_of, read_yaml
from bot.knowledge.objection_rules import Id, Technique, TechniqueBook, TimingRules, TruthTable
from bot.knowledge.promise_rules import PromiseRules
from bot.knowledge.repairs import Repairs
from bot.knowledge.selling_rules import Closes, SellingRules
from bot.knowledge.technique_rules import Learning

BOOK_DIR = Path(__file__).parent / "book"
_FROM_FACTS = re.compile(r"\{[a-z_]+\}")  # the option's id is a fact of the turn
FACT_NAMES = frozenset(
    "shop_name phone product price price_per_day life_years warranty feature advantage benefit "
    "comparison related promotion policy decision_kit case_number next_step deadline stage "
    "queue_position hours contact call_time agent product_list reminder_day until proof "
    "second_proof story returns correction usual_concern concession concession_for lighter "
    "lighter_price instalment payday promise_day put_right stock_left alternative "
    "alternative_price other difference need how_to_order extra extra_price extra_benefit bundle "
    "bundle_price bundle_terms settled_points backing account remedy_text moral_text due "
    "earlier_number owner_name decision_text recourse".split()
)
CONDITION_NAMES = frozenset(
    "kind technique asks cause hours_now question style length timing day feedback promise miss "
    "stock fit close daytime customer reaction barrier talk decision".split()
)


@lru_cache(maxsize=8192)
def _variables_of(text: str) -> frozenset[str]:
    return frozenset(name for _, name, _, _ in Formatter().parse(text) if name)


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
        return _variables_of(self.text)


class OptionTemplate(Struct, frozen=True, forbid_unknown_fields=True):
    """A button of the book."""

    id: Id
    label: Annotated[str, Meta(min_length=1, max_length=12)]
    intent: str = ""
    operation: Literal["", "resume_bot"] = ""
    aliases: list[str] = []


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
    timing: TimingRules
    learning: Learning
    forbidden: Forbidden
    truth: TruthTable
    complaints: ComplaintBook
    language: LanguageFacts
    lexicon: Lexicon
    entities: EntityPatterns
    repairs: Repairs
    by_id: dict[str, Wording]
    response_by_wording: dict[str, str]
    promises: PromiseRules
    selling: SellingRules
    closes: Closes

    def technique(self, technique_id: str) -> Technique:
        """Return a technique of the book.

        Raises:
            KeyError: there is none with this id.
        """
        return {each.id: each for each in self.techniques}[technique_id]

    def wording(self, wording_id: str) -> Wording | None:
        """Return the wording with this id; None for one that a newer book no longer has."""
        return self.by_id.get(wording_id)


class _Replies(Struct, frozen=True, forbid_unknown_fields=True):
    replies: dict[str, list[Wording]]


class _Options(Struct, frozen=True, forbid_unknown_fields=True):
    options: list[OptionTemplate]


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
                replies[name] = (*replies.get(name, ()), *wordings)
                problems += _check_wordings(path, name, wordings)
        except ShopDataError as error:
            problems += error.problems
    if problems:
        raise ShopDataError(problems)
    techniques = read_yaml(folder / "techniques.yml", TechniqueBook)
    book = Book(
        replies=replies,
        options={
            option.id: option for option in read_yaml(folder / "options.yml", _Options).options
        },
        techniques=tuple(techniques.techniques),
        timing=techniques.timing,
        learning=techniques.learning,
        forbidden=read_forbidden(folder / "forbidden"),
        truth=read_yaml(folder / "truth.yml", TruthTable),
        complaints=read_complaints(folder),
        language=read_yaml(folder / "language.yml", LanguageFacts),
        lexicon=read_lexicon(folder / "lexicon"),
        entities=read_yaml(folder / "entities.yml", EntityPatterns),
        repairs=read_yaml(folder / "repairs.yml", Repairs),
        by_id={each.id: each for wordings in replies.values() for each in wordings},
        response_by_wording={each.id: name for name, all_ in replies.items() for each in all_},
        promises=read_yaml(folder / "promises.yml", PromiseRules),
        selling=read_yaml(folder / "product_talk.yml", SellingRules),
        closes=read_yaml(folder / "closes.yml", Closes),
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
    problems += _problems_of_techniques(folder / "techniques.yml", book)
    problems += _problems_of_truth(folder / "truth.yml", book)
    problems += _problems_of_promises(folder / "promises.yml", book)
    problems += _problems_of_process(folder, book)
    problems += _problems_of_repairs(folder / "repairs.yml", book)
    problems += _problems_of_selling(folder, book)
    entities = book.entities
    problems += _bad_patterns(folder / "entities.yml", entities.all_patterns(), entities.expand)
    return problems


def _problems_of_techniques(path: Path, book: Book) -> Iterator[str]:
    """Yield needs that are no facts, names of no technique or response, and missing wordings."""
    wordings = [wording for all_ in book.replies.values() for wording in all_]
    said = {wording.when.get("technique") for wording in wordings}
    known = {technique.id for technique in book.techniques}
    for index, technique in enumerate(book.techniques):
        found = [
            f"needs: there is no fact {each!r}"
            for each in technique.needs
            if each not in FACT_NAMES
        ]
        found += [
            f"after: there is no technique {each!r}"
            for each in technique.after
            if each not in known
        ]
        if technique.id not in said:
            found.append("has no wording")
        for each in found:
            yield f"{path}:{line_of(path, 'techniques', index)}: {technique.id}: {each}"
    for index, response in enumerate(book.timing.shows_value):
        if response not in book.replies:
            line = line_of(path, "timing", "shows_value", index)
            yield f"{path}:{line}: timing.shows_value[{index}]: there is no response {response!r}"


def _problems_of_truth(path: Path, book: Book) -> Iterator[str]:
    concepts = frozenset(book.lexicon.concepts) | frozenset(book.lexicon.constructions)
    for problem in book.truth.problems(concepts):
        keys = problem.partition(":")[0].split(".")
        yield f"{path}:{line_of(path, *keys[:2])}: {problem}"


def _problems_of_promises(path: Path, book: Book) -> Iterator[str]:
    for problem in book.promises.problems():
        yield f"{path}:{line_of(path, *problem.partition(':')[0].split('.'))}: {problem}"


def _problems_of_process(folder: Path, book: Book) -> list[str]:
    """Return what is wrong with the process of cases, and stages that customers cannot be told."""
    try:
        process = read_case_process(folder / "case_process.yml")
    except ShopDataError as error:
        return error.problems
    path = folder / "complaints.yml"
    line = line_of(path, "stage_names")
    named = book.complaints.stage_names
    return [
        *(
            f"{path}:{line}: stage_names: {stage!r} is missing"
            for stage in process.stages
            if stage not in named
        ),
        *(
            f"{path}:{line_of(path, field)}: {field}: {problem}"
            for field, problem in book.complaints.problems()
        ),
    ]


def _problems_of_repairs(path: Path, book: Book) -> Iterator[str]:
    repairs = book.repairs
    for key in ("questions", "about_product", "not_repeated"):
        for response in getattr(repairs, key):
            if response not in book.replies:
                yield f"{path}:{line_of(path, key)}: {key}: there is no response {response!r}"
    for problem in repairs.problems():
        yield f"{path}:{line_of(path, 'corrections')}: {problem}"


def _problems_of_selling(folder: Path, book: Book) -> Iterator[str]:
    path = folder / "product_talk.yml"
    concepts = frozenset(book.lexicon.concepts) | frozenset(book.lexicon.constructions)
    for problem in book.selling.problems(concepts):
        yield f"{path}:{line_of(path, problem.partition('[')[0].partition('.')[0])}: {problem}"
    path = folder / "closes.yml"
    said = {each.when.get("close") for each in book.replies.get("utter_close_sale", ())}
    for index, close in enumerate(book.closes.closes):
        place = f"{path}:{line_of(path, 'closes', index)}: {close.id}"
        yield from (f"{place}: needs: no fact {n!r}" for n in close.needs if n not in FACT_NAMES)
        if close.id not in said:
            yield f"{place}: has no wording"


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
