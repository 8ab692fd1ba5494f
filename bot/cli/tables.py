"""`./prelude import` and `./prelude export`: customers, orders, products … as CSV and XLSX files.

The command reads and writes the file; the running server (or this process, when none runs)
reads and writes the database, chunk by chunk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from bot.bootstrap import build_application, prepare_database, sole_process
from bot.cli.shop_access import NoEngine, ask_shop
from bot.clock import SystemClock
from bot.errors import UsageError
from bot.knowledge.table_columns import TableName
from bot.services.exports import ExportPage, export_header, export_rows
from bot.services.imports import ImportReport, run_import
from bot.services.operations import perform
from bot.services.table_files import Cell, open_table
from bot.services.table_writer import write_table
from bot.settings import Settings, load_settings
from bot.web.admin import read_access

console = Console()


class Imported(str, Enum):
    """Tables that can be imported."""

    customers = "customers"
    orders = "orders"
    products = "products"


class Exported(str, Enum):
    """Tables that can be exported."""

    customers = "customers"
    orders = "orders"
    products = "products"
    cases = "cases"
    tasks = "tasks"


@contextmanager
def open_shop(settings: Settings) -> Iterator[Callable[..., Any]]:
    """Give what carries out many operations: through the running server, or on the database."""
    if read_access(settings.var_dir) is not None:
        yield partial(ask_shop, settings)
        return
    with sole_process(settings):
        database, _ = prepare_database(settings, SystemClock())
        try:
            application = build_application(settings, database=database, engine=NoEngine())
            yield lambda name, **arguments: asyncio.run(perform(application, name, arguments))
        finally:
            database.close()


def import_table(
    table: Imported = typer.Argument(help="What the rows are."),
    file: Path = typer.Argument(help="A .csv (UTF-8 or GB18030) or .xlsx file with a header."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Only show what would change."),
    yes: bool = typer.Option(False, "--yes", help="Do not ask; for a nightly job."),
) -> None:
    """Bring rows in from a file: first tried, then written; safe to run twice."""
    with open_shop(load_settings()) as ask:
        if dry_run or not yes:
            tried = _run(ask, table.value, file, is_dry_run=True)
            if dry_run or not tried.outcomes["new"] + tried.outcomes["changed"]:
                raise typer.Exit(1 if tried.refused_rows else 0)
            typer.confirm("Write this?", abort=True)
        done = _run(ask, table.value, file, is_dry_run=False)
    if done.refused_rows:
        raise typer.Exit(1)


def _run(ask: Callable[..., Any], name: TableName, file: Path, *, is_dry_run: bool) -> ImportReport:
    verb = "trying" if is_dry_run else "writing"
    with _progress() as progress, open_table(file) as table:
        task = progress.add_task(f"{verb} {name}", total=table.row_count)
        try:
            report = run_import(
                name,
                table,
                lambda chunk: ask("import.write", **chunk),
                is_dry_run=is_dry_run,
                on_progress=lambda so_far: progress.update(task, completed=so_far.rows),
            )
        except UsageError as error:
            raise UsageError(f"{file}: {error}") from error
        progress.update(task, total=report.rows)
        seconds = progress.tasks[0].elapsed or 0.0
    _show(report, file, is_dry_run=is_dry_run)
    speed = report.rows / max(seconds, 0.001)
    console.print(f"{table.kind}: {report.rows:,} rows in {seconds:.1f} s, {speed:,.0f} rows/s")
    return report


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )


def _show(report: ImportReport, file: Path, *, is_dry_run: bool) -> None:
    shown = Table("would be" if is_dry_run else "were", "number", "fields")
    for outcome in ("new", "changed", "unchanged"):
        fields = ", ".join(f"{name} {count:,}" for name, count in report.fields.most_common())
        told = fields if outcome == "changed" else ""
        shown.add_row(outcome, f"{report.outcomes[outcome]:,}", told)
    shown.add_row("refused rows", f"{report.refused_rows:,}", "")
    console.print(shown)
    for each in report.problems:
        place = f"{file}:{each.line}: {each.column}: " if each.column else f"{file}:{each.line}: "
        console.print(place + each.reason, markup=False, highlight=False, soft_wrap=True)
    more = report.problem_count - len(report.problems)
    if more:
        console.print(f"… and {more:,} more; mend these first")


def export_table(
    table: Exported = typer.Argument(help="What to write."),
    file: Path = typer.Argument(help="A .csv or .xlsx file; it is replaced if it is there."),
    personal: bool = typer.Option(
        False, "--personal", help="With names, numbers and texts; noted in the audit trail."
    ),
) -> None:
    """Write a table to a file; names, numbers and what people said are masked."""
    with open_shop(load_settings()) as ask, _progress() as progress:
        task = progress.add_task(f"writing {table.value}", total=None)

        def rows() -> Iterator[list[Cell]]:
            before_id = None
            while True:
                told = ask(
                    "export.page", table=table.value, before_id=before_id, has_personal=personal
                )
                page = msgspec.convert(told, ExportPage)
                yield from export_rows(table.value, page)
                progress.advance(task, len(page.rows))
                before_id = page.next_id
                if before_id is None:
                    return

        count = write_table(file, export_header(table.value), rows())
    told = "with personal columns" if personal else "personal columns are masked (--personal)"
    console.print(f"{file}: {count:,} rows; {told}")
