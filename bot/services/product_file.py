"""Merge products into the shop folder's `products.csv`, which stays the source of truth.

The new file takes the old one's place whole, after the shop with it has been read and found
right; the old one is kept beside it as `products.csv.bak`.
"""

from __future__ import annotations

import csv
import os
import re
import shutil
import tempfile
from pathlib import Path

from bot.errors import ShopDataError, UsageError
from bot.knowledge.book import load_book
from bot.knowledge.shop import FILES, Shop, load_shop
from bot.knowledge.table_columns import load_tables
from bot.services.import_entries import EntryOutcome, ProductEntry
from bot.services.shop_wording import describe, objections
from bot.services.written import Outcome

FILE = "products.csv"
_PROBLEM = re.compile(r":(\d+): (?:(\w+): )?(.*)", re.DOTALL)
Rows = list[dict[str, str]]


def merge_products(
    folder: Path, entries: list[ProductEntry], *, is_dry_run: bool
) -> list[EntryOutcome]:
    """Write products into the folder's file by their ids; return what became of each.

    Raises:
        ShopDataError: the shop is wrong as it is; nothing is written.
        UsageError: the file cannot be written.
    """
    before = {product.id: product for product in load_shop(folder).products}
    columns, rows = _read(folder / FILE)
    refused = _lacking(entries, before.keys())
    while True:
        kept = [each for each in entries if each.line not in refused]
        merged = _merge(rows, kept)
        wide = [*columns, *_new_columns(columns, kept)]
        shop, found = _try(folder, wide, merged, {each.values["id"]: each.line for each in kept})
        if shop is not None:
            break
        refused |= found
    after = {product.id: product for product in shop.products}
    outcomes = []
    for each in entries:
        if each.line in refused:
            outcomes.append(refused[each.line])
            continue
        product_id = each.values["id"]
        old, new = before.get(product_id), after[product_id]
        fields = [name for name in each.values if old and getattr(old, name) != getattr(new, name)]
        outcome: Outcome = "new" if old is None else "changed" if fields else "unchanged"
        outcomes.append(EntryOutcome(outcome, fields))
    if not is_dry_run and any(each.outcome in ("new", "changed") for each in outcomes):
        _replace(folder / FILE, wide, merged)
    return outcomes


def _lacking(entries: list[ProductEntry], known: object) -> dict[int, EntryOutcome]:
    needed = load_tables().tables["products"].required_when_new
    refused = {}
    for each in entries:
        missing = [name for name in needed if name not in each.values]
        if missing and each.values["id"] not in known:  # type: ignore[operator]
            refused[each.line] = EntryOutcome("refused", [], missing[0], "a new product needs it")
    return refused


def _read(path: Path) -> tuple[list[str], Rows]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        rows = [
            {name: " ".join((cell or "").split()) for name, cell in row.items()} for row in reader
        ]
        return list(reader.fieldnames or ()), rows


def _new_columns(columns: list[str], entries: list[ProductEntry]) -> list[str]:
    used = {name for each in entries for name in each.values}
    known = [column.field for column in load_tables().tables["products"].columns]
    return [name for name in known if name in used and name not in columns]


def _merge(rows: Rows, entries: list[ProductEntry]) -> Rows:
    table = load_tables().tables["products"]
    zeros = {  # an optional number may not be left empty
        each.field: "0"
        for each in table.columns
        if each.type == "number" and each.field not in table.required_when_new
    }
    merged = {row["id"]: row for row in rows}
    for entry in entries:
        product_id = entry.values["id"]
        merged[product_id] = {**merged.get(product_id, {}), **entry.values}
    return [
        {**zeros, **{name: cell for name, cell in row.items() if cell}} for row in merged.values()
    ]


def _try(
    folder: Path, columns: list[str], rows: Rows, lines: dict[str, int]
) -> tuple[Shop | None, dict[int, EntryOutcome]]:
    """Read the shop as it would be; return it, or what is wrong by the lines of the import."""
    with tempfile.TemporaryDirectory(prefix="prelude-") as name:
        trial = Path(name)
        for each in FILES:
            if (folder / each).is_file():
                shutil.copyfile(folder / each, trial / each)
        _write(trial / FILE, columns, rows)
        try:
            shop = load_shop(trial)
        except ShopDataError as error:
            problems = error.problems
        else:
            refused = _unsayable(trial, shop, rows, lines)
            return (None, refused) if refused else (shop, {})
        found: dict[int, EntryOutcome] = {}
        for problem in problems:
            match = _PROBLEM.match(problem.removeprefix(str(trial / FILE)))
            row = rows[int(match[1]) - 2] if match and int(match[1]) > 1 else {}
            line = lines.get(row.get("id", ""))
            if match is None or line is None:
                raise ShopDataError([each.replace(name, str(folder)) for each in problems])
            found.setdefault(line, EntryOutcome("refused", [], match[2] or "", match[3]))
        return None, found


def _unsayable(
    folder: Path, shop: Shop, rows: Rows, lines: dict[str, int]
) -> dict[int, EntryOutcome]:
    """Return what the guard blocks in imported products, by the lines of the import."""
    found: dict[int, EntryOutcome] = {}
    for each in objections(folder, shop, load_book()):
        if each.path.name == FILE and each.violation.severity == "block":
            line = lines.get(rows[each.line - 2]["id"])
            if line is not None:
                told = describe(each.violation)
                found.setdefault(line, EntryOutcome("refused", [], each.place, told))
    return found


def _write(path: Path, columns: list[str], rows: Rows) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(
            file, columns, restval="", extrasaction="ignore", lineterminator="\n"
        )
        writer.writeheader()
        writer.writerows(rows)
        file.flush()
        os.fsync(file.fileno())


def _replace(path: Path, columns: list[str], rows: Rows) -> None:
    part = path.with_name(f".{path.name}.part")
    try:
        _write(part, columns, rows)
        shutil.copymode(path, part)
        shutil.copy2(path, path.with_name(f"{path.name}.bak"))
        os.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from error
