"""Does a message look as if its writer has pressed Enter too early?"""

from __future__ import annotations

from bot.knowledge.book import load_language


def is_unfinished(text: str) -> bool:
    """Tell whether the last sentence is plainly unfinished: an open comma or a connective."""
    return text.strip().endswith(tuple(load_language().unfinished_endings))
