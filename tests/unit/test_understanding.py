"""The figures of `evaluate nlu`, recomputed here the slow way, and what is made of them."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from sklearn.metrics import accuracy_score, precision_recall_fscore_support

from bot.bench.tables import as_json, show, write_report
from bot.bench.understanding import (
    RESAMPLES,
    Labelled,
    evaluation,
    figures_of,
    read_labelled,
    resampled,
)
from bot.errors import UsageError

INTENTS = (
    "greet thank deny objection_price objection_need complaint_product complaint_policy".split()
)
HARMS = ["bodily", "mental", "economic"]


def labels_and_parses(seed: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return random labels and parses, with every optional field there and not there."""
    draw = random.Random(seed)
    labels, parses = [], []
    for number in range(150):
        intent = draw.choice([*INTENTS, "goodbye"] if number % 50 else ["goodbye"])
        label: dict[str, Any] = {"text": str(number), "intent": intent, "source": draw.choice("ab")}
        if draw.random() < 0.5:
            label["accept"] = [intent, *draw.sample(INTENTS, draw.randint(0, 2))]
        if draw.random() < 0.5:
            label["also"] = draw.sample(INTENTS, draw.randint(0, 2))
        if intent.startswith("complaint_") and draw.random() < 0.8:
            label |= {"reaction": draw.choice(["angry", "calm"]), "harm": draw.sample(HARMS, 1)}
        name = intent if draw.random() < 0.5 else draw.choice([*INTENTS, "nlu_fallback"])
        confidence = draw.choice([0.0, 0.1, 0.3, 0.7, 1.0, round(draw.random(), 4)])
        parse = {"text": str(number), "intent": {"name": name, "confidence": confidence}}
        parse |= {"also": draw.sample(INTENTS, 1), "harm": draw.sample(HARMS, draw.randint(0, 2))}
        labels.append(label)
        parses.append(parse | {"reaction": draw.choice(["angry", "calm", None])})
    return labels, parses


def family(intent: str) -> str:
    return next((name for name in ("objection", "complaint") if intent.startswith(name)), "other")


def macro(gold: list[str], guesses: list[str], prefix: str = "") -> float:
    names = sorted({each for each in gold if each.startswith(prefix) and gold.count(each) >= 5})
    _, _, f1, _ = precision_recall_fscore_support(gold, guesses, labels=names, zero_division=0)
    return float(np.mean(f1))


def calibration_error(pairs: list[tuple[float, bool]]) -> float:
    error = 0.0
    for number in range(10):
        low, high = number / 10, number / 10 + 0.1
        own = [pair for pair in pairs if low <= pair[0] < high or (number == 9 and pair[0] == 1.0)]
        if own:
            confidence, right = (sum(column) / len(own) for column in zip(*own, strict=True))
            error += len(own) / len(pairs) * abs(confidence - right)
    return error


def micro_f1(pairs: list[tuple[set[str], set[str]]]) -> float:
    both = [(name in gold, name in got) for gold, got in pairs for name in gold | got]
    hits = both.count((True, True))
    precision = hits / sum(got for _, got in both)
    recall = hits / sum(gold for gold, _ in both)
    return 2 * precision * recall / (precision + recall)


def expected_figures(
    labels: list[dict[str, Any]], parses: list[dict[str, Any]]
) -> dict[str, float]:
    pairs = list(zip(labels, parses, strict=True))
    guesses = [parse["intent"]["name"] for parse in parses]
    right = [
        parse["intent"]["name"] in label.get("accept", [label["intent"]]) for label, parse in pairs
    ]
    gold = [
        guess if ok else label["intent"]
        for label, guess, ok in zip(labels, guesses, right, strict=True)
    ]
    families = [[family(each) for each in names] for names in (gold, guesses)]
    precision, recall, _, _ = precision_recall_fscore_support(
        *families, labels=["complaint", "objection"], zero_division=0
    )
    reactions = [
        (label["reaction"], parse["reaction"]) for label, parse in pairs if "reaction" in label
    ]
    also = [
        (
            set(label.get("also", [])),
            set(parse["also"]) - {label["intent"], *label.get("accept", [])},
        )
        for label, parse in pairs
    ]
    harm = [(set(label["harm"]), set(parse["harm"])) for label, parse in pairs if "harm" in label]
    confidences = [parse["intent"]["confidence"] for parse in parses]
    return {
        "n": len(labels),
        "accuracy": accuracy_score(gold, guesses),
        "macro_f1": macro(gold, guesses),
        "objection_macro_f1": macro(gold, guesses, "objection"),
        "complaint_macro_f1": macro(gold, guesses, "complaint"),
        "family_macro_f1": macro(*families),
        "calibration_error": calibration_error(list(zip(confidences, right, strict=True))),
        "complaint_precision": precision[0],
        "complaint_recall": recall[0],
        "objection_precision": precision[1],
        "objection_recall": recall[1],
        "reaction_accuracy": sum(gold == got for gold, got in reactions) / len(reactions),
        "also_micro_f1": micro_f1(also),
        "harm_micro_f1": micro_f1(harm),
    }


