"""The wording guard: what must never be said to a customer (D-CMP-7, D-CMP-8, D-OBJ-10).

It checks every outgoing text, whoever wrote it, by the rules of `book/forbidden/`. It knows what is
denied, disowned or somebody else's words, and sees through what is put between characters. It
mends nothing: it says what is wrong, why, and what to say instead.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from bot.dialogue.surface import STOP, Surface, SurfaceReader
from bot.knowledge.book import Book
from bot.knowledge.forbidden import Forbidden, ForbiddenRule, Severity
from bot.language.lexicon import ConceptMatcher

REACH = 24  # characters before and behind a hit that may acquit it
HIT, HERE = "@", "\0"  # the hit itself, in a pattern and in the text it is searched in
Span = tuple[int, int]


@dataclass(frozen=True)
class Violation:
    """A forbidden phrase found in a text, and what to say instead.

    Attributes:
        quote: as it was written, from `start` to `end`.
        source: the D-id or the article of a law that forbids it.
        severity: a text to `block` is not sent; one to `warn` of may be.
    """

    phrase_id: str
    quote: str
    source: str
    instead: str
    category: str
    severity: Severity
    start: int
    end: int


def violations(
    book: Book, text: str, allowed: Collection[str] = (), *, quoted: Collection[str] = ()
) -> tuple[Violation, ...]:
    """Return what is forbidden in `text`, the first place of every rule, in order of the text.

    Args:
        allowed: the shop's own facts. What lies wholly in one of them, said verbatim, is no
            violation if its category may be said in facts (a promise that is a policy).
        quoted: the customer's own words. What lies wholly in them is none at all.
    """
    return _guard_of(book.forbidden).find(text, allowed, quoted)


def blocking(found: Iterable[Violation]) -> tuple[Violation, ...]:
    """Return the violations for which a text is not sent."""
    return tuple(each for each in found if each.severity == "block")


def first_sayable(book: Book, facts: Iterable[str]) -> str:
    """Return the first of a shop's facts that is not forbidden to say, '' if there is none."""
    return next(
        (each for each in facts if not blocking(violations(book, each, allowed=(each,)))), ""
    )


class Guard:
    """The rules of one book, compiled."""

    def __init__(self, forbidden: Forbidden) -> None:
        """Compile everything once; a text then takes less than a millisecond."""
        says = forbidden.acquittals
        self._forbidden = forbidden
        self._reader = SurfaceReader(says.twins, says.marks, says.short_clauses)
        self._rules = {rule.id: rule for rule in forbidden.rules}
        self._terms = ConceptMatcher(
            {
                rule.id: [self._reader.joined(each) for each in rule.terms]
                for rule in forbidden.rules
            },
            {},
            (),
        )
        self._patterns = [
            (rule, re.compile(pattern)) for rule in forbidden.rules for pattern in rule.patterns
        ]
        self._unless = {
            rule.id: re.compile("|".join(rule.unless)) for rule in forbidden.rules if rule.unless
        }
        self._quotes = [re.compile(_quotation(each)) for each in says.quotes]
        self._denied, self._told = _ending(says.denied), _ending(says.told)
        self._undenied = re.compile("|".join(says.undenied).replace(HIT, HERE))
        self._disowned = re.compile("|".join(says.disowned))
        self._attributed = _ending(says.attributed)
        self._attributed_after = re.compile("|".join(says.attributed_after))
        self._endorsed = re.compile("|".join(says.endorsed))

    def find(
        self, text: str, allowed: Collection[str], quoted: Collection[str]
    ) -> tuple[Violation, ...]:
        """See `violations`."""
        joined, clauses = self._reader.read(text)
        found: dict[str, Violation] = {}
        quotations: list[Span] | None = None
        facts: list[Span] | None = None
        words: list[Span] | None = None
        for rule, span in self._hits(joined, clauses):
            if rule.id in found or self._is_denied(rule, span, clauses):
                continue
            if quotations is None or facts is None or words is None:  # seldom needed
                quotations = list(self._quotations(text, clauses))
                facts = list(self._passages(joined, allowed))
                words = list(self._passages(joined, quoted))
            may_be_fact = self._forbidden.may_be_fact(rule.category)
            if not _is_within(span, [*quotations, *words, *(facts if may_be_fact else [])]):
                found[rule.id] = _violation(rule, text, span)
        return tuple(sorted(found.values(), key=lambda each: (each.start, each.end)))

    def _hits(self, joined: Surface, clauses: Surface) -> Iterator[tuple[ForbiddenRule, Span]]:
        for match in self._terms.find(joined.text):
            yield self._rules[match.concept], joined.written(match.start, match.end)
        for rule, pattern in self._patterns:
            for found in pattern.finditer(clauses.text):
                if found.end() > found.start():
                    yield rule, clauses.written(*found.span())

    def _is_denied(self, rule: ForbiddenRule, span: Span, clauses: Surface) -> bool:
        """Tell whether the words around a hit make it innocent."""
        start, end = clauses.index(span[0]), clauses.index(span[1])
        unless = self._unless.get(rule.id)
        if unless is not None:
            low = max(0, start - REACH)
            for match in unless.finditer(clauses.text, low, min(len(clauses.text), end + REACH)):
                if match.start() <= start and end <= match.end():
                    return True
        before = clauses.text[max(0, start - REACH) : start].rpartition(STOP)[2]
        after = clauses.text[end : end + REACH]
        if self._told.search(before) and not self._endorsed.match(after):
            return True
        if not rule.deniable:
            return False
        if self._disowned.match(after):
            return True
        if not self._denied.search(before):
            return False
        return self._undenied.search(f"{before}{HERE}{after}") is None

    def _quotations(self, text: str, clauses: Surface) -> Iterator[Span]:
        """Yield the quotations of somebody else's words that are not made our own."""
        for pattern in self._quotes:
            for match in pattern.finditer(text):
                start, end = clauses.index(match.start()), clauses.index(match.end())
                before = clauses.text[max(0, start - REACH) : start]
                after = clauses.text[end : end + REACH]
                is_told = self._attributed.search(before) or self._attributed_after.match(after)
                if is_told and not self._endorsed.match(after):
                    yield match.span()

    def _passages(self, joined: Surface, passages: Collection[str]) -> Iterator[Span]:
        for passage in passages:
            yield from joined.spans_of(self._reader.joined(passage))


def _violation(rule: ForbiddenRule, text: str, span: Span) -> Violation:
    return Violation(
        phrase_id=rule.id,
        quote=text[slice(*span)],
        source=rule.source,
        instead=rule.instead,
        category=rule.category,
        severity=rule.severity,
        start=span[0],
        end=span[1],
    )


def _is_within(span: Span, passages: Iterable[Span]) -> bool:
    return any(start <= span[0] and span[1] <= end for start, end in passages)


def _ending(patterns: Iterable[str]) -> re.Pattern[str]:
    """Return an expression that finds any of the patterns at the very end."""
    return re.compile(f"(?:{'|'.join(patterns)})\\Z")


def _quotation(marks: str) -> str:
    opening, closing = re.escape(marks[0]), re.escape(marks[1])
    return f"{opening}[^{opening}{closing}]{{1,2000}}{closing}"


@lru_cache(maxsize=8)
def _guard_of(forbidden: Forbidden) -> Guard:
    return Guard(forbidden)
