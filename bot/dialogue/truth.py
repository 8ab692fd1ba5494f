"""The belief whether an objection is true, false or hidden (D-OBJ-2, 3, 4).

Truth is judged over a dialogue: a prior by kind times the likelihood of every named piece of
evidence, normalised. Priors and likelihoods are data (`truth.yml`).
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.dialogue.turn import Belief, ObjectionKind, Truth
from bot.knowledge.book import TruthTable

LABELS: tuple[Truth, Truth, Truth] = ("true", "false", "hidden")
KINDS_THAT_NEED_A_REASON = frozenset({"need", "excuse"})


def believe(table: TruthTable, kind: ObjectionKind, evidence: Sequence[str]) -> Belief:
    """Return the belief after all `evidence`; an excuse is never true.

    Raises:
        KeyError: evidence that the table does not know.
    """
    weights = list(table.priors[kind])
    for name in evidence:
        factors = table.evidence[name]
        weights = [weight * factor for weight, factor in zip(weights, factors, strict=True)]
    total = sum(weights)
    shares = [round(weight / total, 4) for weight in weights]
    best = max(range(3), key=lambda index: shares[index])
    label: Truth = LABELS[best] if shares[best] >= table.decide_at else "unclear"
    true, false, hidden = shares
    return Belief(true, false, hidden, label=label, evidence=tuple(evidence))
