"""Tables as files: CSV and XLSX, read as a stream of rows (written by `table_writer`).

It knows encodings, delimiters, sheets and limits, and nothing of what the columns mean. A file
never lies in memory as a whole; what is too large or broken is refused with its line.
"""

from __future__ import annotations

import csv
import re
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Union

from openpyxl import load_workbook  # type: ignore[import-untyped]

from bot.errors import UsageError

Cell = Union[str, int, float, Decimal, datetime, date, time, timedelta, None]

MAX_BYTES = 200 * 1024 * 1024
MAX_ROWS = 1_000_000
MAX_COLUMNS = 100
MAX_CELL_CHARS = 10_000
MAX_LINE_BYTES = 4 * MAX_COLUMNS * MAX_CELL_CHARS
MAX_SHEET_BYTES = 1024 * 1024 * 1024  # unpacked; the other parts are read whole, so less
MAX_STRINGS_BYTES = 100 * 1024 * 1024
MAX_PART_BYTES = 8 * 1024 * 1024
MAX_UNZIP_RATIO = 200
RATIO_COUNTS_FROM_BYTES = 20 * 1024 * 1024
FIRST_IDEOGRAPH = "\u2e80"
REPLACEMENT = "\ufffd"
OLE2_MAGIC = b"\xd0\xcf\x11\xe0"
# What a spreadsheet takes for a formula (OWASP, CSV Injection), full-width forms included.
_FORMULA = re.compile("'*\\s*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")


@dataclass(frozen=True)
class TableRow:
    """A row and the line (from 1) on which it begins; it may have fewer cells than the header."""

    line: int
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class RowProblem:
    """Why a row is refused; `column` is empty when it is the row as a whole."""

    line: int
    column: str
    reason: str


@dataclass(frozen=True)
class TableFile:
    """An open table; `row_count` is for the progress bar, None when not known beforehand."""

    kind: str
    header: tuple[str, ...]
    row_count: int | None
    rows: Iterator[TableRow | RowProblem]


