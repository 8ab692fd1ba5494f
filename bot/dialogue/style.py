"""Which of the four styles a customer's words show (D-CUS-2)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Literal

Style = Literal["analytical", "driver", "amiable", "expressive"]

STYLES: dict[tuple[str, str], Style] = {
    ("asks", "controls"): "analytical",
    ("tells", "controls"): "driver",
    ("asks", "shows"): "amiable",
    ("tells", "shows"): "expressive",
}
SHORT_STYLES = frozenset({"driver", "expressive"})
SHORT_CHARS = 8
FULL_CHARS = 30
LEAST_LEAD = 2  # so many cues more on one side of an axis than on the other


def style_of(cues: Iterable[str]) -> Style | None:
    """Return the style that the cues of all messages make together; None while undecided."""
    seen = Counter(cues)
    assertive = _side(seen, "asks", "tells")
    responsive = _side(seen, "controls", "shows")
    return STYLES[assertive, responsive] if assertive and responsive else None


def length_for(style: str, text: str) -> str:
    """Return how long an answer suits: `short`, `full`, or '' for either (D-CUS-2, D-SEL-5).

    The style says it; of whom none is known, how much they write themselves.
    """
    if style:
        return "short" if style in SHORT_STYLES else "full"
    length = len(text.strip())
    return "short" if length <= SHORT_CHARS else "full" if length >= FULL_CHARS else ""


def _side(seen: Counter[str], one: str, other: str) -> str | None:
    lead = seen[one] - seen[other]
    if abs(lead) < LEAST_LEAD:
        return None
    return one if lead > 0 else other
