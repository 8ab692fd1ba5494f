"""`./prelude bench …`: figures measured side by side in one run, as ratios."""

from __future__ import annotations

from pathlib import Path

import typer

app = typer.Typer(no_args_is_help=True, help="Measure; every figure is a ratio within one run.")


@app.callback()
def group() -> None:
    """Measure."""


@app.command("turn")
def turn(
    json_out: Path | None = typer.Option(None, "--json", help="Write figures and ratios."),
    quick: bool = typer.Option(False, "--quick", help="Fewer turns; for trying the command."),
) -> None:
    """Compare our server with stock Rasa and with a one-row echo."""
    from bot.bench.turn import run

    run(json_out, is_quick=quick)


@app.command("sockets")
def sockets(
    json_out: Path | None = typer.Option(None, "--json", help="Write figures and ratios."),
    connections: int = typer.Option(2000, "--connections", help="Idle sockets of each server."),
) -> None:
    """Hold many idle sockets beside a bare echo's: memory of each, and p99 of active ones."""
    from bot.bench.sockets import run

    run(json_out, connections=connections)


@app.command("crm")
def crm(
    messages: int = typer.Option(1_000_000, min=100, help="Messages of the large database."),
    cases: int = typer.Option(100_000, min=100, help="Cases in it."),
    orders: int = typer.Option(100_000, min=1, help="Orders to import into it."),
    database: str | None = typer.Option(
        None, help="A PostgreSQL server's URL; databases are made there and dropped."
    ),
    json_out: Path | None = typer.Option(None, "--json", help="Write figures and ratios."),
) -> None:
    """Read, search, fill and import into a large shop's database, SQLite and PostgreSQL."""
    from bot.bench.crm import Size, run

    run(json_out, Size(messages, cases, orders), database)


@app.command("nlu")
def nlu(
    data: Path | None = typer.Option(None, help="Labelled JSONL (default: tests/held_out)."),
    json_out: Path | None = typer.Option(None, "--json", help="Write figures and ratios."),
    limit: int | None = typer.Option(None, "--limit", help="Learn so many messages an intent."),
) -> None:
    """Compare our understanding with stock Rasa's and three others that learn from the same."""
    from bot.bench.nlu import run

    run(data, json_out, limit=limit)


@app.command("policy")
def policy(
    objections: int = typer.Option(3000, min=10, help="Objections that each seed answers."),
    seeds: int = typer.Option(40, min=2, help="Worlds that are drawn."),
    plot: Path | None = typer.Option(None, help="The SVG (default: var/bench/policy.svg)."),
    json_out: Path | None = typer.Option(None, "--json", help="Write figures and ratios."),
) -> None:
    """Let the learner choose techniques in simulated shops, beside fixed orders and chance."""
    from bot.bench.policy import run

    run(objections, seeds, plot, json_out)
