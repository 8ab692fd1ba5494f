"""`./prelude promises`: what bot and staff have promised, and what became of it (D-CUS-11)."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bot.cli.shop_access import ask_shop
from bot.clock import SHOP_TIME_ZONE, SystemClock
from bot.errors import UsageError
from bot.settings import load_settings

SHOWN_CHARS = 40
FIGURES_DAYS = 30

console = Console()
app = typer.Typer(help="Promises of bot and staff: open, overdue, kept, late, broken.")
number_argument = typer.Argument(help="The promise's number.")
name_option = typer.Option("", "--as", help="Who you are.")


@app.callback(invoke_without_command=True)
def list_promises(
    context: typer.Context,
    state: str | None = typer.Option(None, help="open, kept, late, broken or withdrawn."),
    owner: str | None = typer.Option(None, help="A role, team or person; or bot."),
    kind: str | None = typer.Option(None, help="find_out, call_back …"),
    overdue: bool = typer.Option(False, "--overdue", help="Open ones past their date."),
    all_states: bool = typer.Option(False, "--all", help="The settled ones, too."),
) -> None:
    """List promises, newest first: the open ones, unless asked otherwise."""
    if context.invoked_subcommand is not None:
        return
    wanted = state if state or all_states else "open"
    rows = ask_shop(
        load_settings(), "promise.list", state=wanted, owner=owner, kind=kind, is_overdue=overdue
    )
    if not rows:
        console.print("there is no such promise.")
        return
    now = SystemClock().now()
    table = Table("number", "state", "kind", "due", "owner", "made by", "conversation", "what")
    for row in rows:
        table.add_row(
            str(row["id"]),
            _state(row, now),
            row["kind"],
            _said(row["due_at"]),
            escape(row["owner"]),
            escape(row["made_by"]),
            row["conversation_id"][:8],
            escape(row["text"][:SHOWN_CHARS]),
        )
    console.print(table)


@app.command("add")
def add(
    conversation: str = typer.Argument(help="Where it was made."),
    text: str = typer.Argument(help="What was promised."),
    name: str = typer.Option(..., "--as", help="Who you are."),
    kind: str = typer.Option("other", help="remedy, dispatch_date, discount, other …"),
    due: str = typer.Option("", help="2026-11-25 or 2026-11-25T15:00, in the shop's time."),
    owner: str = typer.Option("", help="Who keeps it; left out: you."),
) -> None:
    """Write down what you have promised; it is watched from now on."""
    arguments: dict[str, Any] = {"name": name, "kind": kind, "text": text, "owner": owner}
    if due:
        arguments |= _due(due)
    made = ask_shop(load_settings(), "promise.add", conversation=conversation, **arguments)
    console.print(f"promise {made['id']}, due {_said(made['due_at'])}", highlight=False)


@app.command("answer")
def answer(
    number: int = number_argument,
    text: str = typer.Argument(help="What to say to the customer."),
    name: str = typer.Option(..., "--as", help="Who you are."),
    anyway: bool = typer.Option(False, "--anyway", help="Send although the guard warns."),
) -> None:
    """Give the customer the answer that was promised; this keeps the promise."""
    result = ask_shop(
        load_settings(),
        "promise.answer",
        number=number,
        name=name,
        text=text,
        is_confirmed=anyway,
    )
    for warning in result["warnings"]:
        console.print(f"warning: {warning}", style="yellow", markup=False, highlight=False)
    console.print(f"answered promise {number}")


@app.command("keep")
def keep(number: int = number_argument, name: str = name_option) -> None:
    """Say that a promise was kept."""
    row = ask_shop(load_settings(), "promise.keep", number=number, name=name)
    console.print(f"promise {number}: {row['state']}")


@app.command("withdraw")
def withdraw(
    number: int = number_argument,
    why: str = typer.Option(..., help="Such as: the customer wants it no more."),
    name: str = name_option,
) -> None:
    """Say that a promise is no longer owed."""
    ask_shop(load_settings(), "promise.withdraw", number=number, why=why, name=name)
    console.print(f"promise {number}: withdrawn")


@app.command("figures")
def figures(
    since: str = typer.Option("", help=f"A day; left out: {FIGURES_DAYS} days ago."),
    until: str = typer.Option("", help="The last day; left out: today."),
) -> None:
    """Count what became of the promises that were due in a period, by maker and kind."""
    today = SystemClock().now().astimezone(SHOP_TIME_ZONE).date()
    first = _day("--since", since) if since else today - timedelta(days=FIGURES_DAYS)
    last = _day("--until", until) if until else today
    rows = ask_shop(
        load_settings(),
        "promise.figures",
        since=_midnight(first),
        until=_midnight(last + timedelta(days=1)),
    )
    if not rows:
        console.print(f"nothing was due from {first} to {last}.", highlight=False)
        return
    states = ("open", "kept", "late", "broken", "withdrawn")
    table = Table("made by", "kind", *states, "kept in time", title=f"due {first} to {last}")
    for row in rows:
        share = "" if row["kept_share"] is None else f"{row['kept_share']:.0%}"
        counts = (str(row[name]) for name in states)
        table.add_row(escape(row["made_by"]), row["kind"], *counts, share)
    console.print(table)


def _state(row: dict[str, Any], now: datetime) -> str:
    is_overdue = row["state"] == "open" and msgspec.convert(row["due_at"], datetime) < now
    return "overdue" if is_overdue else str(row["state"])


def _due(text: str) -> dict[str, str]:
    """Return the argument for a day, or for a moment of the shop's time."""
    try:
        if "T" not in text:
            return {"day": date.fromisoformat(text).isoformat()}
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"--due: {text!r} is no time like 2026-11-25T15:00") from error
    moment = moment if moment.tzinfo else moment.replace(tzinfo=SHOP_TIME_ZONE)
    return {"due_at": moment.isoformat()}


def _day(option: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{option}: {text!r} is no day like 2026-11-25") from error


def _midnight(day: date) -> str:
    return datetime.combine(day, time(), SHOP_TIME_ZONE).isoformat()


def _said(moment: str) -> str:
    return f"{msgspec.convert(moment, datetime).astimezone(SHOP_TIME_ZONE):%Y-%m-%d %H:%M}"
