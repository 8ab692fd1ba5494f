"""`./prelude check`: are the shop's files and the book right?"""

from __future__ import annotations

from pathlib import Path

import typer
from rich.console import Console

from bot.dialogue.guard import violations
from bot.errors import ShopDataError
from bot.knowledge.book import BOOK_DIR, Book, read_book
from bot.knowledge.shop import load_shop
from bot.settings import load_settings

console = Console()


def check(
    shop: Path | None = typer.Option(None, help="The shop's folder (default: shops/sample)."),
) -> None:
    """Check the shop's files and the book; name file, line and field of every error."""
    settings = load_settings()
    folder = shop or settings.shop_dir
    problems: list[str] = []
    book: Book | None = None
    try:
        book = read_book(BOOK_DIR)
        problems += _forbidden_wordings(book)
    except ShopDataError as error:
        problems += error.problems
    try:
        loaded = load_shop(folder)
        if book is not None:
            for policy in loaded.policies:
                found = violations(book, policy.text)
                problems += [
                    f"{folder / 'policies.yml'}: {policy.id}: text: {each.quote!r} is not said "
                    f"to customers ({each.source}); rather: {each.instead!r}"
                    for each in found
                ]
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


def _forbidden_wordings(book: Book) -> list[str]:
    return [
        f"{BOOK_DIR / 'replies'}: {wording.id}: text: {found.quote!r} is never said "
        f"({found.source})"
        for wordings in book.replies.values()
        for wording in wordings
        for found in violations(book, wording.text)
    ]
