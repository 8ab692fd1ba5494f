"""`./prelude queue` and `./prelude user`: the people's side of the shop, in the terminal."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from bot.cli.shop_access import ask_shop
from bot.errors import UsageError
from bot.settings import load_settings

console = Console()
user_app = typer.Typer(no_args_is_help=True, help="People of the shop.")


@user_app.command("add")
def add(
    name: str = typer.Argument(help="The name that customers see."),
    role: str = typer.Option("agent", help="agent, supervisor or manager."),
) -> None:
    """Add a person of the shop."""
    ask_shop(load_settings(), "user.add", name=name, role=role)
    console.print(f"added {name} ({role})")


def queue(
    name: str | None = typer.Option(None, "--as", help="Who you are."),
    claim: str | None = typer.Option(None, help="Take this conversation over."),
    answer: str | None = typer.Option(None, help="Answer in this conversation; needs --text."),
    text: str | None = typer.Option(None, help="What to say."),
    anyway: bool = typer.Option(False, "--anyway", help="Send although the guard warns."),
    give_back: str | None = typer.Option(None, help="Give this conversation back to the bot."),
    show: str | None = typer.Option(None, help="Show what was said in this conversation."),
) -> None:
    """List, claim, answer and give back waiting conversations."""
    settings = load_settings()
    moves = [("queue.claim", claim), ("queue.answer", answer), ("queue.give_back", give_back)]
    wanted = [(operation, chosen) for operation, chosen in moves if chosen]
    if len(wanted) > 1:
        raise UsageError("one of --claim, --answer, --give-back at a time")
    if wanted:
        operation, chosen = wanted[0]
        if name is None:
            raise UsageError("say who you are with --as NAME")
        arguments: dict[str, Any] = {"name": name}
        if operation == "queue.answer":
            if text is None:
                raise UsageError("say what to answer with --text")
            arguments |= {"text": text, "is_confirmed": anyway}
        rows = ask_shop(settings, "queue.list", name=name)
        conversation = _full_id(chosen, rows)
        ask_shop(settings, operation, conversation=conversation, **arguments)
        console.print(f"{operation.split('.')[1].replace('_', ' ')}: {conversation}")
        return
    if show is not None:
        _show(ask_shop(settings, "conversation.explain", conversation=show))
        return
    _print_queue(ask_shop(settings, "queue.list", name=name))


def _full_id(given: str, rows: list[dict[str, Any]]) -> str:
    """Return the conversation id that begins so; an id that is not waiting is taken as given."""
    found = [row["conversation_id"] for row in rows if row["conversation_id"].startswith(given)]
    if len(found) > 1:
        raise UsageError(f"{given!r} fits {len(found)} conversations; give more of the id")
    return found[0] if found else given


def _print_queue(rows: list[dict[str, Any]]) -> None:
    if not rows:
        console.print("nobody is waiting.")
        return
    table = Table("conversation", "state", "waiting", "case", "last words")
    for row in rows:
        state = f"with {row['agent_name']}" if row["owner"] == "agent" else "waiting"
        table.add_row(
            row["conversation_id"],
            state,
            _age(row["waiting_since"]),
            row["case_number"] or "",
            row["last_text"][:60],
        )
    console.print(table)


def _age(since: str | None) -> str:
    if since is None:
        return ""
    moment = msgspec.convert(since, datetime)
    minutes = (datetime.now(timezone.utc) - moment).total_seconds() / 60
    return f"{minutes:.0f} min"


def _show(told: dict[str, Any]) -> None:
    for turn in told["turns"]:
        for said in turn["texts"]:
            console.print(f"[bold]customer[/bold] {said}", highlight=False)
        for said in turn["replies"]:
            console.print(f"[dim]bot[/dim]      {said}", highlight=False)