def read(labels: list[dict[str, Any]], folder: Path) -> list[Labelled]:
    path = folder / "labelled.jsonl"
    path.write_text("\n".join(json.dumps(each) for each in labels) + "\n")
    return read_labelled(path)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_figures_are_those_of_an_independent_computation(seed: int, tmp_path: Path) -> None:
    labels, parses = labels_and_parses(seed)
    figures = figures_of(read(labels, tmp_path), parses)
    assert figures == pytest.approx(expected_figures(labels, parses), abs=1e-12)


def test_figures_of_what_nobody_labelled_are_left_out() -> None:
    parse = {"intent": {"name": "greet", "confidence": 1.0}, "also": ["deny"], "harm": []}
    figures = figures_of([Labelled("hi", "greet")], [parse | {"reaction": None}])
    assert not {"reaction_accuracy", "also_micro_f1", "harm_micro_f1"} & set(figures)


def test_parse_without_intent_counts_as_fallback() -> None:
    parse = {"intent": {"name": None, "confidence": 0.0}, "also": [], "harm": [], "reaction": None}
    tables = evaluation([Labelled("?", "greet")], [parse])
    assert tables["confusions"] == [{"label": "greet", "understood": "nlu_fallback", "messages": 1}]


def test_evaluation_slices_by_source_and_puts_the_weakest_intent_first(tmp_path: Path) -> None:
    labels, parses = labels_and_parses(4)
    tables = evaluation(read(labels, tmp_path), parses)
    slices = {row["source"]: row for row in tables["sources"]}
    for source, row in slices.items():
        kept = [each for each in range(150) if labels[each]["source"] == source]
        own = expected_figures([labels[each] for each in kept], [parses[each] for each in kept])
        assert (row["n"], row["macro_f1"]) == (len(kept), pytest.approx(own["macro_f1"]))
    weakest = [row["f1"] for row in tables["intents"]]
    assert weakest == sorted(weakest)
    twice = [parse["intent"]["confidence"] for parse in parses].count(0.3)
    assert sum(row["messages"] for row in tables["calibration"]) == 150 + twice


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "there is no such file; name a labelled one with --data"),
        ("", "holds no labelled message"),
        ('{"text": "a", "intent": "greet"}\n{"text": "secret"}\n', ":2: .*`intent`"),
        ('{"text": "secret", "intent": "gossip"}\n', ":1: not in domain.yml: gossip"),
        ('{"text": "secret", "intent": "greet", "accept": ["x"]}\n', ":1: not in domain.yml: x"),
        ("secret\n", ":1: "),
    ],
)
def test_labelled_file_is_refused_with_its_line_and_without_its_text(
    content: str | None, expected: str, tmp_path: Path
) -> None:
    path = tmp_path / "labelled.jsonl"
    if content is not None:
        path.write_text(content)
    with pytest.raises(UsageError, match=f"{path}.*{expected}") as refused:
        read_labelled(path)
    assert "secret" not in str(refused.value)


# Intervals


def test_resamples_are_seeded_and_lie_about_the_figure() -> None:
    draw = random.Random(5)
    gold = [draw.choice(INTENTS) for _ in range(300)]
    guesses = [each if draw.random() < 0.7 else draw.choice(INTENTS) for each in gold]
    first, second = resampled(gold, guesses), resampled(gold, guesses)
    assert len(first["accuracy"]) == RESAMPLES
    assert all((first[name] == second[name]).all() for name in first)
    exact = {"accuracy": accuracy_score(gold, guesses), "macro-F1": macro(gold, guesses)}
    for name, value in exact.items():
        low, high = np.percentile(first[name], [2.5, 97.5])
        assert low < value < high
    spread = (exact["accuracy"] * (1 - exact["accuracy"]) / 300) ** 0.5
    assert first["accuracy"].std() == pytest.approx(spread, rel=0.1)


def test_resample_counts_a_label_only_if_it_is_drawn() -> None:
    gold = ["greet"] * 5 + ["thank"] * 400
    assert resampled(gold, gold)["macro-F1"].tolist() == [1.0] * RESAMPLES


# Tables


def test_tables_are_shown_in_each_form(tmp_path: Path) -> None:
    tables = {"figures": {"n": 3}, "rows": [{"name": "[a]", "95%": [0.1, 0.25], "x": None}]}
    console = Console(record=True, width=80)
    show(tables, console)
    assert "[a]" in console.export_text()
    write_report(tables, tmp_path / "deep" / "report")
    markdown = (tmp_path / "deep" / "report" / "report.md").read_text()
    assert "## rows" in markdown and "| n      |     3 |" in markdown
    assert "| [a]  | 0.100–0.250 |" in markdown
    assert (tmp_path / "deep" / "report" / "report.json").read_text() == as_json(tables)
    assert json.loads(as_json(tables)) == tables
