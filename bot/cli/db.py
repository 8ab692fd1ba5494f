"""`./prelude db`: which schema the database has, and bringing it to the newest."""

from __future__ import annotations

from pathlib import Path

import typer
from rich.console import Console

from bot.bootstrap import sole_process
from bot.crm.dictionary import data_dictionary
from bot.crm.migrate import SchemaStatus, status, upgrade
from bot.settings import load_settings

console = Console()
app = typer.Typer(no_args_is_help=True, help="The schema of the database.")


@app.command("status")
def show_status() -> None:
    """Show the present schema, the newest, and the migrations between them."""
    told = status(load_settings().database_url)
    console.print(f"schema {told.current or 'none'}, newest {told.head}")
    _print_pending(told)


@app.command("upgrade")
def migrate() -> None:
    """Bring the database to the newest schema (a start of the server does it, too)."""
    settings = load_settings()
    before = status(settings.database_url)
    _print_pending(before)
    if before.pending:
        with sole_process(settings):
            upgrade(settings.database_url)
    console.print(f"schema {before.head}: nothing is pending")


@app.command("dictionary")
def write_dictionary(
    file: Path | None = typer.Argument(None, help="Where to write it (default: print it)."),
) -> None:
    """Write the data dictionary: every table and column, and whom it is about."""
    if file is None:
        typer.echo(data_dictionary(), nl=False)
    else:
        file.write_text(data_dictionary(), encoding="utf-8")


def _print_pending(told: SchemaStatus) -> None:
    for revision, what in told.pending:
        console.print(f"  pending {revision}: {what}", highlight=False, soft_wrap=True)
