"""Finds concepts in a text: words and set phrases, and constructions with gaps.

A hand-made lexicon in the manner of Cilin and HowNet: it lets a word that training never saw be
understood through its class-mates. Pure; knows no spaCy.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

GAP = "\u2026"
GAP_LENGTH = 8
NEGATION_REACH = 2
CONSTRUCTION_REACH = 600
_NO_STOP = r"[^,.!?;\u3002\n]"
_CLOSING = r"[\s,.!?;~\u3002]*\Z"
_BRACKETS = re.compile(r"[\[(][^\])]*[\])]")
_LITERALS = re.compile(r"[\[(][^\])]*[\])]|[\u2026^$]")


@dataclass(frozen=True)
class ConceptMatch:
    """A concept and the characters it rests on; negated when a negation stands before them."""

    concept: str
    start: int
    end: int
    negated: bool = False


class ConceptMatcher:
    """Matches a whole lexicon in one pass over the text."""

    def __init__(
        self,
        concepts: Mapping[str, Sequence[str]],
        constructions: Mapping[str, Sequence[str]],
        negations: Sequence[str],
    ) -> None:
        """Prepare the lexicon.

        Args:
            concepts: concept → terms, found as substrings, the longest at each place.
            constructions: concept → patterns; see `compile_construction`.
            negations: words that turn a term into its opposite right before it.
        """
        self._negations = tuple(negations)
        self._concepts_of: dict[str, list[str]] = {}
        for concept, terms in concepts.items():
            for term in terms:
                self._concepts_of.setdefault(term.lower(), []).append(concept)
        lengths: dict[str, set[int]] = {}
        for term in self._concepts_of:
            lengths.setdefault(term[0], set()).add(len(term))
        self._lengths = {char: sorted(each, reverse=True) for char, each in lengths.items()}
        self._constructions: list[tuple[str, re.Pattern[str]]] = []
        self._constructions_of: dict[str, list[int]] = {}
        for concept, patterns in constructions.items():
            for pattern in patterns:
                for char in _one_needed(pattern):
                    self._constructions_of.setdefault(char, []).append(len(self._constructions))
                self._constructions.append((concept, compile_construction(pattern)))

    def find(self, text: str) -> Iterator[ConceptMatch]:
        """Yield the concepts of a cleaned text: terms in order, then constructions."""
        text = text.lower()
        for start, char in enumerate(text):
            for length in self._lengths.get(char, ()):
                end = start + length
                concepts = self._concepts_of.get(text[start:end]) if end <= len(text) else None
                if concepts is not None:
                    negated = self._is_negated(text, start)
                    for concept in concepts:
                        yield ConceptMatch(concept, start, end, negated)
                    break
        beginning = text[:CONSTRUCTION_REACH]
        for index in sorted(self._candidates(beginning)):
            concept, pattern = self._constructions[index]
            match = pattern.search(beginning)
            if match is not None:
                yield ConceptMatch(concept, match.start(), match.end())

    def _candidates(self, text: str) -> set[int]:
        """Return the constructions of which a needed character is there."""
        return {index for char in set(text) for index in self._constructions_of.get(char, ())}

    def _is_negated(self, text: str, start: int) -> bool:
        before = text[max(0, start - NEGATION_REACH) : start]
        if not any(word in before for word in self._negations):
            return False
        question = text[max(0, start - 3) : start]  # A-not-A, as in "is it or is it not"
        return not (len(question) == 3 and question[0] == question[2])


def compile_construction(pattern: str) -> re.Pattern[str]:
    """Return the expression of a construction.

    An ellipsis stands for up to eight characters without a stop, `^` and `$` for the ends of the
    message, `[…]` for one of some characters, `(…|…)` for one of some words; the rest is literal.

    Raises:
        re.error: brackets do not match.
    """
    parts = []
    for char in pattern.lower():
        if char == GAP:
            parts.append(f"{_NO_STOP}{{0,{GAP_LENGTH}}}?")
        elif char == "^":
            parts.append(r"\A")
        elif char == "$":
            parts.append(_CLOSING)
        elif char in "[]()|":
            parts.append(char)
        else:
            parts.append(re.escape(char))
    return re.compile("".join(parts))


def _one_needed(pattern: str) -> frozenset[str]:
    """Return the smallest set of characters of which every match of a construction holds one."""
    pattern = pattern.lower()
    runs = [frozenset(run) for run in _LITERALS.split(pattern) if run]
    starts = [
        frozenset(each[0] for each in bracket[1:-1].split("|"))
        if bracket.startswith("(")
        else frozenset(bracket[1:-1])
        for bracket in _BRACKETS.findall(pattern)
    ]
    return min([*(frozenset(min(run)) for run in runs), *starts], key=len)
