"""What stands in the cells of a table: read into plain values, and shown again.

Times without a zone are the shop's (Asia/Shanghai); money becomes fen. What cannot be meant with
certainty (22.11.2026, a number that Excel has rounded) is refused, not guessed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal, InvalidOperation
from typing import Any

from openpyxl.cell.cell import ERROR_CODES  # type: ignore[import-untyped]
from openpyxl.utils.datetime import from_excel  # type: ignore[import-untyped]

from bot.clock import SHOP_TIME_ZONE
from bot.knowledge.table_columns import Heading, Signs, TableColumn, plain
from bot.services.table_files import Cell

MASK = "***"
EXACT_DIGITS = 15  # a spreadsheet keeps no more of a number
EXCEL_DAYS = range(10_000, 110_000)  # 1927 to 2201
EARLIEST_YEAR, LATEST_YEAR = 1900, 2200
LIST_SEPARATOR = re.compile("[|\uff5c\n]")


def read_cell(heading: Heading, cell: Cell, signs: Signs) -> Any:
    """Return what a cell means in its column; None when it is empty.

    Raises:
        ValueError: it cannot be read; the message says why.
    """
    if isinstance(cell, str):
        cell = cell.strip()
    if cell is None or cell == "":
        return None
    if cell in ERROR_CODES:
        raise ValueError(f"{cell} is an error of the spreadsheet")
    if cell == MASK:
        raise ValueError("is masked; export with --personal to import it again")
    if heading.column.type == "money":
        return _read_money(cell, signs, is_fen=heading.is_fen)
    return _READERS[heading.column.type](heading.column, cell, signs)


def _read_text(_: TableColumn, cell: Cell, __: Signs) -> str:
    if isinstance(cell, bool) or not isinstance(cell, (str, int, float)):
        raise ValueError(f"{cell} is no text; format the column as text")
    if isinstance(cell, (int, float)):
        if cell != int(cell):
            return repr(cell)
        if abs(cell) >= 10**EXACT_DIGITS:
            raise ValueError("is a number that Excel has rounded; format the column as text")
        return str(int(cell))
    return cell


def _read_word(column: TableColumn, cell: Cell, signs: Signs) -> str:
    text = _read_text(column, cell, signs)
    for value, words in column.words.items():
        if plain(text) in map(plain, (value, *words)):
            return value
    allowed = ", ".join(words[0] for words in column.words.values())
    raise ValueError(f"{text!r} is not one of {allowed}")


def _read_list(column: TableColumn, cell: Cell, signs: Signs) -> list[str]:
    parts = LIST_SEPARATOR.split(_read_text(column, cell, signs))
    return [part.strip() for part in parts if part.strip()]


def _read_words(column: TableColumn, cell: Cell, signs: Signs) -> list[str]:
    return [_read_word(column, part, signs) for part in _read_list(column, cell, signs)]


def _read_number(_: TableColumn, cell: Cell, __: Signs) -> float:
    return float(_decimal(cell))


def _read_integer(_: TableColumn, cell: Cell, __: Signs) -> int:
    number = _decimal(cell)
    if number != int(number):
        raise ValueError(f"{cell} is no whole number")
    return int(number)


def _read_money(cell: Cell, signs: Signs, *, is_fen: bool) -> int:
    if isinstance(cell, str):
        for sign in signs.money:
            cell = cell.replace(sign, "")
    number = _decimal(cell)
    fen = number if is_fen else number * 100
    if isinstance(cell, float):
        fen = Decimal(round(fen)) if abs(fen - round(fen)) < Decimal("0.0001") else fen
    if fen != int(fen):
        raise ValueError(f"{cell} is no {'whole number of fen' if is_fen else 'amount in yuan'}")
    return int(fen)


def _decimal(cell: Cell) -> Decimal:
    try:
        if isinstance(cell, (int, float, str)) and not isinstance(cell, bool):
            number = Decimal(cell.strip() if isinstance(cell, str) else repr(cell))
            if number.is_finite() and abs(number) < 10**EXACT_DIGITS:
                return number
    except InvalidOperation:
        pass
    raise ValueError(f"{cell!r} is no number")


def _read_flag(_: TableColumn, cell: Cell, signs: Signs) -> bool:
    if isinstance(cell, bool):
        return cell
    text = plain(str(cell))
    if text in map(plain, signs.true_words):
        return True
    if text in map(plain, signs.false_words):
        return False
    raise ValueError(f"{cell!r} is neither {signs.true_words[0]} nor {signs.false_words[0]}")


def _read_moment(_: TableColumn, cell: Cell, signs: Signs) -> datetime:
    moment = _local(cell, signs)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=SHOP_TIME_ZONE)
    return moment.astimezone(timezone.utc)


def _read_day(_: TableColumn, cell: Cell, signs: Signs) -> str:
    moment = _local(cell, signs)
    if moment.tzinfo is not None:
        moment = moment.astimezone(SHOP_TIME_ZONE)
    return moment.date().isoformat()


def _read_birthday(column: TableColumn, cell: Cell, signs: Signs) -> str:
    """Return `1990-05-17`, or `05-17` when the year is not told."""
    if isinstance(cell, str):
        short = re.fullmatch(r"(\d{1,2})-(\d{1,2})", _with_hyphens(cell, signs))
        if short:
            return f"{int(short[1]):02}-{int(short[2]):02}"
    return _read_day(column, cell, signs)


def _local(cell: Cell, signs: Signs) -> datetime:
    """Return a cell as a time; without a zone unless it names one."""
    found: object = cell
    if isinstance(cell, str):
        found = _parse(_with_hyphens(cell, signs))
    elif isinstance(cell, (int, float)) and not isinstance(cell, bool):
        found = from_excel(cell) if int(cell) in EXCEL_DAYS else None
    if isinstance(found, date) and not isinstance(found, datetime):
        found = datetime.combine(found, time())
    if not isinstance(found, datetime):
        raise ValueError(f"{cell!r} is no date like 2026-11-22 or 2026-11-22 09:30")
    if not EARLIEST_YEAR <= found.year <= LATEST_YEAR:
        raise ValueError(f"the year {found.year} cannot be meant")
    return found


def _with_hyphens(text: str, signs: Signs) -> str:
    for sign, replacement in signs.date.items():
        text = text.replace(sign, replacement)
    return text


def _parse(text: str) -> datetime | None:
    match = re.fullmatch(
        r"(\d{4})-(\d{1,2})-(\d{1,2})"
        r"(?:[T ]\s*(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6}))?)?\s*(Z|[+-]\d{2}:?\d{2})?)?",
        text.strip(),
    )
    if match is None:
        return None
    try:
        year, month, day, hour, minute, second = (int(each or 0) for each in match.groups()[:6])
        microsecond = int((match[7] or "0").ljust(6, "0"))
        moment = datetime(year, month, day, hour, minute, second, microsecond)
    except ValueError as error:
        raise ValueError(f"{text!r} is no day or time of the calendar") from error
    if match[8]:
        digits = match[8].replace(":", "")
        offset = timedelta() if digits == "Z" else _offset(digits)
        return moment.replace(tzinfo=timezone(offset))
    return moment


def _offset(digits: str) -> timedelta:
    sign = -1 if digits[0] == "-" else 1
    return sign * timedelta(hours=int(digits[1:3]) % 24, minutes=int(digits[3:5]) % 60)


_READERS: dict[str, Callable[[TableColumn, Cell, Signs], Any]] = {
    "text": _read_text,
    "word": _read_word,
    "words": _read_words,
    "list": _read_list,
    "integer": _read_integer,
    "number": _read_number,
    "day": _read_day,
    "birthday": _read_birthday,
    "moment": _read_moment,
    "flag": _read_flag,
}


def show_value(column: TableColumn, value: Any, signs: Signs) -> Cell:
    """Return a plain value (fen, an ISO time, a word's id …) as a cell that people read."""
    if value is None or value == MASK:
        return MASK if value else ""
    if column.type == "money":
        return Decimal(value) / 100
    if column.type == "flag":
        return (signs.true_words if value else signs.false_words)[0]
    if column.type == "moment":
        shown = datetime.fromisoformat(value.replace("Z", "+00:00")).astimezone(SHOP_TIME_ZONE)
        return shown.replace(tzinfo=None).isoformat(sep=" ")
    if column.type in ("words", "list"):
        return "|".join(_word(column, each) for each in value)
    shown_value: Cell = _word(column, value) if column.type == "word" else value
    return shown_value


def _word(column: TableColumn, value: str) -> str:
    return column.words.get(value, [value])[0]
