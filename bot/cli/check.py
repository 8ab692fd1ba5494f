"""`./prelude check` and `guard`: are the shop's files, the book, or a text right?"""

from __future__ import annotations

import sys
from pathlib import Path

import typer
from rich.console import Console

from bot.dialogue.guard import violations
from bot.errors import ShopDataError
from bot.knowledge.book import BOOK_DIR, Book, load_book
from bot.knowledge.customer_rules import load_customer_rules
from bot.knowledge.loader import texts_of
from bot.knowledge.shop import Shop, load_shop
from bot.services.shop_wording import describe, objections, said_by
from bot.settings import load_settings

console = Console()
SAID = ("options.yml", "complaints.yml", "customers.yml")  # of the book, besides the replies


def check(
    shop: Path | None = typer.Option(None, help="The shop's folder (default: shops/sample)."),
) -> None:
    """Check the shop's files and the book; name file, line and field of every error."""
    settings = load_settings()
    folder = shop or settings.shop_dir
    problems: list[str] = []
    book: Book | None = None
    try:
        book = load_book()
        problems += _forbidden_in_book(book)
    except ShopDataError as error:
        problems += error.problems
    try:
        load_customer_rules()
    except ShopDataError as error:
        problems += error.problems
    try:
        loaded = load_shop(folder)
        if book is not None:
            problems += _forbidden_in_shop(folder, loaded, book)
    except ShopDataError as error:
        problems += error.problems
    if problems:
        raise ShopDataError(problems)
    wordings = sum(len(each) for each in book.replies.values()) if book else 0
    console.print(
        f"{loaded.profile.name}: {len(loaded.products)} products, "
        f"{len(loaded.promotions)} promotions, {len(loaded.policies)} policies: all right"
    )
    console.print(
        f"the book: {wordings} wordings, {len(book.techniques) if book else 0} techniques"
    )


def guard(
    texts: list[str] = typer.Argument(metavar="TEXT…", help="Texts; - reads lines from stdin."),
    shop: Path | None = typer.Option(None, help="A shop whose own facts may be said."),
) -> None:
    """Tell what the wording guard finds in texts, and what to say instead; exit 1 if it blocks."""
    book = load_book()
    facts = said_by(load_shop(shop)) if shop is not None else []
    is_blocked = False
    for text in (each for given in texts for each in (sys.stdin if given == "-" else [given])):
        for found in violations(book, text.rstrip("\n"), allowed=facts):
            typer.echo(f"{found.severity}: {found.phrase_id}: {describe(found)}")
            is_blocked = is_blocked or found.severity == "block"
    if is_blocked:
        raise typer.Exit(1)


def _forbidden_in_shop(folder: Path, shop: Shop, book: Book) -> list[str]:
    """Return what stops the shop's texts from being said; print what is only warned of."""
    blocked = []
    for each in objections(folder, shop, book):
        if each.violation.severity == "block":
            blocked.append(str(each))
        else:
            console.print(f"warning: {each}", style="yellow", markup=False, highlight=False)
    return blocked


def _forbidden_in_book(book: Book) -> list[str]:
    paths = [*sorted((BOOK_DIR / "replies").glob("*.yml")), *(BOOK_DIR / name for name in SAID)]
    return [
        f"{path}:{line}: {describe(found)}"
        for path in paths
        for text, line in texts_of(path)
        for found in violations(book, text)
    ]
