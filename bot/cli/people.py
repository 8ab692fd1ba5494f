"""`./prelude queue` and `./prelude user`: the people's side of the shop, in the terminal."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from bot.cli.shop_access import ask_shop
from bot.clock import SHOP_TIME_ZONE
from bot.errors import UsageError
from bot.settings import load_settings

console = Console()
user_app = typer.Typer(no_args_is_help=True, help="People of the shop.")


@user_app.command("add")
def add(
    name: str = typer.Argument(help="The name that customers see."),
    role: str = typer.Option("agent", help="agent, supervisor, manager or program."),
) -> None:
    """Add a person, or a program that uses the REST API."""
    ask_shop(load_settings(), "user.add", name=name, role=role)
    console.print(f"added {name} ({role})")


@user_app.command("list")
def list_users() -> None:
    """List everybody, with role and state."""
    table = Table("name", "role", "state", "added")
    for row in ask_shop(load_settings(), "user.list"):
        state = "disabled" if row["disabled_at"] else "active"
        table.add_row(row["name"], row["role"], state, _day(row["created_at"]))
    console.print(table)


@user_app.command("role")
def role(name: str, role: str = typer.Argument(help="agent, supervisor, manager, program")) -> None:
    """Give somebody another role; their tokens shrink with it at once."""
    ask_shop(load_settings(), "user.role", name=name, role=role)
    console.print(f"{name} is {role} now")


@user_app.command("disable")
def disable(name: str) -> None:
    """Shut somebody out: all their tokens end, their conversations wait for others."""
    waiting = ask_shop(load_settings(), "user.disable", name=name)
    console.print(f"disabled {name}; back in the queue: {waiting} conversations")


@user_app.command("enable")
def enable(name: str) -> None:
    """Let somebody in again."""
    ask_shop(load_settings(), "user.enable", name=name)
    console.print(f"enabled {name}")


@user_app.command("token")
def token(
    name: str,
    scope: list[str] = typer.Option(..., help="customers:read, orders:* …; again for more."),
    label: str = typer.Option("", help="What it is for."),
    days: int | None = typer.Option(None, help="Good for so many days; left out: for ever."),
) -> None:
    """Make a token of the REST API; it is shown this once."""
    made = ask_shop(load_settings(), "user.token", name=name, scopes=scope, label=label, days=days)
    typer.echo(made)
    typer.echo("keep it now: only its hash is stored, and it is not shown again", err=True)


@user_app.command("tokens")
def tokens(name: str) -> None:
    """List somebody's tokens, without their secrets."""
    table = Table("id", "label", "scopes", "made", "expires", "revoked")
    for row in ask_shop(load_settings(), "user.tokens", name=name):
        days = (_day(row[at]) for at in ("created_at", "expires_at", "revoked_at"))
        table.add_row(row["id"], row["label"], ", ".join(row["scopes"]), *days)
    console.print(table)


@user_app.command("revoke")
def revoke(token: str = typer.Argument(help="Its id, or the whole token.")) -> None:
    """End a token at once."""
    ask_shop(load_settings(), "user.revoke", token=token)
    console.print("revoked")


def queue(
    name: str | None = typer.Option(None, "--as", help="Who you are."),
    claim: str | None = typer.Option(None, help="Take this conversation over."),
    answer: str | None = typer.Option(None, help="Answer in this conversation; needs --text."),
    text: str | None = typer.Option(None, help="What to say."),
    anyway: bool = typer.Option(
        False, "--anyway", help="Send what the guard blocks; it is audited."
    ),
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
        result = ask_shop(settings, operation, conversation=conversation, **arguments)
        console.print(f"{operation.split('.')[1].replace('_', ' ')}: {conversation}")
        for warning in (result or {}).get("warnings", ()):
            console.print(f"warning: {warning}", style="yellow", markup=False, highlight=False)
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


def _day(moment: str | None) -> str:
    if moment is None:
        return ""
    return f"{msgspec.convert(moment, datetime).astimezone(SHOP_TIME_ZONE):%Y-%m-%d}"


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
