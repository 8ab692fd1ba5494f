"""How well messages are understood: labelled messages, and figures over what was made of them.

Several intents may count as right (`accept`): the one that was guessed then stands for the label.
Macro-F1 is the mean over the labels with at least five messages.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import compress
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec import UNSET, Struct, UnsetType
from numpy.typing import NDArray

from bot.bench.nlu_peers import NO_INTENT, SEED
from bot.bench.tables import Row, Tables
from bot.errors import UsageError
from bot.language.training_data import known_intents, read_lines
from bot.settings import ROOT

HELD_OUT = ROOT / "tests" / "held_out" / "messages.jsonl"
FEWEST = 5
MOST_CONFUSIONS = 15
SLICED = ("n", "accuracy", "macro_f1")
RESAMPLES = 1_000

Parses = Sequence[Mapping[str, Any]]  # as `./prelude parse` writes them


class Labelled(Struct, frozen=True):
    """One line of a labelled file (docs/evaluation.md)."""

    text: str
    intent: str
    accept: list[str] | None = None
    also: list[str] | None = None
    source: str | None = None
    reaction: str | None = None
    harm: list[str] | UnsetType | None = UNSET


def read_labelled(path: Path) -> list[Labelled]:
    """Return the messages of a labelled JSONL file.

    Raises:
        UsageError: file or line is wrong; tells the line's number, never its text.
    """
    if not path.exists():
        raise UsageError(f"{path}: there is no such file; name a labelled one with --data")
    found, intents = [], known_intents()
    for number, each in read_lines(path, msgspec.json.Decoder(Labelled).decode):
        unknown = {each.intent, *(each.accept or ()), *(each.also or ())} - intents
        if unknown:
            raise UsageError(f"{path}:{number}: not in domain.yml: {', '.join(sorted(unknown))}")
        found.append(each)
    if not found:
        raise UsageError(f"{path}: holds no labelled message")
    return found


def gold_of(labelled: Sequence[Labelled], guesses: Sequence[str]) -> list[str]:
    """Return what each message is scored as, given what was guessed."""
    return [
        guess if guess in ([each.intent] if each.accept is None else each.accept) else each.intent
        for each, guess in zip(labelled, guesses, strict=True)
    ]


def accuracy(gold: Sequence[str], guesses: Sequence[str]) -> float:
    """Return the share of messages that were guessed right."""
    return sum(map(str.__eq__, gold, guesses)) / len(gold)


def scores_of(gold: Sequence[str], guesses: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return precision, recall, f1 and number of messages of each label."""
    labels, *counts = _tally(gold, guesses, np.ones((1, len(gold)), dtype=int))
    rows = zip(labels.tolist(), *(each[0].tolist() for each in counts), strict=True)
    return {
        label: {
            "precision": hits / max(guessed, 1),
            "recall": hits / messages,
            "f1": 2 * hits / (messages + guessed),
            "messages": messages,
        }
        for label, hits, messages, guessed in rows
    }


def macro_f1(scores: Mapping[str, Mapping[str, float]], prefix: str = "") -> float:
    """Return the mean F1 over the labels that begin with `prefix`."""
    counted = [each for name, each in scores.items() if name.startswith(prefix)]
    f1 = [each["f1"] for each in counted if each["messages"] >= FEWEST]
    return sum(f1) / len(f1) if f1 else 0.0


