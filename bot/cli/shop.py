"""`./prelude shop …`: make a shop's folder, and see what it still lacks."""

from __future__ import annotations

from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

from bot.services.new_shop import checklist, make_shop
from bot.settings import ROOT, load_settings

console = Console()
shop_app = typer.Typer(no_args_is_help=True, help="The shop's own folder.")


@shop_app.command("new")
def new(
    name: str = typer.Argument(help="The shop's id and folder: small letters, digits and _."),
    parent: Path = typer.Option(ROOT / "shops", "--dir", help="Where to put the folder."),
) -> None:
    """Make a shop's folder from the template and list what is missing."""
    folder = make_shop(name, parent)
    console.print(f"made {folder}", soft_wrap=True)
    _show(folder)
    console.print(f"then: ./prelude check --shop {folder}", soft_wrap=True)
    console.print(f"and:  ./prelude serve --shop {folder}", soft_wrap=True)


@shop_app.command("checklist")
def show_checklist(
    shop: Path | None = typer.Option(None, help="The shop's folder (default: shops/sample)."),
) -> None:
    """List what a shop still lacks; exit code 1 while something is missing."""
    if _show(shop or load_settings().shop_dir):
        raise typer.Exit(1)


def _show(folder: Path) -> int:
    items = checklist(folder)
    table = Table("", "what", "to do")
    for item in items:
        table.add_row("done" if item.is_done else "open", item.name, item.hint)
    console.print(table)
    missing = sum(not item.is_done for item in items)
    console.print("nothing is missing." if not missing else f"{missing} of {len(items)} are open.")
    return missing
