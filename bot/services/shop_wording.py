"""What a shop's own files say to customers, and what of it the guard objects to.

Names of products are no claims (guide to absolute terms, article 6 (4)); limits are read by staff
alone.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import NamedTuple

from bot.crm.unit_of_work import UnitOfWork
from bot.dialogue.guard import Violation, violations
from bot.errors import UsageError
from bot.knowledge.book import Book
from bot.knowledge.field_types import is_past
from bot.knowledge.loader import line_of
from bot.knowledge.products import Product
from bot.knowledge.selling_material import SellingMaterial
from bot.knowledge.shop import Shop
from bot.services.shop import read_shop

PRODUCTS = "products.csv"
SAID_OF_MATERIAL = {
    "proofs": ("text",),
    "corrections": ("text",),
    "concerns": ("text",),
    "concessions": ("asks", "gives"),
}


class Objection(NamedTuple):
    """A violation in a shop's file: where, and what."""

    path: Path
    line: int
    place: str
    violation: Violation

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.place}: {describe(self.violation)}"


def describe(found: Violation) -> str:
    """Return a violation in one clause: quote, source, rewrite."""
    return f"{found.quote!r} is not said to customers ({found.source}); rather: {found.instead!r}"


def objections(folder: Path, shop: Shop, book: Book) -> Iterator[Objection]:
    """Yield what the guard finds in the texts of a shop's folder; its promises are facts there."""
    lines = _lines_of_products(folder / PRODUCTS)
    for name, keys, place, text in _texts(shop):
        for violation in violations(book, text, allowed=(text,)):
            path = folder / name
            line = lines[str(keys[0])] if name == PRODUCTS else line_of(path, *keys)
            yield Objection(path, line, place, violation)


def facts_said(uow: UnitOfWork, today: date) -> list[str]:
    """Return what a shop's own texts say today: policies, promotions, facts of goods."""
    try:
        shop = read_shop(uow)
    except UsageError:  # no shop is loaded: nothing is a fact
        return []
    return said_by(shop, today)


def said_by(shop: Shop, today: date | None = None) -> list[str]:
    """Return the texts of a shop, of `today` or of any day."""
    day = str(today or "")
    return [
        *(each.text for each in shop.policies),
        *(each.text for each in shop.promotions if not day or each.starts <= day <= each.ends),
        *(
            text
            for each in shop.products
            if today is None or each.is_current(today)
            for _, text in _texts_of(each)
        ),
        *(text for _, _, text in _texts_of_material(shop.material, today)),
        *(text for _, _, text in _texts_of_remedies(shop)),
    ]


def _texts(shop: Shop) -> Iterator[tuple[str, tuple[str | int, ...], str, str]]:
    """Yield each text that is said: its file, its keys there, a name for it, itself."""
    for field in ("tagline", "decision_kit"):
        yield "shop.yml", (field,), field, getattr(shop.profile, field)
    for index, policy in enumerate(shop.policies):
        yield "policies.yml", ("policies", index, "text"), policy.id, policy.text
    for index, promotion in enumerate(shop.promotions):
        for field in ("title", "text"):
            keys = ("promotions", index, field)
            yield "promotions.yml", keys, promotion.id, getattr(promotion, field)
    for path, place, text in _texts_of_material(shop.material):
        yield "selling.yml", path, place, text
    for path, place, text in _texts_of_remedies(shop):
        yield "remedies.yml", path, place, text
    for path, place, text in _texts_of_plans(shop):
        yield "crisis.yml", path, place, text
    for product in shop.products:
        for field, text in _texts_of(product):
            yield PRODUCTS, (product.id,), field, text


def _texts_of(product: Product) -> Iterator[tuple[str, str]]:
    for field in ("features", "advantages", "benefits"):
        for text in getattr(product, field):
            yield field, text
    if product.compared_with:
        yield "compared_with", product.compared_with


def _texts_of_material(
    material: SellingMaterial, today: date | None = None
) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    for key, fields in SAID_OF_MATERIAL.items():
        for index, each in enumerate(getattr(material, key)):
            if today is None or not is_past(getattr(each, "valid_until", ""), today):
                for field in fields:
                    yield (key, index, field), each.id, getattr(each, field)
    if material.instalment:
        yield ("instalment",), "instalment", material.instalment


def _texts_of_plans(shop: Shop) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    """Yield what a plan says; what it says is never to be said is not said."""
    for occasion, plan in shop.crisis.plans.items():
        for index, text in enumerate(plan.say):
            yield ("plans", occasion, "say", index), occasion, text


def _texts_of_remedies(shop: Shop) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    for index, remedy in enumerate(shop.remedies):
        for field in ("text", "open_text", "reason"):
            if text := getattr(remedy, field):
                yield ("remedies", index, field), remedy.id, text


def _lines_of_products(path: Path) -> dict[str, int]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        return {row["id"]: reader.line_num for row in reader}