def resampled(gold: Sequence[str], guesses: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Return accuracy and macro-F1 on seeded resamples of the messages, the same for everybody."""
    size = len(gold)
    weights = np.random.default_rng(SEED).multinomial(size, np.full(size, 1 / size), RESAMPLES)
    labels, hits, messages, guessed = _tally(gold, guesses, weights)
    is_counted = [gold.count(label) >= FEWEST for label in labels]
    f1 = 2 * hits / np.maximum(messages + guessed, 1)
    f1[messages + guessed == 0] = np.nan  # a label that a resample leaves out
    macro = np.nanmean(f1[:, is_counted], axis=1) if any(is_counted) else np.zeros(RESAMPLES)
    return {"accuracy": hits.sum(axis=1) / size, "macro-F1": macro}


def evaluation(labelled: Sequence[Labelled], parses: Parses) -> Tables:
    """Return all figures, by intent, by source, and what is taken for what."""
    guesses = guesses_of(parses)
    gold = gold_of(labelled, guesses)
    wrong = Counter(pair for pair in zip(gold, guesses, strict=True) if pair[0] != pair[1])
    scores = sorted(scores_of(gold, guesses).items(), key=lambda each: each[1]["f1"])
    sources = []
    for source in dict.fromkeys(each.source for each in labelled):
        kept = [each.source == source for each in labelled]
        own = figures_of(list(compress(labelled, kept)), list(compress(parses, kept)))
        sources.append({"source": source} | {name: own[name] for name in SLICED})
    return {
        "figures": figures_of(labelled, parses),
        "intents": [{"intent": name, **score} for name, score in scores],
        "confusions": [
            {"label": label, "understood": guess, "messages": times}
            for (label, guess), times in wrong.most_common(MOST_CONFUSIONS)
        ],
        "sources": sources,
        "calibration": bins_of(gold, parses),
    }


def guesses_of(parses: Parses) -> list[str]:
    """Return the intent of each parse."""
    return [str(each["intent"]["name"] or NO_INTENT) for each in parses]


def bins_of(gold: Sequence[str], parses: Parses) -> list[Row]:
    """Return, by tenth of confidence: messages, mean confidence, share that was right."""
    shares = np.array([each["intent"]["confidence"] for each in parses])
    right = np.array(gold) == np.array(guesses_of(parses))
    rows: list[Row] = []
    for low in [each / 10 for each in range(10)]:  # 0.3 lies in two: 0.2 + 0.1 > 0.3
        held = (low <= shares) & ((shares < low + 0.1) | (low == 0.9))
        if held.any():
            means = {"confidence": float(shares[held].mean()), "right": float(right[held].mean())}
            rows.append({"from": low, "messages": int(held.sum()), **means})
    return rows


def figures_of(labelled: Sequence[Labelled], parses: Parses) -> dict[str, float]:
    """Return every figure; those of what is labelled beside the intent only where anything is."""
    guesses = guesses_of(parses)
    gold = gold_of(labelled, guesses)
    scores = scores_of(gold, guesses)
    families = scores_of([_family(each) for each in gold], [_family(each) for each in guesses])
    bins = bins_of(gold, parses)
    gaps = [each["messages"] * abs(each["confidence"] - each["right"]) for each in bins]
    figures: dict[str, float] = {
        "n": len(gold),
        "accuracy": accuracy(gold, guesses),
        "macro_f1": macro_f1(scores),
        "objection_macro_f1": macro_f1(scores, "objection_"),
        "complaint_macro_f1": macro_f1(scores, "complaint_"),
        "family_macro_f1": macro_f1(families),
        "calibration_error": sum(gaps) / len(gold),
    }
    for name in ("complaint", "objection"):
        for what in ("precision", "recall"):
            figures[f"{name}_{what}"] = families.get(name, {}).get(what, 0.0)
    return figures | _side_figures(list(zip(labelled, parses, strict=True)))


def _side_figures(pairs: Sequence[tuple[Labelled, Mapping[str, Any]]]) -> dict[str, float]:
    figures = {}
    reactions = [
        label.reaction == parse["reaction"]
        for label, parse in pairs
        if label.reaction and label.intent.startswith("complaint_")
    ]
    if reactions:
        figures["reaction_accuracy"] = sum(reactions) / len(reactions)
    for name in ("also", "harm"):
        sets = [
            (set(getattr(label, name) or ()), set(parse[name]) - _accepted(label, name))
            for label, parse in pairs
            if getattr(label, name) is not UNSET
        ]
        if any(wanted for wanted, _ in sets):
            both = 2 * sum(len(wanted & got) for wanted, got in sets)
            figures[f"{name}_micro_f1"] = both / sum(len(wanted) + len(got) for wanted, got in sets)
    return figures


def _accepted(label: Labelled, name: str) -> set[str]:
    """Return what is no answer to `also`, as it is the intent already."""
    return {label.intent, *(label.accept or ())} if name == "also" else set()


def _family(intent: str) -> str:
    family = intent.partition("_")[0]
    return family if family in ("objection", "complaint") else "other"


def _tally(
    gold: Sequence[str], guesses: Sequence[str], weights: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return labels and, by row of weights and label: hits, messages, guesses."""
    labels = np.unique(gold)
    is_gold, is_guess = (np.array(each)[:, None] == labels for each in (gold, guesses))
    return labels, weights @ (is_gold & is_guess), weights @ is_gold, weights @ is_guess
