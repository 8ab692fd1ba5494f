"""How good the belief about an objection's truth is, on labelled dialogues.

Every dialogue is played line by line: what the customer says is understood by the model and put
into the ledger, what the seller does moves the entry as the bot's own steps would. The belief about
the first objection at the end is set against the labels; beside it stands the base rate, the best
that can be said without reading (Brier 1950: mean squared distance of the shares, 0 to 2).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import compress
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray
from sklearn.metrics import cohen_kappa_score

from bot.bench.tables import Row, Tables
from bot.dialogue.ledger import current, hear, note, react
from bot.dialogue.truth import PREFIX
from bot.dialogue.turn import LedgerEntry, MessageAnalysis, ObjectionState
from bot.errors import UsageError
from bot.knowledge.objection_rules import Kind, TruthTable
from bot.language.training_data import read_lines
from bot.settings import ROOT

DIALOGUES = ROOT / "tests" / "held_out" / "dialogues.jsonl"
SEED = 20261122
RESAMPLES = 2_000
LABELS = ("true", "false", "hidden")
STATE_AFTER: dict[str, ObjectionState] = {
    "probe": "probed",
    "isolate": "probed",
    "answer": "answered",
    "confirm": "answered",
}
Analyse = Callable[[str, int], MessageAnalysis]
Label = Literal["true", "pretext", "unseen", "hidden"]


class Line(Struct, frozen=True):
    """One line of a dialogue; a seller's has a step."""

    who: Literal["customer", "seller"]
    text: str
    step: Literal["", "probe", "isolate", "answer", "confirm", "other"] = ""


class Judgement(Struct, frozen=True):
    """What one person took the first objection for."""

    kind: Kind
    truth: Label


class Dialogue(Struct, frozen=True):
    """A labelled dialogue (docs/evaluation.md)."""

    id: str
    trade: str
    turns: list[Line]
    labels: list[Judgement]


def read_dialogues(path: Path) -> list[Dialogue]:
    """Return the dialogues of a file.

    Raises:
        UsageError: file or line is wrong, with the line's number.
    """
    if not path.exists():
        raise UsageError(f"{path}: there is no such file; name one with --data")
    decode = msgspec.json.Decoder(Dialogue).decode
    found = [each for _, each in read_lines(path, decode)]
    if not found:
        raise UsageError(f"{path}: holds no dialogue")
    return found


def last_belief(
    table: TruthTable, dialogue: Dialogue, analyse: Analyse, kind: Kind | None
) -> LedgerEntry | None:
    """Return the first objection's entry at the end; None when none was recognised.

    Args:
        kind: takes the place of what the model makes of the first objection, None for the model's.
    """
    ledger: list[LedgerEntry] = []
    last_step = ""
    for number, line in enumerate(dialogue.turns, 1):
        entry = current(ledger)
        if line.who == "seller":
            if entry is not None and line.step in STATE_AFTER:
                ledger = _put(ledger, replace(entry, state=STATE_AFTER[line.step]))
            last_step = line.step
            continue
        analysis = analyse(line.text, number)
        if kind is not None and not ledger and _is_first(dialogue, number):
            analysis = replace(analysis, intent=f"{PREFIX}{kind}")
        ledger = _after(table, ledger, analysis, line.text, last_step)
    return ledger[0] if ledger else None


def _is_first(dialogue: Dialogue, number: int) -> bool:
    """The objection stands in the message before the seller's first probe or answer."""
    steps = [line.step for line in dialogue.turns[number:]]
    return bool(steps) and steps[0] in STATE_AFTER


def _after(
    table: TruthTable,
    ledger: list[LedgerEntry],
    analysis: MessageAnalysis,
    text: str,
    last_step: str,
) -> list[LedgerEntry]:
    if analysis.intent.startswith(PREFIX):
        noted = note(table, ledger, analysis, text)
        for entry in (noted.before, noted.entry):
            if entry is not None:
                ledger = _put(ledger, entry)
        return ledger
    entry = current(ledger)
    if entry is None:
        return ledger
    entry = hear(table, entry, analysis, text)
    if name := _reaction(entry.state, last_step, analysis.intent):
        entry = react(table, entry, name, analysis.message_id)
    return _put(ledger, entry)


