"""`./prelude customer` and `./prelude audit`: a person's data, and the proof of who did what."""

from __future__ import annotations

import base64
import json
import os
from datetime import datetime
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from bot.cli.shop_access import ask_shop
from bot.clock import SHOP_TIME_ZONE
from bot.errors import UsageError
from bot.settings import load_settings

console = Console()
customer_app = typer.Typer(no_args_is_help=True, help="Customers: show, find, copy, erase, merge.")
audit_app = typer.Typer(no_args_is_help=True, help="The audit trail: who did what.")


@customer_app.command("show")
def show(
    customer: int | None = typer.Argument(None, help="The customer's number."),
    phone: str | None = typer.Option(None, help="… or a phone number."),
    login: str | None = typer.Option(None, help="… or the shop's own id."),
    reveal: bool = typer.Option(False, help="Show everything unmasked; the audit trail keeps it."),
) -> None:
    """Show a customer: master data, orders, open cases and tasks, talks."""
    if len([each for each in (customer, phone, login) if each is not None]) != 1:
        raise UsageError("say who: a number, --phone or --login")
    told = ask_shop(
        load_settings(), "customer.show", id=customer, phone=phone, login=login, is_revealed=reveal
    )
    console.print_json(json.dumps(told, ensure_ascii=False))


@customer_app.command("find")
def find(text: str = typer.Argument(help="A phone number, a login or a whole name.")) -> None:
    """Find customers."""
    table = Table("number", "name", "grade", "from", "since")
    rows = ask_shop(load_settings(), "customer.find", text=text)
    for row in rows:
        since = _moment(row["created_at"])
        table.add_row(str(row["id"]), row["name"], row["grade"] or "", row["source"], since)
    console.print(table if rows else "nobody is known by that.")


@customer_app.command("export")
def export(
    customer: int = typer.Argument(help="The customer's number."),
    file: Path = typer.Argument(help="The ZIP to write; only you can read it."),
) -> None:
    """Copy everything about a person into a ZIP (PIPL art. 45)."""
    if file.exists():
        raise UsageError(f"{file} is there already; give another name")
    told = ask_shop(load_settings(), "customer.export", id=customer)
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as out:
            out.write(base64.b64decode(told["archive"]))
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}") from error
    receipt = told["receipt"]
    _print_rows(f"Copied customer {customer} at {_moment(receipt['at'])}", receipt)
    console.print(
        f"{file}: {receipt['byte_size']} bytes, SHA-256 {receipt['sha256']}", soft_wrap=True
    )


@customer_app.command("erase")
def erase(
    customer: int = typer.Argument(help="The customer's number."),
    yes: bool = typer.Option(False, "--yes", help="Do not ask."),
    despite_open_cases: bool = typer.Option(
        False, help="Empty the words of an open complaint, too; the law may oblige to keep them."
    ),
) -> None:
    """Empty everything about a person, for ever (PIPL art. 47)."""
    if not yes:
        typer.confirm(f"Erase customer {customer}? Nothing brings it back", abort=True)
    receipt = ask_shop(
        load_settings(), "customer.erase", id=customer, despite_open_cases=despite_open_cases
    )
    if not receipt["rows"]:
        console.print(f"nothing was left of customer {customer}")
        return
    _print_rows(f"Erased customer {customer} at {_moment(receipt['at'])}", receipt)
    if receipt["open_cases"]:
        console.print(f"Open cases go on without words: {', '.join(receipt['open_cases'])}")
    days, gone_on = receipt["backup_days"], receipt["backups_gone_on"]
    console.print(
        f"Backups in var/backups older than {days} days are deleted: the last one that may hold "
        f"this person on {gone_on}. Copies that were taken elsewhere are yours to delete, and "
        "a restore over this database erases this person again."
    )
    if not receipt["is_log_empty"]:
        console.print(
            "The database's own log may hold former pages for a while: SQLite writes over it, "
            "PostgreSQL's VACUUM and log rotation remove them."
        )


@customer_app.command("merge")
def merge(
    kept: int = typer.Argument(help="The number that stays."),
    gone: int = typer.Argument(help="The number that goes."),
) -> None:
    """Make two records of one person into one."""
    ask_shop(load_settings(), "customer.merge", kept=kept, gone=gone)
    console.print(f"customer {gone} is part of {kept} now")


@audit_app.command("verify")
def verify() -> None:
    """Check that no entry was changed, removed or put in between."""
    count = ask_shop(load_settings(), "audit.verify")
    console.print(f"{count} entries: all right")


@audit_app.command("list")
def list_entries(
    subject: str | None = typer.Option(None, help="Only about this one, like customer:17."),
    limit: int = typer.Option(50, help="How many."),
) -> None:
    """List who did what, newest first."""
    table = Table("entry", "when", "who", "what", "to what")
    for row in ask_shop(load_settings(), "audit.list", subject=subject, limit=limit):
        about = f"{row['subject_kind']}:{row['subject_id']}"
        table.add_row(str(row["id"]), _moment(row["at"]), row["actor"], row["verb"], about)
    console.print(table)


def _print_rows(title: str, receipt: dict[str, Any]) -> None:
    table = Table("table", "rows", title=title)
    for name, count in receipt["rows"].items():
        table.add_row(name, str(count))
    table.add_row("files of pictures", str(receipt["pictures"]))
    console.print(table)


def _moment(text: str) -> str:
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return f"{moment.astimezone(SHOP_TIME_ZONE):%Y-%m-%d %H:%M}"
