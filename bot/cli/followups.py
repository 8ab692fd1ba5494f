"""`./prelude followups`: calls that are due, their script, what came of them (D-SEL-13)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bot.cli.shop_access import ask_shop
from bot.clock import SHOP_TIME_ZONE
from bot.errors import UsageError
from bot.settings import load_settings

console = Console()
app = typer.Typer(help="Follow-up calls: those due, their script, what came of them.")
number_argument = typer.Argument(help="The call's number.")


@app.callback(invoke_without_command=True)
def list_calls(
    context: typer.Context,
    coming: bool = typer.Option(False, "--all", help="Those whose time has not come, too."),
) -> None:
    """List the open calls, the one due first in front."""
    if context.invoked_subcommand is not None:
        return
    rows = ask_shop(load_settings(), "followup.list", is_due=not coming)
    if not rows:
        console.print("there is nobody to call.")
        return
    table = Table("number", "due", "kind", "contact", "tried", "what")
    for row in rows:
        table.add_row(
            str(row["id"]),
            _said(row["due_at"]),
            row["kind"],
            escape(row["contact"]),
            str(len(row["result"].splitlines())),
            escape(row["note"].partition("\n")[0]),
        )
    console.print(table)


@app.command("show")
def show(number: int = number_argument) -> None:
    """Show a call with its script: read it out from the top."""
    row = ask_shop(load_settings(), "followup.show", number=number)
    head = f"call {row['id']}, {row['state']}, due {_said(row['due_at'])}: {row['contact']}"
    for text in (head, row["note"], row["result"]):
        if text:
            console.print(text, markup=False, highlight=False)


@app.command("record")
def record(
    number: int = number_argument,
    name: str = typer.Option(..., "--as", help="Who you are."),
    reached: bool = typer.Option(True, help="Did the customer answer?"),
    score: int | None = typer.Option(None, min=1, max=5, help="1 (bad) to 5 (good)."),
    expectation: str = typer.Option("", help="worse, as or better than expected."),
    again: str = typer.Option("", help="Would they buy again: yes or no."),
    solved: bool | None = typer.Option(None, help="Is it solved, in their eyes?"),
    words: str = typer.Option("", help="What they said."),
    following: str = typer.Option("", "--next", help="What was agreed on."),
    call_at: str = typer.Option("", help="When to try again: 2026-11-25T15:00, shop's time."),
) -> None:
    """Write down what came of a call; a bad answer goes to a supervisor and into the case."""
    result: dict[str, Any] = {
        "reached": reached,
        "score": score,
        "expectation": expectation,
        "again": again,
        "solved": solved,
        "words": words,
        "next": following,
        "call_at": _moment(call_at) if call_at else None,
    }
    made = ask_shop(load_settings(), "followup.record", number=number, name=name, result=result)
    task = made["task"]
    told = f"call {number}: {task['state']}"
    if task["state"] == "open":
        told += f", again {_said(task['due_at'])}"
    if made["is_reopened"]:
        told += f"; case {made['case_number']} is open again"
    if made["follow_up_task"]:
        told += f"; task {made['follow_up_task']} for a supervisor"
    console.print(told, highlight=False)


def _moment(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"--call-at: {text!r} is no time like 2026-11-25T15:00") from error
    moment = moment if moment.tzinfo else moment.replace(tzinfo=SHOP_TIME_ZONE)
    return moment.isoformat()


def _said(moment: str | None) -> str:
    if moment is None:
        return ""
    return f"{msgspec.convert(moment, datetime).astimezone(SHOP_TIME_ZONE):%Y-%m-%d %H:%M}"
