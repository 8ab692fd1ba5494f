"""`./prelude bench policy`: the learner in simulated shops, beside fixed orders and chance.

Each seed draws a world: in every kind a technique of the book succeeds more or less often than
its `fits` says, and in every cell, kind × truth, more or less often than in its kind: not at all,
somewhat, or much. Objections come one by one, of some kinds more than of others; of the techniques
that fit, a random part may be used, never the one that was used last. Regret is what is lost, in
chances of success, against whoever knows the world. All policies meet the same objections.
"""

from __future__ import annotations

import logging
import os
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import exp, log
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from bot.bench.tables import Row, Tables, as_json, show
from bot.cli.training import console
from bot.dialogue.technique_values import CELLS, Candidate, TechniqueValues, rank
from bot.dialogue.turn import CellTruth
from bot.knowledge.book import load_book
from bot.knowledge.technique_rules import Learning, load_learning
from bot.settings import load_settings

SEED = 20261123
KIND_SPREAD = 0.8  # standard deviation of log odds around the book's
CELL_SPREADS = {"cells are alike": 0.0, "cells differ": 0.5, "cells differ much": 1.0}
ELIGIBLE_SHARE = 0.6
FREQUENT = 1.0  # exponent of Zipf's law over the kinds
SHOWN = 6  # stretches of a table
POINTS = 60  # of a curve
LEARNERS = {"learner": 0.0, "learner, 5 % exploring": 0.05}
FIXED, CHANCE = "best fixed by kind", "any alike"
OTHERS = ("book's order", FIXED, CHANCE)
NAMES = (*LEARNERS, *OTHERS)
Curves = NDArray[np.float64]


@dataclass(frozen=True)
class Question:
    """An objection with the techniques that may answer it, and how each would turn out."""

    kind: str
    truth: CellTruth
    eligible: tuple[Candidate, ...]
    chances: dict[str, float]
    luck: float


@dataclass(frozen=True)
class World:
    """True chances of success by cell, and how often a kind comes."""

    fits: dict[str, dict[str, float]]
    chances: dict[tuple[str, str], dict[str, float]]
    kind_weights: dict[str, float]


Choose = Callable[[Question], str]


def run(objections: int, seeds: int, plot: Path | None, json_out: Path | None) -> None:
    """Simulate; print the table, draw the plot, write the figures."""
    fits, learning = fits_of_book(), load_learning()
    curves = {
        name: np.array(
            [
                regrets_of(fits, learning, spread, SEED + seed, objections)
                for seed in track(range(seeds), name, console=console, transient=True)
            ]
        )
        for name, spread in CELL_SPREADS.items()
    }
    tables = tables_of(curves)
    show(tables, Console())
    path = plot or load_settings().var_dir / "bench" / "policy.svg"
    path.parent.mkdir(parents=True, exist_ok=True)
    draw(curves, path)
    console.print(f"plot: {path}", soft_wrap=True)
    if json_out is not None:
        json_out.write_text(as_json(tables), encoding="utf-8")


def fits_of_book() -> dict[str, dict[str, float]]:
    """Return the book's chances of the techniques that answer, by kind."""
    techniques = [each for each in load_book().techniques if each.moment == "answer"]
    kinds = dict.fromkeys(kind for kind, _ in CELLS)
    return {
        kind: {each.id: each.fits[kind] for each in techniques if kind in each.fits}
        for kind in kinds
    }


def draw_world(fits: dict[str, dict[str, float]], cell_spread: float, rng: random.Random) -> World:
    """Draw the true chances around the book's.

    Args:
        cell_spread: standard deviation of a cell's log odds around those of its kind.
    """
    kinds = list(fits)
    rng.shuffle(kinds)
    chances: dict[tuple[str, str], dict[str, float]] = {}
    of_kind = {
        kind: {each: _shifted(fit, KIND_SPREAD, rng) for each, fit in sorted(fits[kind].items())}
        for kind in fits
    }
    for kind, truth in CELLS:
        chances[kind, truth] = {
            each: _shifted(chance, cell_spread, rng) for each, chance in of_kind[kind].items()
        }
    weights = {kind: 1 / (place + 1) ** FREQUENT for place, kind in enumerate(kinds)}
    return World(fits, chances, weights)


def _shifted(chance: float, spread: float, rng: random.Random) -> float:
    kept = min(max(chance, 0.02), 0.98)
    return 1 / (1 + exp(-(log(kept / (1 - kept)) + rng.gauss(0.0, spread))))


def questions_of(world: World, count: int, rng: random.Random) -> list[Question]:
    """Draw objections with what may be used; one at least, never what was used last."""
    found = []
    weights = [world.kind_weights[kind] for kind, _ in CELLS]
    for kind, truth in rng.choices(CELLS, weights, k=count):
        fits = world.fits[kind]
        may = [each for each in fits if rng.random() < ELIGIBLE_SHARE] or [rng.choice(list(fits))]
        if len(may) > 1 and rng.random() < 1 / 2:  # one of them has just failed
            may.remove(rng.choice(may))
        candidates = tuple(Candidate(each, fits[each]) for each in may)
        found.append(Question(kind, truth, candidates, world.chances[kind, truth], rng.random()))
    return found


