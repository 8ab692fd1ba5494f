"""What is never said to a customer, as data: the files of `book/forbidden/`.

Rules say what is forbidden, why, and what to say instead; `acquittals.yml` says when the same words
are innocent: denied, quoted, disowned. Patterns are bounded, so that no text makes one hang; this
is checked when they are read.
"""

from __future__ import annotations

import re
import sre_constants
import sre_parse
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from bot.errors import ShopDataError
from bot.knowledge.loader import line_of, read_yaml

Id = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
Severity = Literal["block", "warn"]
ACQUITTALS = "acquittals.yml"
LONGEST_REPEAT = 16
_MACRO = re.compile("@([a-z_]+)")
_REPEATS = (sre_constants.MAX_REPEAT, sre_constants.MIN_REPEAT)


class Category(Struct, frozen=True, forbid_unknown_fields=True):
    """A kind of violation.

    `in_facts`: a shop may say so in its own policies and promotions, for there it is a fact.
    """

    name: str
    in_facts: bool = False


class ForbiddenRule(Struct, frozen=True, forbid_unknown_fields=True):
    """Words never said to a customer, with what to say instead.

    `terms` are found whatever stands between their characters; `patterns` are expressions over one
    clause. A hit inside a match of `unless` is innocent, and one that is denied, if `deniable`.
    """

    id: Id
    category: Id
    source: Annotated[str, Meta(min_length=1)]
    instead: Annotated[str, Meta(min_length=1)]
    severity: Severity = "block"
    terms: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    deniable: bool = True


class Acquittals(Struct, frozen=True, forbid_unknown_fields=True):
    """When forbidden words are innocent, and how a text is read for that.

    Attributes:
        twins: a character that stands in for another, and that other.
        marks: what parts clauses; other punctuation inside a clause is passed over.
        short_clauses: characters that may be a clause alone.
        quotes: opening and closing marks.
        counted: words before a number that make it no sum of money.
        denied, disowned: what before and what behind a hit denies it.
        undenied: a denial that holds this is none.
        attributed, attributed_after: what beside a quotation makes it somebody else's words.
        told: what before words without quotation marks does so.
        endorsed: what behind somebody else's words makes them ours.
    """

    twins: tuple[str, ...]
    marks: str
    short_clauses: str
    quotes: tuple[str, ...]
    counted: tuple[str, ...]
    denied: tuple[str, ...]
    undenied: tuple[str, ...]
    disowned: tuple[str, ...]
    attributed: tuple[str, ...]
    attributed_after: tuple[str, ...]
    told: tuple[str, ...]
    endorsed: tuple[str, ...]

    def patterns(self) -> Iterator[tuple[str, int, str]]:
        """Yield every pattern with its field and place."""
        for field in (
            "denied",
            "undenied",
            "disowned",
            "attributed",
            "attributed_after",
            "told",
            "endorsed",
        ):
            for index, pattern in enumerate(getattr(self, field)):
                yield field, index, pattern


class Forbidden(Struct, frozen=True):
    """The whole folder."""

    rules: tuple[ForbiddenRule, ...]
    acquittals: Acquittals
    in_facts: frozenset[str]

    def may_be_fact(self, category: str) -> bool:
        """Tell whether a shop's own policy may say what this category forbids others."""
        return category in self.in_facts


class _Rules(Struct, frozen=True, forbid_unknown_fields=True):
    categories: dict[Id, Category]
    rules: tuple[ForbiddenRule, ...]
    macros: dict[Id, str] = {}


def read_forbidden(folder: Path) -> Forbidden:
    """Read and check the folder; `@name` in a pattern stands for a macro of its file.

    Raises:
        ShopDataError: every problem, each with file, line and field.
    """
    problems: list[str] = []
    rules: dict[str, ForbiddenRule] = {}
    in_facts: set[str] = set()
    for path in sorted(folder.glob("*.yml")):
        if path.name == ACQUITTALS:
            continue
        part = read_yaml(path, _Rules)
        in_facts |= {name for name, each in part.categories.items() if each.in_facts}
        for index, rule in enumerate(part.rules):
            found = list(_problems_of(rule, part))
            if rule.id in rules:
                found.append("the id stands twice")
            if found:
                line = line_of(path, "rules", index)
                problems += [f"{path}:{line}: {rule.id}: {each}" for each in found]
            else:
                rules[rule.id] = _expanded(rule, part.macros)
    path = folder / ACQUITTALS
    acquittals = read_yaml(path, Acquittals)
    for field, index, pattern in acquittals.patterns():
        if problem := problem_of_pattern(pattern):
            problems.append(f"{path}:{line_of(path, field, index)}: {field}[{index}]: {problem}")
    if problems:
        raise ShopDataError(problems)
    return Forbidden(tuple(rules.values()), acquittals, frozenset(in_facts))


def _problems_of(rule: ForbiddenRule, part: _Rules) -> Iterator[str]:
    if rule.category not in part.categories:
        yield f"category: there is no category {rule.category!r} in this file"
    if not rule.terms and not rule.patterns:
        yield "needs terms or patterns"
    for name, patterns in (("patterns", rule.patterns), ("unless", rule.unless)):
        for index, pattern in enumerate(patterns):
            unknown = [each for each in _MACRO.findall(pattern) if each not in part.macros]
            problem = f"there is no macro {unknown[0]!r}" if unknown else ""
            problem = problem or problem_of_pattern(_expand(pattern, part.macros))
            if problem:
                yield f"{name}[{index}]: {problem}"


def _expanded(rule: ForbiddenRule, macros: dict[str, str]) -> ForbiddenRule:
    return ForbiddenRule(
        rule.id,
        rule.category,
        rule.source,
        rule.instead,
        rule.severity,
        rule.terms,
        tuple(_expand(each, macros) for each in rule.patterns),
        tuple(_expand(each, macros) for each in rule.unless),
        rule.deniable,
    )


def _expand(pattern: str, macros: dict[str, str]) -> str:
    return _MACRO.sub(lambda found: f"(?:{macros[found[1]]})", pattern)


def problem_of_pattern(pattern: str) -> str:
    """Return why a pattern is refused, '' when it is good: it must be bounded in time.

    A repeat has an upper bound, and none but an optional part stands inside another.
    """
    try:
        parsed = sre_parse.parse(pattern)
    except re.error as error:
        return str(error)
    return _problem_of_parts(parsed, is_repeated=False)


def _problem_of_parts(parts: Any, *, is_repeated: bool) -> str:
    for operation, argument in parts:
        inside = is_repeated
        if operation in _REPEATS:
            most = argument[1]
            if most > LONGEST_REPEAT:
                return f"a repeat has no upper bound of at most {LONGEST_REPEAT}"
            if most > 1 and is_repeated:
                return "a repeat stands inside a repeat"
            inside = is_repeated or most > 1
        for part in _parts_of(argument):
            if problem := _problem_of_parts(part, is_repeated=inside):
                return problem
    return ""


def _parts_of(argument: Any) -> Iterator[Any]:
    """Yield the parts that an operation holds, however it nests them."""
    if isinstance(argument, sre_parse.SubPattern):
        yield argument
    elif isinstance(argument, (tuple, list)):
        for each in argument:
            yield from _parts_of(each)
