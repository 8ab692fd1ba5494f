"""`./prelude check`: are the shop's files and the book right?"""

from __future__ import annotations

from pathlib import Path

import typer
from rich.console import Console

from bot.dialogue.guard import violations
from bot.errors import ShopDataError
from bot.knowledge.book import BOOK_DIR, Book, load_book
from bot.knowledge.customer_rules import load_customer_rules
from bot.knowledge.loader import line_of
from bot.knowledge.shop import Shop, load_shop
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
        book = load_book()
        problems += _forbidden_wordings(book)
    except ShopDataError as error:
        problems += error.problems
    try:
        load_customer_rules()
    except ShopDataError as error:
        problems += error.problems
    try:
        loaded = load_shop(folder)
        if book is not None:
            problems += _forbidden_shop_texts(folder, loaded, book)
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


def _forbidden_shop_texts(folder: Path, shop: Shop, book: Book) -> list[str]:
    texts: list[tuple[str, tuple[str | int, ...], str, str]] = [
        ("shop.yml", ("decision_kit",), "decision_kit", shop.profile.decision_kit)
    ]
    for index, policy in enumerate(shop.policies):
        texts.append(("policies.yml", ("policies", index, "text"), policy.id, policy.text))
    for index, promotion in enumerate(shop.promotions):
        keys = ("promotions", index, "text")
        texts.append(("promotions.yml", keys, promotion.id, promotion.text))
    return [
        f"{folder / name}:{line_of(folder / name, *keys)}: {place}: {found.quote!r} is not said "
        f"to customers ({found.source}); rather: {found.instead!r}"
        for name, keys, place, text in texts
        for found in violations(book, text)
    ]


def _forbidden_wordings(book: Book) -> list[str]:
    return [
        f"{BOOK_DIR / 'replies'}: {wording.id}: text: {found.quote!r} is never said "
        f"({found.source})"
        for wordings in book.replies.values()
        for wording in wordings
        for found in violations(book, wording.text)
    ]
