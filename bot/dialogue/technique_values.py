"""What is known of how well each technique works, and which one to take (D-OBJ-9).

Outcomes are counted by cell, kind × truth. There are 26: nine kinds, each true, false or hidden,
but for the true excuse, which there is not (D-OBJ-1). A need that is not seen is false
(D-OBJ-2, 3). While the truth is `unclear` the level of the kind itself answers, over all its
truths; what comes of such a use is counted under `unclear` and so reaches the kind alone.

Of a technique in a kind the book says a chance, `fits`: a Beta prior as strong as
`prior_strength` outcomes. A cell's prior is its kind's posterior mean, as strong as
`cell_strength` outcomes: the Beta-Binomial shrinkage of Gelman et al., Bayesian Data Analysis
(3rd ed.), ch. 5, with fixed strengths in place of estimated ones. So a cell without outcomes
ranks as its kind does, and a kind without outcomes as the book says.

Pure. Which techniques may be used at all is decided elsewhere (`bot.dialogue.techniques`).
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, get_args

from bot.dialogue.turn import (
    CellCounts,
    CellSetting,
    CellTruth,
    ObjectionKind,
    Policy,
    RankedTechnique,
    RecordTechnique,
)
from bot.knowledge.technique_rules import Learning

POOLED: CellTruth = "unclear"
DECIDED: tuple[CellTruth, ...] = ("true", "false", "hidden")
DIGITS = 6  # so that equal values are equal whatever their sum's order
CELLS: tuple[tuple[str, CellTruth], ...] = tuple(
    (kind, truth)
    for kind in get_args(ObjectionKind)
    for truth in DECIDED
    if (kind, truth) != ("excuse", "true")
)


class Candidate(NamedTuple):
    """A technique that may be used now; its score is its value times `factor`."""

    technique: str
    fit: float
    factor: float = 1.0


class BetaValue(NamedTuple):
    """What is believed of a chance of success."""

    alpha: float
    beta: float

    @property
    def mean(self) -> float:
        """The expected chance."""
        return self.alpha / (self.alpha + self.beta)


@dataclass(frozen=True)
class Ranking:
    """The technique to use, and how all eligible ones stood, best first."""

    technique: str
    policy: Policy
    reason: str
    ranked: tuple[RankedTechnique, ...]

    @property
    def propensities(self) -> dict[str, float]:
        """The chance with which each was to be chosen."""
        return {each.technique: each.propensity for each in self.ranked}

    @property
    def scores(self) -> dict[str, float]:
        """By which they were ranked."""
        return {each.technique: each.score for each in self.ranked}

    @property
    def is_exploring(self) -> bool:
        """Whether another one than the best was drawn."""
        return self.policy == "explored"

    def as_use(self, objection: int, style: str = "") -> RecordTechnique:
        """Return the command that records the use on an objection."""
        others = [each.technique for each in self.ranked if each.technique != self.technique]
        return RecordTechnique(
            objection=objection,
            technique=self.technique,
            alternatives=tuple(others),
            style=style,
            policy=self.policy,
            propensity=self.propensities[self.technique],
            ranked=self.ranked,
        )


def cell_truth(kind: str, label: str) -> CellTruth:
    """Return the truth of the cell that an objection with this label belongs to."""
    truth = "false" if label == "unseen" else label
    return next((each for known, each in CELLS if (known, each) == (kind, truth)), POOLED)


class TechniqueValues:
    """The outcomes so far, by technique and cell, and what follows from them."""

    def __init__(self, learning: Learning, counts: Iterable[CellCounts] = ()) -> None:
        self._learning = learning
        self._cells: Counter[tuple[str, str, str, bool]] = Counter()
        self._kinds: Counter[tuple[str, str, bool]] = Counter()
        for each in counts:
            self._count(each.technique, each.kind, each.truth, True, each.successes)
            self._count(each.technique, each.kind, each.truth, False, each.failures)

    def learn(self, technique: str, kind: str, truth: CellTruth, is_success: bool) -> None:
        """Count one more outcome."""
        self._count(technique, kind, truth, is_success, 1)

    def outcomes(self, technique: str, kind: str, truth: CellTruth = POOLED) -> int:
        """Return how many outcomes a cell has had, or with `unclear` its whole kind."""
        return sum(self._number(technique, kind, truth, each) for each in (True, False))

    def successes(self, technique: str, kind: str, truth: CellTruth = POOLED) -> int:
        """Return how many of them were successes."""
        return self._number(technique, kind, truth, True)

    def value(self, technique: str, fit: float, kind: str, truth: CellTruth) -> BetaValue:
        """Return what is believed of a technique in a cell.

        Args:
            fit: the book's chance for the kind, 0 to 1.
            truth: `unclear` for the level of the kind.
        """
        strength, mean = self._learning.prior_strength, fit
        of_kind = self._after(strength, mean, technique, kind, POOLED)
        if truth == POOLED:
            return of_kind
        strength, mean = self._learning.cell_strength, of_kind.mean
        return self._after(strength, mean, technique, kind, truth)

    def score(self, candidate: Candidate, kind: str, truth: CellTruth) -> float:
        """Return by what a technique is ranked."""
        value = self.value(candidate.technique, candidate.fit, kind, truth)
        return round(value.mean * candidate.factor, DIGITS)

    def _after(
        self, strength: float, mean: float, technique: str, kind: str, truth: CellTruth
    ) -> BetaValue:
        return BetaValue(
            mean * strength + self._number(technique, kind, truth, True),
            (1 - mean) * strength + self._number(technique, kind, truth, False),
        )

    def _number(self, technique: str, kind: str, truth: CellTruth, is_success: bool) -> int:
        if truth == POOLED:
            return self._kinds[technique, kind, is_success]
        return self._cells[technique, kind, truth, is_success]

    def _count(
        self, technique: str, kind: str, truth: CellTruth, is_success: bool, number: int
    ) -> None:
        self._kinds[technique, kind, is_success] += number
        self._cells[technique, kind, truth, is_success] += number


def rank(
    eligible: Sequence[Candidate],
    kind: str,
    truth: CellTruth,
    *,
    values: TechniqueValues,
    settings: Iterable[CellSetting] = (),
    exploration: float = 0.0,
    rng: random.Random,
) -> Ranking | None:
    """Choose among the techniques that may be used now; None when every one is banned.

    The best score wins, of equal ones the first by id. A pinned technique wins over all if it is
    eligible: one that was used last is not, so a pin yields. With exploration the best is taken
    but for this share, in which all are drawn alike (ε-greedy, Sutton & Barto, Reinforcement
    Learning, 2nd ed., 2.2); without it `rng` is not touched and the same state gives the same
    answer.

    Args:
        eligible: without the technique that was used last.
        truth: as `cell_truth` gives it.
        settings: of all cells; those of others count for nothing.
        exploration: ε, 0 to 1.
    """
    modes = {
        each.technique: each.mode for each in settings if (each.kind, each.truth) == (kind, truth)
    }
    scored = sorted(
        (
            (values.score(each, kind, truth), each)
            for each in eligible
            if modes.get(each.technique) != "ban"
        ),
        key=lambda pair: (-pair[0], pair[1].technique),
    )
    if not scored:
        return None
    ids = [each.technique for _, each in scored]
    pinned = next((each for each in ids if modes.get(each) == "pin"), None)
    best = pinned or ids[0]
    share = 0.0 if pinned else exploration
    chosen = rng.choice(ids) if share and rng.random() < share else best
    propensities = dict.fromkeys(ids, share / len(ids))
    propensities[best] += 1 - share
    policy, reason = _why(values, ids, kind, chosen, best, pinned)
    return Ranking(
        technique=chosen,
        policy=policy,
        reason=reason,
        ranked=tuple(
            RankedTechnique(*each, score, propensities[each.technique]) for score, each in scored
        ),
    )


def _why(
    values: TechniqueValues,
    ids: Sequence[str],
    kind: str,
    chosen: str,
    best: str,
    pinned: str | None,
) -> tuple[Policy, str]:
    if pinned:
        return "pinned", "the shop has pinned it"
    if chosen != best:
        return "explored", f"drawn to try it; {best} is the best so far"
    known = sum(values.outcomes(each, kind) for each in ids)
    if not known:
        return "prior", "the book's own order: nothing is known of the outcomes yet"
    return "learned", f"the best by {known} outcomes of these techniques on {kind} and the book"
