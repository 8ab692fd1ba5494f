"""How well promises are found in what sellers say, and how long that takes (D-CUS-11)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from msgspec import Struct

from bot.clock import SHOP_TIME_ZONE
from bot.dialogue.promise_finder import shared_finder
from bot.knowledge.loader import read_yaml
from bot.settings import ROOT

CASES = ROOT / "tests" / "data" / "promise_cases.yml"
SAID_AT = datetime(2026, 11, 23, 10, tzinfo=SHOP_TIME_ZONE)  # a Monday


class SaidCase(Struct, frozen=True, forbid_unknown_fields=True):
    """A sentence, the kind of the promise in it, and until when; no kind: it promises nothing.

    `is_missed`: the patterns are known not to find it rightly.
    """

    say: str
    kind: str | None = None
    day: date | None = None
    minute: int | None = None
    is_missed: bool = False


def read_cases(path: Path = CASES) -> list[SaidCase]:
    """Return the labelled sentences."""
    return read_yaml(path, list[SaidCase])


def evaluation(cases: Sequence[SaidCase]) -> dict[str, Any]:
    """Return precision and recall by kind, of all and of any; the days that are right; the time."""
    counts: Counter[tuple[str, str]] = Counter()
    days = right_days = found_any = false_any = 0
    milliseconds = []
    finder = shared_finder()
    finder.find(cases[0].say, SAID_AT)  # the first one takes longer
    for each in cases:
        started = perf_counter()
        found = finder.find(each.say, SAID_AT)
        milliseconds.append((perf_counter() - started) * 1000)
        kinds = [promise.kind for promise in found]
        found_any += bool(kinds) and each.kind is not None
        false_any += bool(kinds) and each.kind is None
        for kind in kinds:
            counts[kind, "right" if kind == each.kind else "false"] += 1
        if each.kind is not None and each.kind not in kinds:
            counts[each.kind, "missed"] += 1
        for promise in found:
            if promise.kind == each.kind and each.day is not None:
                days += 1
                right_days += (promise.day, promise.minute) == (each.day, each.minute)
    promising = sum(each.kind is not None for each in cases)
    kinds = sorted({kind for kind, _ in counts})
    rows = [
        _row(kind, *(counts[kind, name] for name in ("right", "false", "missed"))) for kind in kinds
    ]
    sums = (sum(row[name] for row in rows) for name in ("right", "false", "missed"))
    return {
        "kinds": [
            *rows,
            _row("all", *sums),
            _row("any kind", found_any, false_any, promising - found_any),
        ],
        "summary": {
            "sentences": len(cases),
            "without_a_promise": sum(each.kind is None for each in cases),
            "right_days": f"{right_days} of {days}",
            "p50_ms": round(median(milliseconds), 3),
            "most_ms": round(max(milliseconds), 3),
        },
    }


def _row(kind: str, right: int, false: int, missed: int) -> dict[str, Any]:
    return {
        "kind": kind,
        "right": right,
        "false": false,
        "missed": missed,
        "precision": round(right / (right + false), 3) if right + false else None,
        "recall": round(right / (right + missed), 3) if right + missed else None,
    }
