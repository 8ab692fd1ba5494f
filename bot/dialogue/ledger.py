"""The objection ledger: which objection a message raises, and what is believed of it.

An entry is open → probed → answered → settled by the customer's word | reopened | left. Pure:
returns the entry as it becomes, never writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from bot.dialogue.truth import KINDS_THAT_NEED_A_REASON, believe
from bot.dialogue.turn import LedgerEntry, MessageAnalysis, ObjectionKind, ObjectionState
from bot.knowledge.book import TruthTable

ALIVE: tuple[ObjectionState, ...] = ("open", "probed", "answered", "reopened")
DETAIL_CONCEPTS = frozenset({"REASON", "HAS_ONE"})
PREFIX = "objection_"


@dataclass(frozen=True)
class Noted:
    """What a message did to the ledger.

    Attributes:
        entry: the entry as it is now.
        is_new: whether it has to be added.
        pretext: the entry that proved to be a pretext for this one (D-OBJ-4), linked to it.
    """

    entry: LedgerEntry
    is_new: bool
    pretext: LedgerEntry | None = None


def current(ledger: Sequence[LedgerEntry]) -> LedgerEntry | None:
    """Return the newest entry that still wants something, else None."""
    return next((entry for entry in reversed(ledger) if entry.state in ALIVE), None)


def projected_state(ledger: Sequence[LedgerEntry]) -> tuple[str, str]:
    """Return the slots (objection_state, objection_truth) that the ledger means."""
    entry = current(ledger) or (ledger[-1] if ledger else None)
    if entry is None:
        return "none", "unclear"
    return "open" if entry.state == "reopened" else entry.state, entry.belief.label


def kind_of(intent: str) -> ObjectionKind:
    """Return the objection kind that an intent names."""
    return intent[len(PREFIX) :]  # type: ignore[return-value]


def note(
    table: TruthTable, ledger: Sequence[LedgerEntry], analysis: MessageAnalysis, text: str
) -> Noted:
    """Say what an objection in a message does to the ledger."""
    kind = kind_of(analysis.intent)
    before = current(ledger)
    same = next(
        (each for each in reversed(ledger) if each.kind == kind and each.state in ALIVE), None
    )
    if same is not None:
        again = _say_again(table, same, analysis)
        pretext = before if before and before.number != same.number else None
        if pretext is not None and pretext.state == "probed":
            pretext = replace(pretext, state="left", linked_to=same.number)
            return Noted(again, is_new=False, pretext=pretext)
        return Noted(again, is_new=False)
    evidence = list(_evidence_in(analysis, kind))
    is_named_after_probe = before is not None and before.state == "probed" and kind != "excuse"
    if is_named_after_probe:
        evidence = [name for name in evidence if name != "no_reason_given"]
        evidence.append("named_after_probe")
    elif before is not None and before.state == "answered":
        evidence.append("other_objection_after_answer")
    entry = LedgerEntry(
        number=ledger[-1].number + 1 if ledger else 1,
        kind=kind,
        state="open",
        belief=believe(table, kind, evidence),
        source_message_id=analysis.message_id,
        text=text,
    )
    pretext = None
    if is_named_after_probe and before is not None:
        pretext = replace(before, state="left", linked_to=entry.number)
    return Noted(entry, is_new=True, pretext=pretext)


def _say_again(table: TruthTable, before: LedgerEntry, analysis: MessageAnalysis) -> LedgerEntry:
    """The same kind again: a repeated dodge, a confirmed doubt, or an answer that failed."""
    evidence = list(before.belief.evidence)
    evidence += [
        name
        for name in _evidence_in(analysis, before.kind)
        if name == "concrete_detail" and name not in evidence
    ]
    if before.state == "probed":
        again = "same_dodge_again" if before.kind == "excuse" else "said_again_after_probe"
        if again not in evidence:
            evidence.append(again)
    state: ObjectionState = "reopened" if before.state == "answered" else before.state
    return replace(before, state=state, belief=believe(table, before.kind, evidence))


def _evidence_in(analysis: MessageAnalysis, kind: ObjectionKind) -> list[str]:
    if DETAIL_CONCEPTS & set(analysis.concepts):
        return [] if kind == "excuse" else ["concrete_detail"]
    return ["no_reason_given"] if kind in KINDS_THAT_NEED_A_REASON else []
