"""Ways of choosing a technique that a log is asked about: even, fixed, the book's, learned.

A policy that learns from the log is fitted, for every fifth of the talks, on the other four: it is
never judged by what it was made from. Pure.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Literal, get_args

from bot.dialogue.off_policy import Chances, Estimate, LoggedUse, Target, estimate
from bot.dialogue.technique_values import POOLED, Candidate, TechniqueValues
from bot.dialogue.turn import CellTruth
from bot.knowledge.technique_rules import Learning

PolicyName = Literal["logged", "uniform", "best_fixed", "prior", "learned"]
"""What chose in fact; any alike; the best of each kind in the log; the book; the learner."""
POLICIES: tuple[PolicyName, ...] = get_args(PolicyName)
FOLDS = 5


def estimates_of(
    uses: Sequence[LoggedUse], policy: PolicyName, learning: Learning
) -> dict[str, Estimate]:
    """Return what a policy would have brought, over all uses (`all`) and by kind."""
    fitted = [
        policy_of(policy, [use for use in uses if fold_of(use) != fold], learning)
        for fold in range(FOLDS)
    ]

    def target(use: LoggedUse) -> Chances:
        return fitted[fold_of(use)](use)

    groups = {"all": list(uses)}
    for kind in sorted({use.kind for use in uses}):
        groups[kind] = [use for use in uses if use.kind == kind]
    return {name: estimate(group, target) for name, group in groups.items()}


def fold_of(use: LoggedUse) -> int:
    """Return the part of the log that a use belongs to, the same for all of a talk."""
    return zlib.crc32(use.conversation_id.encode()) % FOLDS


def policy_of(policy: PolicyName, uses: Iterable[LoggedUse], learning: Learning) -> Target:
    """Return a policy as chances of the techniques of a use, fitted on some uses."""
    values = TechniqueValues(learning)
    if policy in ("best_fixed", "learned"):
        for use in uses:
            values.learn(use.technique, use.kind, use.truth, use.is_success)
    if policy == "logged":
        return lambda use: {each.technique: each.propensity for each in use.ranked}
    if policy == "uniform":
        return lambda use: {each.technique: 1 / len(use.ranked) for each in use.ranked}
    if policy == "best_fixed":
        return partial(_best, values, lambda use: (POOLED, False))
    return partial(_best, values, lambda use: (use.truth, True))


def _best(
    values: TechniqueValues,
    view: Callable[[LoggedUse], tuple[CellTruth, bool]],
    use: LoggedUse,
) -> Chances:
    """Take the best one, in the cell or the kind, with or without what the situation adds."""
    truth, has_factor = view(use)
    candidates = (
        Candidate(each.technique, each.fit, each.factor if has_factor else 1.0)
        for each in use.ranked
    )
    best = min(candidates, key=lambda each: (-values.score(each, use.kind, truth), each.technique))
    return {best.technique: 1.0}
