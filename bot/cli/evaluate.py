"""`./prelude evaluate …`: how well messages are understood, objections judged and answered."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import typer
from rich.console import Console
from rich.progress import track

from bot.bench import beliefs as belief_scores
from bot.bench import understanding
from bot.bench.tables import as_json, show, write_report
from bot.bench.understanding import Labelled
from bot.bootstrap import build_parser
from bot.cli.shop_access import ask_shop
from bot.cli.training import console, ensure_model
from bot.dialogue.technique_policies import POLICIES
from bot.knowledge.book import load_book
from bot.language.training_data import read_messages
from bot.settings import load_settings

NO_OVERLAP = "no overlap"
app = typer.Typer(no_args_is_help=True, help="Measure how well messages are understood.")


@app.callback()
def group() -> None:
    """Evaluate."""


@app.command("nlu")
def nlu(
    data: Path | None = typer.Option(None, help="Labelled JSONL (default: tests/held_out)."),
    curve: bool = typer.Option(False, "--curve", help="Draw a learning curve of data/nlu."),
    groups: bool = typer.Option(False, "--groups", help="Leave each group of features out."),
    most: int = typer.Option(1_000, help="Messages an intent at which the curve ends."),
    report: Path | None = typer.Option(None, help="A folder for report.md and report.json."),
    is_json: bool = typer.Option(False, "--json", help="Print JSON, not tables."),
) -> None:
    """Score the model on labelled messages, or tell what more of them, or each feature, brings."""
    if curve:
        from bot.bench.learning_curve import curve_of

        labelled = understanding.read_labelled(data) if data else []
        tables = curve_of(read_messages()[0], labelled, most=most)
    elif groups:
        from bot.bench.feature_groups import groups_of

        tables = groups_of(read_messages()[0])
    else:
        labelled = understanding.read_labelled(data or understanding.HELD_OUT)
        parses, milliseconds = _parse(labelled)
        p50, p99 = np.percentile(milliseconds, [50, 99]).tolist()
        evaluated = understanding.evaluation(labelled, parses)
        tables = {**evaluated, "latency": {"p50_ms": p50, "p99_ms": p99}}
    if report is not None:
        write_report(tables, report)
        if not (curve or groups):
            guesses = understanding.guesses_of(parses)
            _draw_confusions(understanding.gold_of(labelled, guesses), guesses, report)
    if is_json:
        print(as_json(tables), end="")
    else:
        show(tables, Console())


@app.command("beliefs")
def beliefs(
    data: Path | None = typer.Option(None, help="Labelled JSONL (default: tests/held_out)."),
    report: Path | None = typer.Option(None, help="A folder for report.md and report.json."),
    is_json: bool = typer.Option(False, "--json", help="Print JSON, not tables."),
) -> None:
    """Score the belief whether an objection is true, false or hidden, on labelled dialogues."""
    dialogues = belief_scores.read_dialogues(data or belief_scores.DIALOGUES)
    settings = load_settings()
    model_path = ensure_model(settings)
    with console.status("loading the model …"):
        parser = build_parser(settings, model_path)
    tables = belief_scores.evaluation(load_book().truth, dialogues, parser.analyse)
    if report is not None:
        write_report(tables, report)
    if is_json:
        print(as_json(tables), end="")
    else:
        show(tables, Console())


@app.command("techniques")
def techniques(
    policy: list[str] = typer.Option(
        list(POLICIES), help="Whom to ask about: uniform, best_fixed, prior, learned, logged."
    ),
    days: int | None = typer.Option(None, help="Only what became known in so many days."),
    report: Path | None = typer.Option(None, help="A folder for report.md and report.json."),
    is_json: bool = typer.Option(False, "--json", help="Print JSON, not tables."),
) -> None:
    """Estimate from the shop's log what other ways of choosing techniques would have brought."""
    settings = load_settings()
    tables = {
        each: [
            {"kind": kind, **row, "value": NO_OVERLAP if row["value"] is None else row["value"]}
            for kind, row in ask_shop(
                settings, "technique.evaluate", policy=each, days=days
            ).items()
        ]
        for each in policy
    }
    if report is not None:
        write_report(tables, report)
    if is_json:
        print(as_json(tables), end="")
    else:
        show(tables, Console())


@app.command("promises")
def promises(
    data: Path | None = typer.Option(None, help="Labelled YAML (default: tests/data)."),
    is_json: bool = typer.Option(False, "--json", help="Print JSON, not tables."),
) -> None:
    """Score how promises are found in what sellers say, on labelled sentences."""
    from bot.bench import said_promises

    tables = said_promises.evaluation(said_promises.read_cases(data or said_promises.CASES))
    if is_json:
        print(as_json(tables), end="")
    else:
        show(tables, Console())


def _parse(labelled: Sequence[Labelled]) -> tuple[list[dict[str, Any]], list[float]]:
    """Return the parses, and the milliseconds that each took."""
    settings = load_settings()
    model_path = ensure_model(settings)
    with console.status("loading the model …"):
        parser = build_parser(settings, model_path)
        parser.parse(labelled[0].text)  # the first one takes longer
    parses, milliseconds = [], []
    for each in track(labelled, "parsing", console=console, transient=True):
        started = perf_counter()
        parses.append(parser.parse(each.text))
        milliseconds.append((perf_counter() - started) * 1000)
    return parses, milliseconds


def _draw_confusions(gold: Sequence[str], guesses: Sequence[str], folder: Path) -> None:
    os.environ["MPLBACKEND"] = "Agg"  # no window
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # its own style files are outdated
    from matplotlib.figure import Figure  # type: ignore[import-untyped]
    from sklearn.metrics import ConfusionMatrixDisplay

    axes = Figure(figsize=(16, 14)).subplots()
    ConfusionMatrixDisplay.from_predictions(
        gold, guesses, ax=axes, xticks_rotation="vertical", cmap="Blues"
    )
    axes.figure.savefig(folder / "confusion.png", bbox_inches="tight")
