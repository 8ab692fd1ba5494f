"""Numbers as customers write them, and the sums, counts and durations made of them.

Chinese numerals leave things out (two hundred and five is 250) and are often vague; a vague one is
a range. The spellings lie in `entities.yml`. Pure; knows no clock.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Union

from bot.knowledge.entity_patterns import Numerals

Range = tuple[float, float]
Groups = Mapping[str, Union[str, None]]
Resolved = Union[int, float, dict[str, Union[int, float]]]

LARGE_UNIT = 10_000
FEN = 100
HALF = 0.5
LARGEST = 1e12  # a sum of it in fen still fits 64 bits
_PIECES = re.compile(r"\d+(?:\.\d+)?|.", re.DOTALL)


class NumberReader:
    """Reads what the number patterns have found."""

    def __init__(self, numerals: Numerals) -> None:
        """Keep the spellings."""
        self._numerals = numerals
        self._names = {value: char for char, value in reversed(list(numerals.digits.items()))}

    def read(self, text: str) -> Range | None:
        """Return the least and the greatest number that `text` may mean; None when it is none."""
        text = text.replace(",", "")
        if text in self._numerals.idioms:
            return self._numerals.idioms[text]
        least, most = self._bound(text, 0), self._bound(text, 1)
        low = self._read_exact(least)
        high = low if most == least else self._read_exact(most)
        return None if low is None or high is None or not low <= high <= LARGEST else (low, high)

    def is_large(self, text: str) -> bool:
        """Tell whether a number is spelt like a sum: a count of hundreds or more, no '4k'."""
        units = [char for char in text[1:] if self._numerals.units.get(char, 0) >= 100]
        is_model = text.isascii() and text[:-1].isdecimal()
        return bool(units) and self._numerals.units.get(text[0], 0) < 100 and not is_model

    def read_range(self, groups: Groups) -> Range | None:
        """Return the range of a number with what stands around it.

        Roles: number; upper (the other end); more (a share of the last place more); big (a unit
        behind that); half, half_after, more_in, more_after (behind the unit).
        """
        found = self.read(groups["number"] or "")
        upper_text = groups.get("upper") or ""
        upper = self.read(upper_text) if upper_text else found
        if found is None or upper is None:
            return None
        low, high = found[0], upper[1]
        units = self._numerals.units
        if upper_text and low < 10 <= (unit := units.get(upper_text[-1], 1)):
            low *= unit  # 'three to five hundred'
        high += self._numerals.more.get(groups.get("more") or "", 0) * _place(high)
        scale = units.get(groups.get("big") or "", 1)
        half = HALF if groups.get("half") or groups.get("half_after") else 0
        over = 1 if groups.get("more_in") or groups.get("more_after") else 0
        low, high = low * scale + half, high * scale + half + over
        return (low, high) if low <= high else None

    def value(self, label: str, groups: Groups) -> Resolved | None:
        """Return an amount in fen, a duration in days (a month has 30), a quantity as a count."""
        found = self.read_range(groups)
        if found is None or (label == "quantity" and not found[1]):
            return None
        if label == "duration":
            return _resolved(found, self.days_of_unit(groups), places=4)
        if label == "quantity":
            return _resolved(found, 1, places=2)
        small = 0.0
        for role, share in (("tenth", 0.1), ("hundredth", 0.01)):
            digit = self.read(groups.get(role) or "")
            if digit is not None:  # 'three yuan and a half' is no half of a tenth
                small += digit[0] if digit[0] == HALF else digit[0] * share
        fen = self._numerals.coins.get(groups.get("coin") or "", FEN)
        return _resolved((found[0] + small, found[1] + small), fen, places=None)

    def days_of_unit(self, groups: Groups) -> float:
        """Return the days of a duration's unit."""
        unit = groups.get("unit") or ""
        return self._numerals.unit_days.get(unit) or self._numerals.unit_days.get(unit[1:], 1)

    def _bound(self, text: str, end: int) -> str:
        """Return the lower (0) or upper (1) reading of a vague number: two-three, some."""
        digits = self._numerals.digits
        some = self._numerals.some
        if some and some in text:
            least = 2 if text.startswith(some) else 1
            text = text.replace(some, self._names[9 if end else least])
        steps = [digits.get(char, -1) for char in text]
        if 0 in steps or any(min(steps[place : place + 3]) > 0 for place in range(len(text) - 2)):
            return text  # spelt digit by digit
        for place in range(len(text) - 1):
            if steps[place] >= 1 and steps[place + 1] - steps[place] == 1:
                return text[:place] + text[place + end] + text[place + 2 :]
        return text

    def _read_exact(self, text: str) -> float | None:
        """Read one number: 'two hundred five' is 250, with a zero between 205."""
        total = section = 0.0
        current: float | None = None
        last, has_zero = 1.0, False
        for piece in _PIECES.findall(text):
            if (unit := self._numerals.units.get(piece)) is not None:
                if unit >= LARGE_UNIT:
                    total = (total + section + (current or 0.0) or 1.0) * unit
                    section = 0.0
                else:
                    section += (1.0 if current is None else current) * unit
                current, last, has_zero = None, unit, False
                continue
            digit = float(piece) if piece[0].isdecimal() else self._numerals.digits.get(piece)
            if digit is None or (digit == HALF and not piece[0].isdecimal() and piece != text):
                return None
            has_zero = has_zero or digit == 0
            current = digit if current is None else current * 10 + digit
        if current is not None and last > 1 and 1 <= current < 10 and not has_zero:
            current *= last / 10
        return total + section + (current or 0.0) if text else None


def _place(number: float) -> float:
    """Return what the last place of a number that is not zero counts."""
    place = 1.0
    while number >= 10 * place and math.isclose(number % (place * 10), 0):
        place *= 10
    return place


def _resolved(found: Range, scale: float, places: int | None) -> Resolved:
    low, high = (round(each * scale, places) for each in found)
    plain = [int(each) if each == int(each) else each for each in (low, high)]
    return plain[0] if plain[0] == plain[1] else {"min": plain[0], "max": plain[1]}
