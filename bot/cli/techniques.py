"""`./prelude techniques`: how each technique does, and what the shop decides about it."""

from __future__ import annotations

from typing import Any

import typer
from rich.console import Console
from rich.table import Table
from scipy.special import btdtri

from bot.cli.shop_access import ask_shop
from bot.settings import load_settings

console = Console()
app = typer.Typer(help="Techniques: how they do in each cell, kind × truth; pin or ban one there.")
KIND = typer.Argument(help="Of the objection, such as price.")
TRUTH = typer.Argument(help="true, false, hidden, unclear (while it is not decided), or all.")
TECHNIQUE = typer.Argument(help="Its id in the book.")
LEAST = 1e-6  # a Beta distribution has no interval at 0


@app.callback(invoke_without_command=True)
def list_techniques(
    context: typer.Context,
    kind: str | None = typer.Option(None, help="One kind of objection, such as price."),
    is_all: bool = typer.Option(False, "--all", help="Also where nothing is known or decided."),
) -> None:
    """List cells with outcomes (n), the chance of success that is believed, and its interval."""
    if context.invoked_subcommand is not None:
        return
    rows = ask_shop(load_settings(), "technique.list", kind=kind)
    shown = [row for row in rows if is_all or row["outcomes"] or row["mode"]]
    if not shown:
        console.print("no outcomes yet, and nothing pinned or banned; --all shows the book's own")
        return
    table = Table("kind", "truth", "technique", "n", "successes", "mean", "95 %", "book", "")
    for row in shown:
        table.add_row(
            row["kind"],
            "(all)" if row["truth"] == "unclear" else row["truth"],
            row["technique"],
            str(row["outcomes"]),
            str(row["successes"]),
            f"{row['alpha'] / (row['alpha'] + row['beta']):.2f}",
            _interval(row),
            f"{row['fit']:.2f}",
            _decision(row),
        )
    console.print(table)


@app.command("pin")
def pin(kind: str = KIND, truth: str = TRUTH, technique: str = TECHNIQUE) -> None:
    """Use a technique whenever it may be used there; never twice running."""
    _decide(kind, truth, technique, "pin")


@app.command("ban")
def ban(kind: str = KIND, truth: str = TRUTH, technique: str = TECHNIQUE) -> None:
    """Never use a technique there."""
    _decide(kind, truth, technique, "ban")


@app.command("clear")
def clear(kind: str = KIND, truth: str = TRUTH, technique: str = TECHNIQUE) -> None:
    """Decide nothing any more: outcomes choose again."""
    _decide(kind, truth, technique, "clear")


def _decide(kind: str, truth: str, technique: str, mode: str) -> None:
    ask_shop(
        load_settings(), "technique.set", kind=kind, truth=truth, technique=technique, mode=mode
    )
    done = {"pin": "pinned", "ban": "banned", "clear": "cleared"}[mode]
    console.print(f"{done}: {technique} for {kind}, {truth}", highlight=False)


def _decision(row: dict[str, Any]) -> str:
    done = {"pin": "pinned", "ban": "banned"}.get(row["mode"], "")
    return f"{done} by {row['set_by']}, {str(row['set_at'])[:10]}" if done else ""


def _interval(row: dict[str, Any]) -> str:
    alpha, beta = max(row["alpha"], LEAST), max(row["beta"], LEAST)
    low, high = (float(btdtri(alpha, beta, share)) for share in (0.025, 0.975))
    return f"{low:.2f}–{high:.2f}"
