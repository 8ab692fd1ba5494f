"""The clauses of a message, and which of them shows something."""

from __future__ import annotations

import re
from collections.abc import Collection

from bot.language.document import concepts_of, shared_reader

_BETWEEN = re.compile(r"[\s,.;!?\u2026\u3001\u3002\uff0c\uff01\uff1b\uff1f~\uff5e]+")


def clause_showing(text: str, concepts: Collection[str]) -> str:
    """Return the first clause with one of these concepts, in the customer's words, else ''."""
    for clause in _BETWEEN.split(text):
        if clause and not set(concepts_of(shared_reader().read(clause))).isdisjoint(concepts):
            return clause
    return ""
