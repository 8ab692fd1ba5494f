"""`./prelude webhook`: where events are sent to, and how that went."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from bot.cli.shop_access import ask_shop
from bot.clock import SHOP_TIME_ZONE
from bot.errors import UsageError
from bot.services.webhooks import EVENTS
from bot.settings import load_settings

console = Console()
app = typer.Typer(no_args_is_help=True, help="Webhooks: tell other programs of cases and promises.")


@app.command("add")
def add(
    url: str = typer.Argument(help="Where events are sent to: https://shop.example/hook"),
    events: str = typer.Option(",".join(EVENTS), help="Which events, with commas between."),
) -> None:
    """Send events to an address. The secret that signs them is shown this once."""
    kinds = [each.strip() for each in events.split(",") if each.strip()]
    made = ask_shop(load_settings(), "webhook.add", url=url, events=kinds)
    console.print(f"added webhook {made['id']}; its secret, shown this once:")
    console.print(made["secret"], highlight=False, soft_wrap=True)


@app.command("list")
def list_all() -> None:
    """List all webhooks."""
    rows = ask_shop(load_settings(), "webhook.list")
    if not rows:
        console.print("there is no webhook.")
        return
    table = Table("id", Column("address", overflow="fold"), "events", "since", "removed")
    for row in rows:
        events = ", ".join(row["events"])
        times = (_said(row["created_at"]), _said(row["disabled_at"]))
        table.add_row(str(row["id"]), escape(row["url"]), events, *times)
    console.print(table)


@app.command("remove")
def remove(webhook: int = typer.Argument(help="Its id.")) -> None:
    """Send nothing there any more."""
    ask_shop(load_settings(), "webhook.remove", id=webhook)
    console.print(f"removed webhook {webhook}")


@app.command("replay")
def replay(
    webhook: int = typer.Argument(help="Its id."),
    since: str = typer.Option(..., help="2026-11-22 or 2026-11-22T10:00, in the shop's time."),
) -> None:
    """Send everything since then again, under the same ids."""
    moment = _moment(since).isoformat()
    count = ask_shop(load_settings(), "webhook.replay", id=webhook, since=moment)
    console.print(f"sending {count} events again to webhook {webhook}")


@app.command("deliveries")
def deliveries(webhook: int = typer.Argument(help="Its id.")) -> None:
    """List the newest deliveries to a webhook."""
    rows = ask_shop(load_settings(), "webhook.deliveries", id=webhook)
    if not rows:
        console.print("nothing was sent there yet.")
        return
    table = Table("event", "state", "tries", "answer", "last change", "next try")
    for row in rows:
        next_at = _said(row["next_at"]) if row["state"] == "waiting" else ""
        table.add_row(
            str(row["event_id"]),
            row["state"],
            str(row["attempts"]),
            escape(row["answer"]),
            _said(row["updated_at"]),
            next_at,
        )
    console.print(table)


def _moment(text: str) -> datetime:
    """Return the moment; one without a time zone is the shop's."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"--since: {text!r} is no time like 2026-11-22T10:00") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=SHOP_TIME_ZONE)


def _said(moment: Any) -> str:
    if moment is None:
        return ""
    return f"{msgspec.convert(moment, datetime).astimezone(SHOP_TIME_ZONE):%Y-%m-%d %H:%M:%S}"
