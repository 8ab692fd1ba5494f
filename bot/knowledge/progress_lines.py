"""What a customer reads as next in their case: `book/case_progress.yml` (D-CMP-13)."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

from bot.errors import ShopDataError
from bot.knowledge.book import BOOK_DIR
from bot.knowledge.case_rules import load_case_process
from bot.knowledge.loader import line_of, read_yaml

FILE = BOOK_DIR / "case_progress.yml"
FIRST_STAGE = "receipt"  # there the severity's own line holds
Line = Annotated[str, Meta(min_length=1, max_length=60)]


class ProgressLines(Struct, frozen=True, forbid_unknown_fields=True):
    """`case_progress.yml`: by stage, and what goes before it."""

    next_steps: dict[str, Line]
    paused: Line
    accepted: Line
    done: Line


@lru_cache(maxsize=1)
def load_progress_lines() -> ProgressLines:
    """Return the lines, read and checked once a process.

    Raises:
        ShopDataError: every problem, with file, line and field.
    """
    return read_progress_lines(FILE)


def read_progress_lines(path: Path) -> ProgressLines:
    """Read and check such a file: a line for every open stage but the first.

    Raises:
        ShopDataError: every problem, with file, line and field.
    """
    lines, process = read_yaml(path, ProgressLines), load_case_process()
    wanted = {each for each in process.stages if process.is_open(each)} - {FIRST_STAGE}
    place = f"{path}:{line_of(path, 'next_steps')}: next_steps"
    problems = [f"{place}: lacks {each!r}" for each in sorted(wanted - lines.next_steps.keys())]
    problems += [
        f"{place}: there is no open stage {each!r} beside {FIRST_STAGE!r}"
        for each in sorted(lines.next_steps.keys() - wanted)
    ]
    if problems:
        raise ShopDataError(problems)
    return lines
