"""Which techniques may answer an objection now (D-OBJ-9).

Eligible is what fits the kind, is not forbidden by truth, feedback or style, has its facts and a
wording that is not said yet; never the same technique twice running. Which of them is used, is
for `bot.dialogue.technique_values` to say.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from bot.dialogue.technique_values import Candidate
from bot.knowledge.book import Book, Wording
from bot.knowledge.objection_rules import Forbidden, Technique

APPLY = "utter_apply_technique"
DECAY = 0.5


@dataclass(frozen=True)
class Situation:
    """What the choice of a technique is made by.

    Attributes:
        kind, truth, feedback: of the objection (D-OBJ-1, 2, 8); '' where unknown.
        style: of the customer (D-CUS-2); '' while unknown.
        facts: what may be said, by name.
        tried: techniques already used on this objection, oldest first.
        last: the technique used last in the conversation, whatever it answered.
        signals: what else shows in the talk, such as `bargains`.
        said: ids of wordings already said.
    """

    kind: str
    truth: str = "unclear"
    feedback: str = ""
    style: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    tried: Sequence[str] = ()
    last: str | None = None
    signals: Collection[str] = ()
    said: Collection[str] = ()


@dataclass(frozen=True)
class Eligible:
    """The techniques that may be used now, and why others may not."""

    candidates: tuple[Candidate, ...]
    excluded: tuple[tuple[str, str], ...]


def eligible_techniques(book: Book, situation: Situation) -> Eligible:
    """Return what may answer the objection; which of it does, outcomes say (`rank`)."""
    candidates: list[Candidate] = []
    excluded: list[tuple[str, str]] = []
    for technique in book.techniques:
        fit = technique.fits.get(situation.kind)  # type: ignore[call-overload]
        if technique.moment != "answer" or fit is None:
            continue
        obstacle = obstacle_to(book, technique, situation)
        if obstacle:
            excluded.append((technique.id, obstacle))
        else:
            candidates.append(Candidate(technique.id, fit, _factor(technique, situation)))
    return Eligible(tuple(candidates), tuple(excluded))


def obstacle_to(book: Book, technique: Technique, situation: Situation) -> str:
    """Return why a technique cannot be used now, '' when it can."""
    missing = [need for need in technique.needs if not situation.facts.get(need)]
    if missing:
        return f"facts missing: {', '.join(missing)}"
    if technique.id in (situation.last, situation.tried[-1] if situation.tried else None):
        return "used last"
    if technique.after and not set(technique.after) & set(situation.tried):
        return f"only after {', '.join(technique.after)}"
    if technique.only_with and not set(technique.only_with) & set(situation.signals):
        return f"only with {', '.join(technique.only_with)}"
    forbidden = next((each for each in technique.forbidden if _holds(each, situation)), None)
    if forbidden is not None:
        return f"forbidden: {forbidden.because}"
    if not has_words(book, technique.id, situation):
        return "nothing left to say"
    return ""


def has_words(book: Book, technique_id: str, situation: Situation) -> bool:
    """Tell whether a wording of the technique can be filled and was not said yet."""
    known = {name for name, value in situation.facts.items() if value}
    return any(
        _suits(wording, technique_id, situation)
        and wording.id not in situation.said
        and wording.variables <= known
        for wording in book.replies.get(APPLY, ())
    )


def _suits(wording: Wording, technique_id: str, situation: Situation) -> bool:
    given = {
        **situation.facts,
        "technique": technique_id,
        "kind": situation.kind,
        "style": situation.style,
    }
    return all(given.get(name) == value for name, value in wording.when.items())


def _holds(forbidden: Forbidden, situation: Situation) -> bool:
    """Tell whether everything that a prohibition names is there."""
    named = (
        (forbidden.truths, situation.truth),
        (forbidden.feedback, situation.feedback),
        (forbidden.styles, situation.style),
    )
    return all(not values or value in values for values, value in named)


def _factor(technique: Technique, situation: Situation) -> float:
    """Return what the situation makes of a technique; each use on the objection halves it."""
    factor = DECAY ** list(situation.tried).count(technique.id)
    for signal, lift in technique.lift.items():
        if signal in situation.signals:
            factor *= lift
    return round(factor, 4)
