"""Write a table as a CSV or XLSX file: whole or not at all, and nothing in it a formula."""

from __future__ import annotations

import csv
import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from openpyxl import Workbook  # type: ignore[import-untyped]
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE  # type: ignore[import-untyped]

from bot.errors import UsageError
from bot.services.table_files import MAX_ROWS, REPLACEMENT, Cell, guarded


def write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> int:
    """Write a CSV (UTF-8 with BOM, for Excel) or XLSX file, by its ending; return the rows.

    Texts are guarded, numbers stay numbers. The file is there whole or not at all, and for this
    user alone.

    Raises:
        UsageError: another ending, too many rows for XLSX, or it cannot be written.
    """
    writers = {".csv": _write_csv, ".xlsx": _write_xlsx}
    if path.suffix.lower() not in writers:
        raise UsageError(f"{path}: name a file that ends with .csv or .xlsx")
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        os.close(handle)
        try:
            count = writers[path.suffix.lower()](name, header, rows)
            os.replace(name, path)
        except BaseException:
            os.unlink(name)
            raise
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror or error}") from error
    return count


def _write_csv(name: str, header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> int:
    count = 0
    with open(name, "w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        for row in rows:
            writer.writerow([_safe(each) if isinstance(each, str) else each for each in row])
            count += 1
    return count


def _write_xlsx(name: str, header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> int:
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.append(list(header))
    count = 0
    for count, row in enumerate(rows, 1):
        if count > MAX_ROWS:
            raise UsageError(f"more than {MAX_ROWS:,} rows do not fit into .xlsx; take .csv")
        sheet.append([_safe(each) if isinstance(each, str) else each for each in row])
    book.save(name)
    return count


def _safe(text: str) -> str:
    """Guard a text, and write its line ends and control characters so that XML can hold them."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return guarded(ILLEGAL_CHARACTERS_RE.sub(REPLACEMENT, text))
