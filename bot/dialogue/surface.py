"""A text as a reader's eye takes it: what is put between and in place of characters seen through.

Who wants to say what must not be said writes it with spaces, marks, invisible characters, twins,
full width or Traditional script. Every character keeps its place in the text as it was written.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from bot.language.normalise import clean

STOP = "\n"  # between clauses; no pattern's dot matches it
MOST_ALONE = 3  # so many clauses of one character in a row are no clauses
_KEPT = "%"
_DECIMAL = re.compile(r"(?<=\d)\.(?=\d)")


@dataclass(frozen=True)
class Surface:
    """Characters, and for each its place in the text as written."""

    text: str
    places: tuple[int, ...]

    def written(self, start: int, end: int) -> tuple[int, int]:
        """Return the place in the text as written of what stands from `start` to `end`."""
        return self.places[start], self.places[end - 1] + 1

    def index(self, place: int) -> int:
        """Return where here the character that is written at `place` stands, or the next one."""
        return bisect_left(self.places, place)

    def spans_of(self, passage: str) -> Iterator[tuple[int, int]]:
        """Yield where a passage (its characters alone) stands in the text as written."""
        start = self.text.find(passage) if passage else -1
        while start >= 0:
            yield self.written(start, start + len(passage))
            start = self.text.find(passage, start + 1)


class SurfaceReader:
    """Reads texts under the rules of one book."""

    def __init__(self, twins: tuple[str, ...], marks: str, short_clauses: str) -> None:
        """Take the twins (a character and whom it stands in for), marks and short clauses."""
        self._twins = {twin[0]: twin[1:] for twin in twins}
        self._marks = frozenset(marks)
        self._short = frozenset(short_clauses)

    def read(self, text: str) -> tuple[Surface, Surface]:
        """Return the characters alone, and the same in clauses parted by `STOP`."""
        chars: list[str] = []
        places: list[int] = []
        for place, written in enumerate(text):
            for char in self._seen(written, text, place):
                chars.append(char)
                places.append(place)
        alone = [index for index, char in enumerate(chars) if char != STOP]
        joined = Surface("".join(chars[i] for i in alone), tuple(places[i] for i in alone))
        kept = list(self._without_false_stops(chars))
        clauses = Surface("".join(chars[i] for i in kept), tuple(places[i] for i in kept))
        return joined, clauses

    def joined(self, text: str) -> str:
        """Return the characters of a text alone."""
        return self.read(text)[0].text

    def _seen(self, written: str, text: str, place: int) -> str:
        if written == "." and _DECIMAL.match(text, place):
            return written
        if written in self._marks:
            return STOP
        return "".join(self._twins.get(char, char) for char in _plain(written))

    def _without_false_stops(self, chars: list[str]) -> Iterator[int]:
        """Yield what stays when stops put between single characters are taken out."""
        pieces: list[list[int]] = [[]]
        for index, char in enumerate(chars):
            if char == STOP:
                pieces.append([])
            else:
                pieces[-1].append(index)
        pieces = [piece for piece in pieces if piece]
        run = 0
        is_alone: list[bool] = []
        runs: list[int] = []
        for piece in pieces:
            run = run + 1 if len(piece) == 1 else 0
            runs.append(run)
            is_alone.append(len(piece) == 1 and chars[piece[0]] not in self._short)
        for index in range(len(pieces) - 2, -1, -1):  # a run is as long as at its end
            if runs[index] and runs[index + 1]:
                runs[index] = runs[index + 1]
        previous = False
        for index, piece in enumerate(pieces):
            joins = is_alone[index] or runs[index] >= MOST_ALONE
            if index and not (joins or previous):
                yield pieces[index][0] - 1  # the stop before it
            yield from piece
            previous = joins


@lru_cache(maxsize=65_536)
def _plain(char: str) -> str:
    """Return one character narrow, Simplified and small, without marks; '' for no letter."""
    decomposed = unicodedata.normalize("NFKD", char)
    plain = "".join(
        each for each in decomposed if each in _KEPT or unicodedata.category(each)[0] in "LN"
    )
    return clean(plain, len(plain)).lower()