def _reaction(state: ObjectionState, last_step: str, intent: str) -> str:
    """Return the evidence that a yes or no is, as the bot's steps weigh it in."""
    if intent not in ("deny", "affirm", "thank"):
        return ""
    if state == "answered":
        return "" if intent == "deny" else "accepted_answer"
    if last_step == "isolate":
        return "something_else" if intent == "affirm" else "nothing_else"
    if state == "probed":
        return "probe_declined" if intent == "deny" else "probe_nodded_at"
    return ""


def _put(ledger: list[LedgerEntry], entry: LedgerEntry) -> list[LedgerEntry]:
    others = [entry if each.number == entry.number else each for each in ledger]
    return others if entry in others else [*ledger, entry]


def evaluation(table: TruthTable, dialogues: Sequence[Dialogue], analyse: Analyse) -> Tables:
    """Return agreement of the labels, and the belief beside the base rate."""
    gold = np.array([_target(each) for each in dialogues])
    tables: dict[str, Sequence[Row] | Row] = {"agreement": _agreement(dialogues)}
    for title, takes_kind in (("belief, kind given", True), ("belief, kind as understood", False)):
        entries = [
            last_belief(table, each, analyse, each.labels[0].kind if takes_kind else None)
            for each in dialogues
        ]
        tables[title] = _rows(dialogues, gold, entries)
    return tables


def _target(dialogue: Dialogue) -> list[float]:
    """Return the mean of both labels over true, false, hidden."""
    votes = Counter(_three(each.truth) for each in dialogue.labels)
    return [votes[label] / len(dialogue.labels) for label in LABELS]


def _three(label: Label) -> str:
    return "false" if label in ("pretext", "unseen") else label


def _agreement(dialogues: Sequence[Dialogue]) -> Row:
    """Return how far two people agree where two labelled (Cohen's kappa)."""
    twice = [each.labels for each in dialogues if len(each.labels) == 2]
    one, other = zip(*twice, strict=True)
    return {
        "dialogues": len(dialogues),
        "labelled twice": len(twice),
        "kappa, true / false / hidden": cohen_kappa_score(
            [_three(each.truth) for each in one], [_three(each.truth) for each in other]
        ),
        "kappa, with pretext and unseen need apart": cohen_kappa_score(
            [each.truth for each in one], [each.truth for each in other]
        ),
        "kappa, kind": cohen_kappa_score(
            [each.kind for each in one], [each.kind for each in other]
        ),
    }


def _rows(
    dialogues: Sequence[Dialogue],
    gold: NDArray[np.float64],
    entries: Sequence[LedgerEntry | None],
) -> list[Row]:
    base = _base_rates(gold)
    shares = np.array(
        [
            rate if entry is None else [entry.belief.true, entry.belief.false, entry.belief.hidden]
            for entry, rate in zip(entries, base, strict=True)
        ]
    )
    kinds = np.array([each.labels[0].kind for each in dialogues])
    labels = ["unclear" if each is None else each.belief.label for each in entries]
    groups = [("all", np.ones(len(kinds), dtype=bool))]
    groups += [(str(kind), kinds == kind) for kind in sorted(set(kinds))]
    return [
        _row(name, gold[here], shares[here], base[here], list(compress(labels, here)))
        for name, here in groups
    ]


def _base_rates(gold: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return for each dialogue the shares of the labels in all others."""
    rates: NDArray[np.float64] = (gold.sum(axis=0) - gold) / (len(gold) - 1)
    return rates


def _row(
    name: str,
    gold: NDArray[np.float64],
    shares: NDArray[np.float64],
    base: NDArray[np.float64],
    labels: Sequence[str],
) -> Row:
    ours, rate = ((each - gold) ** 2 for each in (shares, base))
    gain = rate.sum(axis=1) - ours.sum(axis=1)
    picks = np.random.default_rng(SEED).integers(len(gain), size=(RESAMPLES, len(gain)))
    low, high = np.percentile(gain[picks].mean(axis=1), [2.5, 97.5]).tolist()
    decided = [
        (_three(label), target)  # type: ignore[arg-type]
        for label, target in zip(labels, gold, strict=True)
        if label != "unclear"
    ]
    right = sum(target[LABELS.index(label)] for label, target in decided)
    return {
        "kind": name,
        "n": len(gain),
        "Brier": float(ours.sum(axis=1).mean()),
        "base rate": float(rate.sum(axis=1).mean()),
        "gain": float(gain.mean()),
        "95 %": [low, high],
        "decided": len(decided),
        "right of decided": right / len(decided) if decided else None,
    }
