"""What to ask when a message was not understood well. Pure."""

from __future__ import annotations

from collections.abc import Collection

from bot.dialogue.turn import MessageAnalysis

MEANT = "meant_"


def close_meanings(analysis: MessageAnalysis, options: Collection[str]) -> tuple[str, str] | None:
    """Return the two meanings to choose from as option ids, or None when all is open.

    Args:
        options: the option ids of the book; a meaning without one cannot be offered.
    """
    if analysis.clarity != "close" or len(analysis.ranking) < 2:
        return None
    either, other = (f"{MEANT}{name}" for name, _ in analysis.ranking[:2])
    return (either, other) if either in options and other in options else None
