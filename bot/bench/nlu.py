"""`./prelude bench nlu`: our understanding beside others that learn from the same messages."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from bot.bench import understanding
from bot.bench.nlu_peers import PEERS, SEED, STOCK_CONFIG, Job, Result
from bot.bench.servers import BenchError, stop_signals_interrupt
from bot.bench.tables import Row, Tables, as_json, show
from bot.bench.understanding import Labelled
from bot.cli.training import QUIET, console
from bot.language.training_data import TrainingMessage, read_messages
from bot.settings import ROOT, load_settings

ENVIRON = {**QUIET, "LOG_LEVEL": "ERROR", "RASA_MAX_CACHE_SIZE": "0", "PYTHONPATH": str(ROOT)}


def run(data: Path | None, json_out: Path | None, *, limit: int | None) -> None:
    """Measure, having learned at most `limit` messages an intent; show and write the tables."""
    labelled = understanding.read_labelled(data or understanding.HELD_OUT)
    messages = some_of(read_messages()[0], limit)
    job = job_of(messages, [each.text for each in labelled])
    learned = msgspec.json.encode([job.texts, job.intents, STOCK_CONFIG.read_text()])
    digest = hashlib.sha256(learned).hexdigest()[:16]
    kept = load_settings().var_dir.resolve() / "bench" / f"stock-{digest}"
    kept.mkdir(parents=True, exist_ok=True)
    job.kept = str(kept)
    with stop_signals_interrupt():
        names = track(PEERS, "one after the other", console=console)
        results = {name: run_peer(name, job) for name in names}
    tables = tables_of(labelled, results)
    show(tables, Console())
    print(f"each learned from {len(messages)} messages and was asked {len(labelled)}, one by one")
    if json_out is not None:
        json_out.write_text(as_json(tables), encoding="utf-8")


def some_of(messages: Sequence[TrainingMessage], most: int | None) -> list[TrainingMessage]:
    """Return at most so many messages of each intent, in a seeded order that mixes the writers."""
    taken: Counter[str] = Counter()
    chosen = []
    for place in np.random.default_rng(SEED).permutation(len(messages)):
        taken[messages[place].intent] += 1
        if most is None or taken[messages[place].intent] <= most:
            chosen.append(messages[place])
    return chosen


def job_of(messages: Sequence[TrainingMessage], asked: list[str]) -> Job:
    """Return the job to learn from `messages` and to guess the intents of `asked`."""
    metadata = [msgspec.to_builtins(each.metadata) for each in messages]
    return Job(
        [each.text for each in messages], [each.intent for each in messages], metadata, asked
    )


def run_peer(name: str, job: Job) -> Result:
    """Let one do its job in a process of its own.

    Raises:
        BenchError: it failed.
    """
    with tempfile.TemporaryDirectory(prefix=f"bench-{name}-") as folder:
        (Path(folder) / "job.json").write_bytes(msgspec.json.encode(job))
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-m", "bot.bench.nlu_peers", name],
            cwd=folder,
            env={**os.environ, **ENVIRON},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        if done.returncode != 0:
            raise BenchError(f"{name} failed:\n{done.stdout.decode(errors='replace')[-2000:]}")
        return msgspec.json.decode((Path(folder) / "result.json").read_bytes(), type=Result)


def tables_of(labelled: Sequence[Labelled], results: Mapping[str, Result]) -> Tables:
    """Return a row a system, and ours in proportion to each of the others."""
    rows, macro = {}, {}
    for name, result in results.items():
        gold = understanding.gold_of(labelled, result.guesses)
        draws = understanding.resampled(gold, result.guesses)
        rows[name] = _row(name, gold, result, draws)
        macro[name] = draws["macro-F1"]
    own = rows["ours"]
    ratios = [
        {
            "ours to": row["system"],
            "error ratio": (1 - own["accuracy"]) / max(1 - row["accuracy"], 1 / len(labelled)),
            "p50 ratio": own["p50 ms"] / row["p50 ms"],
            "macro-F1 difference": own["macro-F1"] - row["macro-F1"],
            "paired 95%": _interval(macro["ours"] - macro[name]),
        }
        for name, row in rows.items()
        if name != "ours"
    ]
    return {"systems": list(rows.values()), "ratios": ratios}


def _row(name: str, gold: Sequence[str], result: Result, draws: Mapping[str, NDArray[Any]]) -> Row:
    p50, p99 = np.percentile(result.milliseconds, [50, 99]).tolist()
    return {
        "system": PEERS[name][1],
        "accuracy": understanding.accuracy(gold, result.guesses),
        "accuracy 95%": _interval(draws["accuracy"]),
        "macro-F1": understanding.macro_f1(understanding.scores_of(gold, result.guesses)),
        "macro-F1 95%": _interval(draws["macro-F1"]),
        "train s": result.train_seconds,
        "trained": "before (cached)" if result.is_cached else "now",
        "p50 ms": p50,
        "p99 ms": p99,
        "peak MiB": round(result.peak_mib),
    }


def _interval(values: NDArray[Any]) -> list[float]:
    return [float(each) for each in np.percentile(values, [2.5, 97.5])]