@contextmanager
def open_table(path: Path) -> Iterator[TableFile]:
    """Open a CSV or XLSX file; its first row that is not empty is the header.

    Raises:
        UsageError: it cannot be read, is broken or exceeds a limit. Reading on may raise it too.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    if size > MAX_BYTES:
        raise UsageError(f"{path}: is larger than {MAX_BYTES >> 20} MB; split it")
    if magic == OLE2_MAGIC:
        raise UsageError(f"{path}: is an old .xls or has a password; save it as .xlsx without")
    with _open_xlsx(path) if magic == b"PK\3\4" else _open_csv(path, magic) as table:
        if len(table.header) > MAX_COLUMNS:
            raise UsageError(f"{path}: has more than {MAX_COLUMNS} columns")
        yield table


@contextmanager
def _open_csv(path: Path, magic: bytes) -> Iterator[TableFile]:
    encoding, lines = _find_encoding(path, magic)
    with path.open(encoding=encoding, newline="") as file:
        first = file.readline()
        file.seek(0)
        delimiter = max(",;\t", key=re.sub('"[^"]*"', "", first).count)
        rows = _csv_rows(csv.reader(file, delimiter=delimiter, strict=True))
        name = {",": "comma", ";": "semicolon", "\t": "tab"}[delimiter]
        shown = "UTF-8" if encoding == "utf-8-sig" else "GB18030"
        yield _with_header(path, f"CSV, {shown}, {name}", lines, rows)


def _csv_rows(reader: Any) -> Iterator[TableRow | RowProblem]:
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:  # the reader goes on with the next line
            yield RowProblem(line, "", f"is not well-formed CSV ({error}); look at its quotes")
        else:
            yield TableRow(line, tuple(cells))


def _find_encoding(path: Path, magic: bytes) -> tuple[str, int]:
    """Return the encoding of a text file and its number of lines."""
    if magic[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise UsageError(f"{path}: is UTF-16; save it as 'CSV UTF-8'")
    lines, broken, is_utf8 = _decode(path, "utf-8")
    if broken and not is_utf8 and not magic.startswith(b"\xef\xbb\xbf"):
        lines, broken, _ = _decode(path, "gb18030")
        if not broken:
            return "gb18030", lines
    if broken:
        raise UsageError(f"{path}:{broken}: has bytes that are neither UTF-8 nor GB18030")
    return "utf-8-sig", lines


def _decode(path: Path, encoding: str) -> tuple[int, int, bool]:
    """Decode a file line by line: in both encodings no part of a character looks like an end.

    Returns:
        Lines read, the first broken one (0: none), and whether Chinese came out before or there:
        bytes of GB18030 hardly ever make Chinese in UTF-8, so one broken byte is told from that.
    """
    number, has_ideographs = 0, False
    with path.open("rb") as file:
        while line := file.readline(MAX_LINE_BYTES):
            number += 1
            if len(line) == MAX_LINE_BYTES:
                raise UsageError(f"{path}:{number}: is no table: this line does not end")
            if b"\0" in line:
                raise UsageError(f"{path}:{number}: is no text: it has a NUL byte")
            if number > MAX_ROWS + 1:
                raise UsageError(f"{path}: has more than {MAX_ROWS:,} rows; split it")
            try:
                text = line.decode(encoding)
            except UnicodeDecodeError:
                text = line.decode(encoding, "replace")
                found = sum(each >= FIRST_IDEOGRAPH for each in text) - text.count(REPLACEMENT)
                return number, number, has_ideographs or found > text.count(REPLACEMENT)
            has_ideographs = has_ideographs or (
                not text.isascii() and any(each >= FIRST_IDEOGRAPH for each in text)
            )
    return number, 0, has_ideographs


@contextmanager
def _open_xlsx(path: Path) -> Iterator[TableFile]:
    _check_parts(path)
    try:
        book = load_workbook(path, read_only=True, data_only=True)
        sheet = book.worksheets[0]
    except Exception as error:  # openpyxl lets whatever its parsers trip over through
        raise UsageError(f"{path}: is not a readable .xlsx file: {error}") from error
    try:
        lines = sheet.max_row
        sheet.reset_dimensions()  # they may lie
        kind = f"XLSX, sheet {sheet.title!r} of {len(book.worksheets)}"
        yield _with_header(path, kind, lines, _sheet_rows(path, sheet))
    finally:
        book.close()


def _sheet_rows(path: Path, sheet: Any) -> Iterator[TableRow | RowProblem]:
    rows = sheet.iter_rows(max_row=MAX_ROWS + 2, max_col=MAX_COLUMNS + 1, values_only=True)
    line = 0
    while True:
        line += 1
        try:
            cells = next(rows)
        except StopIteration:
            return
        except Exception as error:  # as above
            raise UsageError(f"{path}:{line}: the sheet is broken here: {error}") from error
        yield TableRow(line, _without_tail(cells))


def _without_tail(cells: Sequence[Cell]) -> tuple[Cell, ...]:
    width = len(cells)
    while width and cells[width - 1] in (None, ""):
        width -= 1
    return tuple(cells[:width])


def _check_parts(path: Path) -> None:
    """Refuse an archive that unpacks to more than this machine should bear."""
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, OSError) as error:
        raise UsageError(f"{path}: is not a readable .xlsx file: {error}") from error
    for part in parts:
        limit = MAX_PART_BYTES
        if part.filename.startswith("xl/worksheets/"):
            limit = MAX_SHEET_BYTES
        elif part.filename == "xl/sharedStrings.xml":
            limit = MAX_STRINGS_BYTES
        is_read = part.filename.endswith((".xml", ".rels"))
        is_bomb = (
            part.file_size > RATIO_COUNTS_FROM_BYTES
            and part.file_size > MAX_UNZIP_RATIO * part.compress_size
        )
        if is_read and (part.file_size > limit or is_bomb):
            raise UsageError(
                f"{path}: {part.filename} unpacks to {part.file_size >> 20} MB; save it as CSV"
            )


def _with_header(
    path: Path, kind: str, lines: int | None, rows: Iterator[TableRow | RowProblem]
) -> TableFile:
    for row in rows:
        if isinstance(row, RowProblem):
            raise UsageError(f"{path}:{row.line}: the header {row.reason}")
        cells = _without_tail(row.cells)
        if cells:
            header = tuple("" if each is None else str(each).strip() for each in cells)
            count = None if lines is None else max(lines - row.line, 0)
            return TableFile(kind, header, count, _checked(path, rows, len(header)))
    raise UsageError(f"{path}: is empty; it needs a header and rows")


def _checked(
    path: Path, rows: Iterator[TableRow | RowProblem], width: int
) -> Iterator[TableRow | RowProblem]:
    """Drop empty rows; name those that are too wide or have a cell that is too long."""
    for count, row in enumerate(rows, 1):
        if count > MAX_ROWS:
            raise UsageError(f"{path}: has more than {MAX_ROWS:,} rows; split it")
        if isinstance(row, RowProblem):
            yield row
            continue
        cells = _without_tail(row.cells)
        if len(cells) > width:
            yield RowProblem(row.line, "", f"has {len(cells)} cells, the header has {width}")
        elif any(isinstance(each, str) and len(each) > MAX_CELL_CHARS for each in cells):
            yield RowProblem(row.line, "", f"has a cell of over {MAX_CELL_CHARS:,} characters")
        elif cells:
            texts = (unguarded(each) if isinstance(each, str) else each for each in cells)
            yield TableRow(row.line, tuple(texts))


def guarded(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula; `unguarded` gives it back."""
    return f"'{text}" if _FORMULA.match(text) else text


def unguarded(text: str) -> str:
    """Take the guard away again."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text