def regrets_of(
    fits: dict[str, dict[str, float]],
    learning: Learning,
    cell_spread: float,
    seed: int,
    count: int,
) -> Curves:
    """Return the summed regret of each policy (rows) after each objection (columns)."""
    rng = random.Random(seed)
    world = draw_world(fits, cell_spread, rng)
    questions = questions_of(world, count, rng)
    regrets = [_learner(questions, learning, share, seed) for share in LEARNERS.values()]
    fixed = fixed_orders(world)
    choices: list[Choose] = [
        lambda asked: max(asked.eligible, key=lambda each: (each.fit, each.technique)).technique,
        lambda asked: max(
            (each.technique for each in asked.eligible), key=lambda each: fixed[asked.kind][each]
        ),
    ]
    for choose in choices:
        regrets.append([_lost(asked, choose(asked)) for asked in questions])
    regrets.append([_lost_by_chance(asked) for asked in questions])
    return np.cumsum(np.array(regrets), axis=1)


def _learner(
    questions: Sequence[Question], learning: Learning, exploration: float, seed: int
) -> list[float]:
    values, rng, lost = TechniqueValues(learning), random.Random(seed), []
    for asked in questions:
        ranking = rank(
            asked.eligible,
            asked.kind,
            asked.truth,
            values=values,
            exploration=exploration,
            rng=rng,
        )
        assert ranking is not None
        chosen = ranking.technique
        lost.append(_lost(asked, chosen))
        values.learn(chosen, asked.kind, asked.truth, asked.luck < asked.chances[chosen])
    return lost


def fixed_orders(world: World) -> dict[str, dict[str, float]]:
    """Return each technique's true chance over its kind: the best fixed order, in hindsight."""
    return {
        kind: {
            each: float(np.mean([world.chances[cell][each] for cell in CELLS if cell[0] == kind]))
            for each in fits
        }
        for kind, fits in world.fits.items()
    }


def _best(asked: Question) -> float:
    return max(asked.chances[each.technique] for each in asked.eligible)


def _lost(asked: Question, chosen: str) -> float:
    return _best(asked) - asked.chances[chosen]


def _lost_by_chance(asked: Question) -> float:
    return _best(asked) - float(np.mean([asked.chances[each.technique] for each in asked.eligible]))


def tables_of(curves: Mapping[str, Curves]) -> Tables:
    """Return the regret of each policy, in all and by stretch, as ratios to chance.

    Args:
        curves: by world; then by seed, policy and objection.
    """
    tables: dict[str, Sequence[Row]] = {}
    for world, of_world in curves.items():
        tables[f"{world}: regret over all objections"] = [_total(of_world, each) for each in NAMES]
        tables[f"{world}: in a stretch, any alike = 1"] = _stretches(of_world)
    return tables


def _total(curves: Curves, name: str) -> Row:
    totals = curves[:, :, -1]
    own, chance, fixed = (totals[:, NAMES.index(each)] for each in (name, CHANCE, FIXED))
    ratios = own / chance
    return {
        "policy": name,
        "regret an objection": float(own.mean() / curves.shape[2]),
        "to any alike": float(ratios.mean()),
        "±": 1.96 * float(ratios.std(ddof=1)) / len(ratios) ** 0.5,
        "to best fixed": float(own.mean() / fixed.mean()) if fixed.any() else None,
        "seeds below it": int((own < fixed).sum()),
    }


def _stretches(curves: Curves) -> list[Row]:
    count = curves.shape[2]
    ends = [count * (place + 1) // SHOWN for place in range(SHOWN)]
    rows: list[Row] = []
    for begin, end in zip([0, *ends], ends, strict=False):
        before: Any = curves[:, :, begin - 1] if begin else 0.0
        lost = (curves[:, :, end - 1] - before).mean(axis=0)
        ratios = (lost / lost[NAMES.index(CHANCE)]).tolist()
        rows.append({"objections": f"{begin + 1}–{end}", **dict(zip(NAMES, ratios, strict=True))})
    return rows


def draw(curves: Mapping[str, Curves], path: Path) -> None:
    """Draw the mean regret of each policy with its 95 % band, as SVG with the same bytes each time.

    Args:
        curves: by world, each a panel.
    """
    os.environ["MPLBACKEND"] = "Agg"  # no window
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # its own style files are outdated
    import matplotlib as mpl  # type: ignore[import-untyped]
    from matplotlib.figure import Figure  # type: ignore[import-untyped]

    with mpl.rc_context({"svg.hashsalt": "prelude", "svg.fonttype": "none"}):
        figure = Figure(figsize=(11, 3.8))
        panels = figure.subplots(1, len(curves), sharey=True, squeeze=False)[0]
        for axes, (world, of_world) in zip(panels, curves.items(), strict=True):
            steps = np.unique(np.linspace(0, of_world.shape[2] - 1, POINTS).astype(int))
            for place, name in enumerate(NAMES):
                kept = of_world[:, place, steps]
                mean = kept.mean(axis=0)
                half = 1.96 * kept.std(axis=0, ddof=1) / len(kept) ** 0.5
                axes.plot(steps + 1, mean, label=name)
                axes.fill_between(steps + 1, mean - half, mean + half, alpha=0.2)
            axes.set_title(world)
            axes.set_xlabel("objections answered")
            axes.spines[["top", "right"]].set_visible(False)
        panels[0].set_ylabel("regret: successes lost")
        panels[0].legend(frameon=False)
        figure.savefig(path, format="svg", bbox_inches="tight", metadata={"Date": None})
