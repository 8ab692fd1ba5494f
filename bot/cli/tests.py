"""`./prelude test`: every tier, one after the other, each with its time and what it skipped."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import typer
from rich.console import Console
from rich.table import Table

from bot.cli.training import QUIET, ensure_model
from bot.errors import UsageError
from bot.settings import ROOT, load_settings

console = Console()
TIERS = {
    "fast": ["tests/unit", "tests/integration", "tests/contract"],
    "model": ["tests/model", "tests/terminal"],
    "journeys": ["tests/conversations"],
    "crash": ["tests/crash"],
    "browser": ["tests/browser"],
    "postgres": ["tests/postgres"],
}
WORKERS = min(max(os.cpu_count() or 2, 2), 8)
# Tests of one file of the crash tier build on each other.
SIDE_BY_SIDE = {
    "fast": ["-n", str(WORKERS), "--dist", "worksteal"],
    "crash": ["-n", str(WORKERS), "--dist", "loadfile"],
    "postgres": ["-n", str(WORKERS), "--dist", "worksteal"],
}
NEED_MODEL = ("model", "journeys", "browser")


def test(
    tiers: list[str] = typer.Argument(
        None, help="fast, model, journeys, crash, browser, postgres (default: all)"
    ),
) -> None:
    """Run the tests, tier by tier."""
    chosen = tiers or list(TIERS)
    unknown = [tier for tier in chosen if tier not in TIERS]
    if unknown:
        raise UsageError(f"there is no tier {unknown[0]!r}; there are {', '.join(TIERS)}")
    if any(tier in NEED_MODEL for tier in chosen):
        ensure_model(load_settings())
    table = Table("tier", "result", "seconds")
    has_failed = False
    for tier in chosen:
        console.rule(f"tier {tier}")
        started = time.monotonic()
        command = [sys.executable, "-m", "pytest", *TIERS[tier], "-rs", "--durations=5"]
        command += SIDE_BY_SIDE.get(tier, [])
        code = subprocess.call(command, cwd=ROOT, env={**os.environ, **QUIET})
        has_failed |= code != 0
        table.add_row(
            tier, "passed" if code == 0 else "FAILED", f"{time.monotonic() - started:.0f}"
        )
    console.print(table)
    if has_failed:
        raise typer.Exit(1)
