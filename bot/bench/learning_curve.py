"""Which intents would still gain from more messages: F1 by number of training messages.

Our model learns the first 50, 100, 150 … messages of each intent, in a seeded order that mixes the
writers, and is asked those of writers held out whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np
from rich.progress import track
from sklearn.model_selection import GroupShuffleSplit

from bot.bench.nlu import job_of, run_peer, some_of
from bot.bench.nlu_peers import SEED
from bot.bench.tables import Row, Tables
from bot.bench.understanding import Labelled, gold_of, macro_f1, scores_of
from bot.cli.training import console
from bot.language.training_data import TrainingMessage

STEP = 50
HELD_OUT_SHARE = 0.2  # of the writers
CLIMB = 0.005  # F1 a step
SLOPE_STEPS = 4  # the last ones together, for one alone is mostly noise
SHOWN_STEPS = 10
Scores = Mapping[str, Mapping[str, float]]


def curve_of(
    messages: Sequence[TrainingMessage], labelled: Sequence[Labelled], *, most: int
) -> Tables:
    """Return macro-F1 and F1 of each intent by step, on held-out writers and on `labelled`."""
    split = GroupShuffleSplit(1, test_size=HELD_OUT_SHARE, random_state=SEED)
    places = next(split.split(messages, groups=[each.metadata.writer for each in messages]))
    train, held_out = ([messages[each] for each in part] for part in places)
    tests = {"held-out writers": [Labelled(each.text, each.intent) for each in held_out]}
    if labelled:
        tests["labelled file"] = list(labelled)
    sizes = Counter(each.intent for each in train)
    steps = range(STEP, min(most, max(sizes.values())) + STEP, STEP)
    found: dict[str, dict[int, Scores]] = {name: {} for name in tests}
    for step in track(steps, "training", console=console):
        job = job_of(some_of(train, step), [each.text for test in tests.values() for each in test])
        guesses = iter(run_peer("ours", job).guesses)
        for name, test in tests.items():
            own = list(islice(guesses, len(test)))
            found[name][step] = scores_of(gold_of(test, own), own)
    macro = [
        {"messages": step, **{name: macro_f1(each[step]) for name, each in found.items()}}
        for step in steps
    ]
    by_intent = {f"F1 on {name}": list(_rows(each, sizes)) for name, each in found.items()}
    return {"macro-F1 by messages an intent": macro, **by_intent}


def _rows(by_step: Mapping[int, Scores], sizes: Mapping[str, int]) -> Iterator[Row]:
    """Yield a row an intent; its slope is over the last steps that gave it new messages."""
    steps = list(by_step)
    shown = {steps[int(each)] for each in np.linspace(0, len(steps) - 1, SHOWN_STEPS)}
    for intent in sorted(sizes):
        f1 = {step: each[intent]["f1"] for step, each in by_step.items() if intent in each}
        last = [f1[step] for step in f1 if step - STEP < sizes[intent]][-SLOPE_STEPS:]
        slope = float(np.polyfit(range(len(last)), last, 1)[0]) if len(last) > 1 else 0.0
        row: dict[str, Any] = {"intent": intent, "messages": sizes[intent]}
        row |= {str(step): f1.get(step) for step in sorted(shown)}
        yield row | {f"per {STEP}": slope, "climbs": "yes" if slope >= CLIMB else ""}
