"""`./prelude backup`, `restore` and `doctor`: looking after an installation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, TaskID

from bot.bootstrap import find_trained_model, prepare_database, sole_process
from bot.clock import SystemClock
from bot.crm.database import Database
from bot.crm.migrate import status
from bot.crm.pictures import PictureFolder
from bot.errors import AlreadyRunningError
from bot.services.backup import BackupReport, Tell, restore_backup, write_backup
from bot.services.doctor import examine
from bot.services.privacy import PrivacyDesk, erased_customers
from bot.settings import Settings, load_settings
from bot.web.admin import read_access

console = Console()
STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def backup(
    file: Path = typer.Argument(help="The file to write, such as var/backups/monday.zip."),
    force: bool = typer.Option(False, "--force", help="Replace the file if it is there."),
) -> None:
    """Write database and pictures to one file, while the server goes on."""
    settings = load_settings()
    with _progress() as tell:
        report = write_backup(settings, file, SystemClock().now(), is_forced=force, tell=tell)
    console.print(f"wrote {file}: {_summary(report)}", soft_wrap=True)


def restore(file: Path = typer.Argument(help="A file that ./prelude backup wrote.")) -> None:
    """Check a backup, then put it in the place of database and pictures."""
    settings = load_settings()
    access = read_access(settings.var_dir)
    if access is not None:
        raise AlreadyRunningError(f"a server runs on {settings.var_dir}: stop it first")
    with sole_process(settings), _progress() as tell:
        erased = _erased_so_far(settings)
        report = restore_backup(settings, file, SystemClock().now(), tell)
        again = _erase_again(settings, erased)
    console.print(f"restored {file}: {_summary(report)}", soft_wrap=True)
    if again:
        console.print(f"erased again, as before the restore: {again} customers")
    if report.aside:
        kept = f"the former database is kept as {report.aside}; remove it when all is well"
        console.print(kept, soft_wrap=True, highlight=False)


def _erased_so_far(settings: Settings) -> list[int]:
    """Return who was erased from the database that is to be replaced; a backup may hold them."""
    told = status(settings.database_url)
    if told.current is None or told.pending:
        return []
    database = Database(settings.database_url)
    try:
        return erased_customers(database)
    finally:
        database.close()


def _erase_again(settings: Settings, customer_ids: list[int]) -> int:
    if not customer_ids:
        return 0
    database, _ = prepare_database(settings, SystemClock())
    try:
        folder = PictureFolder(settings.var_dir / "pictures")
        return PrivacyDesk(database, folder, SystemClock()).erase_again(customer_ids, "cli")
    finally:
        database.close()


def doctor() -> None:
    """Check this installation; say how to mend what is not well."""
    has_failed = False
    for finding in examine(load_settings(), SystemClock(), find_trained_model):
        has_failed |= finding.state == "fail"
        mark = f"[{STYLES[finding.state]}]{finding.state:4}[/]"
        mend = f" — {finding.mend}" if finding.mend and finding.state != "ok" else ""
        line = f"{mark} {finding.name}: {escape(finding.line + mend)}"
        console.print(line, soft_wrap=True, highlight=False)
    if has_failed:
        raise typer.Exit(1)


def _summary(report: BackupReport) -> str:
    return (
        f"schema {report.revision}, {report.pictures} pictures, {report.byte_size / 1e6:.1f} MB, "
        f"as of {report.created_at:%Y-%m-%d %H:%M} UTC, SHA-256 {report.sha256}"
    )


@contextmanager
def _progress() -> Iterator[Tell]:
    """Give a function that draws a bar a step."""
    with Progress(console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def tell(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step, total=total)
            bars.update(tasks[step], completed=done, total=total)

        yield tell
