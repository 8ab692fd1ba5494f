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
LEAST_LEAD = 2  # so many cues more on one side of an axis than on the other


def style_of(cues: Iterable[str]) -> Style | None:
    """Return the style that the cues of all messages make together; None while undecided."""
    seen = Counter(cues)
    assertive = _side(seen, "asks", "tells")
    responsive = _side(seen, "controls", "shows")
    return STYLES[assertive, responsive] if assertive and responsive else None


def _side(seen: Counter[str], one: str, other: str) -> str | None:
    lead = seen[one] - seen[other]
    if abs(lead) < LEAST_LEAD:
        return None
    return one if lead > 0 else other
