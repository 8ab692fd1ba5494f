"""What another way of choosing techniques would have brought, judged from the logged uses.

Every use was logged with the chance of each eligible technique. Self-normalised inverse
propensity scoring weighs a use by target chance / logged chance and divides by the sum of the
weights (Swaminathan & Joachims 2015, The Self-Normalized Estimator for Counterfactual Learning).
It says something only of what was tried: where the log gave no chance to what the target would
have done, the answer is 'no overlap' and not a number.

What customers say after several uses in one talk hangs together, so the effective sample size
counts talks (Kish: the squared sum of weights over the sum of their squares, each talk's weights
added up), and the interval is Wilson's for that many.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Protocol

from bot.dialogue.turn import CellTruth, RankedTechnique

LEAST_OVERLAP = 0.95  # share of the target's chances that the log must have tried
LEAST_TALKS = 10.0  # effective; with fewer the interval says nothing
Z_95 = 1.959964

Chances = Mapping[str, float]


class LoggedUse(Protocol):
    """A use whose outcome is known."""

    @property
    def conversation_id(self) -> str:
        """The talk it belongs to."""

    @property
    def kind(self) -> str:
        """Of the objection."""

    @property
    def truth(self) -> CellTruth:
        """Of its cell."""

    @property
    def technique(self) -> str:
        """The one that was used."""

    @property
    def ranked(self) -> Sequence[RankedTechnique]:
        """All that could have been, with the chance of each."""

    @property
    def is_success(self) -> bool:
        """What came of it."""


Target = Callable[[LoggedUse], Chances]


@dataclass(frozen=True)
class Estimate:
    """What a policy would have brought, over some uses.

    Attributes:
        uses: how many were logged.
        overlap: share of the target's chances, 0 to 1, that the log gave a chance to.
        talks: effective number of conversations.
        value: share of successes; None where there is no overlap.
        low, high: its 95 % interval.
    """

    uses: int
    overlap: float
    talks: float
    value: float | None = None
    low: float | None = None
    high: float | None = None


def estimate(uses: Sequence[LoggedUse], target: Target) -> Estimate:
    """Return what the target policy would have brought.

    Args:
        target: the chance of each eligible technique of a use; they sum to 1.
    """
    if not uses:
        return Estimate(0, 0.0, 0.0)
    overlap, total, gained = 0.0, 0.0, 0.0
    talks: defaultdict[str, float] = defaultdict(float)
    for use in uses:
        logged = {each.technique: each.propensity for each in use.ranked}
        wanted = target(use)
        overlap += sum(chance for name, chance in wanted.items() if logged.get(name))
        weight = wanted.get(use.technique, 0.0) / logged[use.technique]
        total += weight
        gained += weight * use.is_success
        talks[use.conversation_id] += weight
    overlap /= len(uses)
    squares = sum(weight**2 for weight in talks.values())
    effective = total**2 / squares if squares else 0.0
    if overlap < LEAST_OVERLAP or effective < LEAST_TALKS:
        return Estimate(len(uses), overlap, effective)
    value = gained / total
    return Estimate(len(uses), overlap, effective, value, *wilson(value, effective))


def wilson(share: float, size: float) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share (Wilson 1927)."""
    squared = Z_95**2
    middle = (share + squared / (2 * size)) / (1 + squared / size)
    half = Z_95 / (1 + squared / size) * sqrt(share * (1 - share) / size + squared / (4 * size**2))
    return max(0.0, middle - half), min(1.0, middle + half)
