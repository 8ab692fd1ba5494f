"""Logs without personal data (promise 23): the last thing that is done to an event.

A traceback names files, lines and functions, never values or the texts of errors, for an error's
text may quote a customer. What has a form is starred in all else; words have none, so nobody may
log a message's text in the first place. It lies here because the engine's worker logs, too, and
may import nothing further out.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any

from bot.errors import BotError
from bot.knowledge.privacy import mask_text, mask_values

MAX_CAUSES = 10


def mask_event(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Mask an event of structlog; put it before the renderer."""
    told = event.pop("exc_info", None)
    error = told if isinstance(told, BaseException) else None
    if isinstance(told, tuple):
        error = told[1]
    elif told and error is None:
        error = sys.exc_info()[1]
    if error is not None:
        event["exception"] = describe_error(error)
    return {key: mask_values(_plain(value)) for key, value in event.items()}


def describe_error(error: BaseException) -> list[str]:
    """Return an error and its causes, the last one first, with the places it came by."""
    lines: list[str] = []
    current: BaseException | None = error
    for _ in range(MAX_CAUSES):
        if current is None:
            break
        own_words = f": {mask_text(str(current))}" if isinstance(current, BotError) else ""
        lines.append(f"{type(current).__module__}.{type(current).__qualname__}{own_words}")
        lines += [
            f"  {frame.filename}:{frame.lineno} {frame.name}"
            for frame in traceback.extract_tb(current.__traceback__)
        ]
        current = current.__cause__ or current.__context__
    return lines


class MaskingFormatter(logging.Formatter):
    """For what libraries log by the standard library."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the whole line, masked."""
        return mask_text(super().format(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802 (the standard library's name)
        """Return where an error came by, without its words."""
        return "\n".join(describe_error(ei[1]))


def _plain(value: Any) -> Any:
    """Return what the renderer would call `repr` on as a text."""
    return value if isinstance(value, (str, int, float, list, dict, type(None))) else str(value)
