"""The objection ledger: which objection a message raises, and what is believed of it.

An entry is open → probed → answered → settled by the customer's word | reopened | left. Pure:
returns the entries as they become, never writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from bot.dialogue.truth import PREFIX, believe, shown_by, weigh
from bot.dialogue.turn import LedgerEntry, MessageAnalysis, ObjectionKind, ObjectionState
from bot.knowledge.objection_rules import TruthTable
from bot.language.clauses import clause_showing

ALIVE: tuple[ObjectionState, ...] = ("open", "probed", "answered", "reopened")
FAULT_FINDING: tuple[ObjectionKind, ...] = ("product", "service", "company", "time", "authority")
DETAIL = ("concrete_detail", "probe_answered")
REASON_CHARS = 200


@dataclass(frozen=True)
class Noted:
    """What a message did to the ledger.

    Attributes:
        entry: the entry as it is now.
        is_new: whether it has to be added.
        before: the entry that stood before it, where the message changed that one, too: a pretext
            is linked to what it covered (D-OBJ-4).
    """

    entry: LedgerEntry
    is_new: bool
    before: LedgerEntry | None = None


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
        entry = _said_again(table, same, analysis, text)
        if before is None or before.number == same.number or before.state != "probed":
            return Noted(entry, is_new=False)
        pretext = _learn(table, before, ["another_named_after_probe"], analysis.message_id)
        return Noted(entry, is_new=False, before=_cover(pretext, entry.number))
    entry = LedgerEntry(
        number=ledger[-1].number + 1 if ledger else 1,
        kind=kind,
        state="open",
        belief=believe(table, kind, []),
        source_message_id=analysis.message_id,
        text=text,
        feedback=analysis.feedback,
    )
    shown = shown_by(table, entry, analysis, text, is_raising=True)
    course, about_before = _course(table, before, kind, analysis)
    if "named_after_probe" in course:
        shown = [name for name in shown if name != "no_reason_given"]
    entry = _remember(
        table, _learn(table, entry, shown + course, analysis.message_id), analysis, text
    )
    if before is None or not about_before:
        return Noted(entry, is_new=True)
    about_before += shown_by(table, before, analysis, text, is_raising=False)
    before = _learn(table, before, about_before, analysis.message_id)
    return Noted(entry, is_new=True, before=_stand_after(before, entry.number))


def hear(
    table: TruthTable, entry: LedgerEntry, analysis: MessageAnalysis, text: str
) -> LedgerEntry:
    """Return the open entry with what a message shows that raises no objection."""
    names = shown_by(table, entry, analysis, text, is_raising=False)
    if entry.state == "probed" and analysis.intent == "inform":
        names.append("probe_answered")
    return _remember(table, _learn(table, entry, names, analysis.message_id), analysis, text)


def react(table: TruthTable, entry: LedgerEntry, name: str, message_id: int) -> LedgerEntry:
    """Return the entry with one named reaction of the customer weighed in."""
    return _learn(table, entry, [name], message_id)


def _course(
    table: TruthTable,
    before: LedgerEntry | None,
    kind: ObjectionKind,
    analysis: MessageAnalysis,
) -> tuple[list[str], list[str]]:
    """Return what the course of the talk says of the new objection, and of the one before it."""
    if before is None:
        return [], []
    is_bargain = kind == "price" and bool(set(table.bargaining) & set(analysis.concepts))
    if is_bargain and before.kind in FAULT_FINDING:
        return ["named_after_probe"], ["concession_asked_after_fault"]
    if before.state == "probed" and kind != "excuse":
        return ["named_after_probe"], ["another_named_after_probe"]
    if kind == "excuse":
        return ["comes_after_an_answer"], ["brushed_off_later"]
    if before.state == "answered":
        return ["comes_after_an_answer"], ["replaced_after_answer"]
    return [], []


def _stand_after(before: LedgerEntry, number: int) -> LedgerEntry:
    """Return how the older entry stands: covered by the new one, passed over, or still waiting."""
    if before.kind == "excuse" or before.belief.label in ("false", "hidden"):
        return _cover(before, number)
    return replace(before, state="left" if before.state == "answered" else "open")


def _cover(entry: LedgerEntry, number: int) -> LedgerEntry:
    return replace(entry, state="left", linked_to=number)


def _said_again(
    table: TruthTable, before: LedgerEntry, analysis: MessageAnalysis, text: str
) -> LedgerEntry:
    """The same kind again: a repeated dodge, a confirmed doubt, or an answer that failed."""
    names = [
        name
        for name in shown_by(table, before, analysis, text, is_raising=True)
        if name != "no_reason_given"
    ]
    if before.state == "probed":
        is_dodge = before.kind == "excuse"
        names.append("same_dodge_again" if is_dodge else "said_again_after_probe")
    state: ObjectionState = "reopened" if before.state == "answered" else before.state
    learnt = _learn(table, before, names, analysis.message_id)
    return _remember(table, replace(learnt, state=state), analysis, text)


def _learn(
    table: TruthTable, entry: LedgerEntry, names: Iterable[str], message_id: int
) -> LedgerEntry:
    """Weigh in what is new; a piece counts once, however often it shows."""
    known = {piece.name for piece in entry.belief.evidence}
    new = [weigh(table, name, message_id) for name in dict.fromkeys(names) if name not in known]
    if not new:
        return entry
    return replace(entry, belief=believe(table, entry.kind, [*entry.belief.evidence, *new]))


def _remember(
    table: TruthTable, entry: LedgerEntry, analysis: MessageAnalysis, text: str
) -> LedgerEntry:
    """Keep the customer's own reason, and what would change their mind (D-OBJ-3)."""
    is_detail = any(
        piece.name in DETAIL and piece.message_id == analysis.message_id
        for piece in entry.belief.evidence
    )
    if is_detail and not entry.reason:
        entry = replace(entry, reason=text[:REASON_CHARS])
    if not entry.until and set(table.conditions) & set(analysis.concepts):
        entry = replace(entry, until=clause_showing(text, table.conditions)[:REASON_CHARS])
    return entry
