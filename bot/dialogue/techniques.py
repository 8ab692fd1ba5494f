"""Choose the technique that answers an objection (D-OBJ-9).

Eligible is what fits the kind and has its facts; never the same technique twice running. The
same state gives the same choice; the learner comes with the objections issue.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from bot.knowledge.objection_rules import Technique

DECAY = 0.5


@dataclass(frozen=True)
class TechniqueChoice:
    """The chosen technique, its rivals, and why others were out."""

    technique: str
    alternatives: tuple[tuple[str, float], ...]
    excluded: tuple[tuple[str, str], ...]


def choose_technique(
    catalogue: Sequence[Technique],
    kind: str,
    known_facts: Collection[str],
    tried: Sequence[str],
    last: str | None = None,
) -> TechniqueChoice | None:
    """Return the best eligible technique, or None when none is left.

    Args:
        kind: the objection's kind.
        known_facts: names of the facts that are known.
        tried: techniques already used on this objection, oldest first; each use halves the
            weight, and the last one is out.
        last: the technique used last in the conversation, whatever it answered; out too.
    """
    scored: list[tuple[str, float]] = []
    excluded: list[tuple[str, str]] = []
    for technique in catalogue:
        if kind not in technique.fits:
            continue
        missing = [need for need in technique.needs if need not in known_facts]
        if missing:
            excluded.append((technique.id, f"facts missing: {', '.join(missing)}"))
        elif technique.id in (last, tried[-1] if tried else None):
            excluded.append((technique.id, "used last"))
        else:
            weight = technique.fits[kind] * DECAY ** tried.count(technique.id)
            scored.append((technique.id, round(weight, 4)))
    if not scored:
        return None
    scored.sort(key=lambda pair: (-pair[1], pair[0]))
    return TechniqueChoice(scored[0][0], tuple(scored[1:]), tuple(excluded))
