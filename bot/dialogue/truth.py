"""The belief whether an objection is true, false or hidden (D-OBJ-2, 3, 4).

Truth is judged over a dialogue: a prior by kind times the likelihoods of every named piece of
evidence, normalised (Bayes' rule with pieces taken as independent). False is a pretext or, of a
need objection, a need that the customer does not see. Every number is data (`truth.yml`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from bot.dialogue.turn import Belief, Evidence, LedgerEntry, MessageAnalysis, ObjectionKind, Truth
from bot.knowledge.objection_rules import Shown, TruthTable

PREFIX = "objection_"


def believe(table: TruthTable, kind: ObjectionKind, evidence: Sequence[Evidence]) -> Belief:
    """Return the belief after all `evidence`; an excuse is never true."""
    weights = list(table.priors[kind])
    for piece in evidence:
        weights = [
            weight * likelihood
            for weight, likelihood in zip(weights, piece.likelihoods, strict=True)
        ]
    total = sum(weights) or 1.0
    true, pretext, unseen, hidden = (weight / total for weight in weights)
    return Belief(
        round(true, 4),
        round(pretext + unseen, 4),
        round(hidden, 4),
        label=_label(table, kind, (true, pretext, unseen, hidden), evidence),
        unseen=round(unseen, 4),
        evidence=tuple(evidence),
    )


def _label(
    table: TruthTable,
    kind: ObjectionKind,
    shares: tuple[float, float, float, float],
    evidence: Sequence[Evidence],
) -> Truth:
    true, pretext, unseen, hidden = shares
    if kind in table.only_probe and not any(_is_telling(table, piece) for piece in evidence):
        return "unclear"
    if true >= table.decide_at:
        return "true"
    if hidden >= table.decide_at:
        return "hidden"
    if pretext + unseen >= table.decide_at:
        return "unseen" if unseen > pretext else "false"
    return "unclear"


def _is_telling(table: TruthTable, piece: Evidence) -> bool:
    rule = table.evidence.get(piece.name)
    return rule is not None and rule.is_telling


def weigh(table: TruthTable, name: str, message_id: int) -> Evidence:
    """Return a named piece of evidence as the table weighs it today.

    Raises:
        KeyError: evidence that the table does not know.
    """
    return Evidence(name, message_id, table.evidence[name].likelihoods)


def shown_by(
    table: TruthTable,
    entry: LedgerEntry,
    analysis: MessageAnalysis,
    text: str,
    *,
    is_raising: bool,
) -> list[str]:
    """Return the names of the evidence that one message shows about an objection."""
    return [
        name
        for name, rule in table.evidence.items()
        if rule.shown is not None
        and (not rule.kinds or entry.kind in rule.kinds)
        and (not rule.shown.after_probe or entry.state == "probed")
        and rule.shown.is_raising in (None, is_raising)
        and _shows(rule.shown, analysis, text) is not rule.shown.is_absent
    ]


def _shows(shown: Shown, analysis: MessageAnalysis, text: str) -> bool:
    if analysis.intent in shown.except_intents:
        return False
    length = len(text.strip())
    named = {entity["entity"] for entity in analysis.entities}
    return bool(
        _meet(shown.concepts, analysis.concepts)
        or _meet(shown.entities, named)
        or _meet(shown.also, analysis.also)
        or analysis.intent in shown.intents
        or analysis.feedback in shown.feedback
        or (shown.any_buying_signal and analysis.buying_signals)
        or (shown.at_least_chars and length >= shown.at_least_chars)
        or (shown.at_most_chars and length <= shown.at_most_chars)
    )


def _meet(wanted: Sequence[str], found: Collection[str]) -> bool:
    return any(each in found for each in wanted)
