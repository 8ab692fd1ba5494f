"""Assess a complaint: causes, harm, reaction, severity, deadline (D-CMP-2, 3, 4, 9)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from bot.clock import SHOP_TIME_ZONE
from bot.dialogue.turn import MessageAnalysis
from bot.knowledge.book import ComplaintBook

SeverityName = Literal["slight", "serious", "bodily"]
RANKS: tuple[SeverityName, ...] = ("slight", "serious", "bodily")


@dataclass(frozen=True)
class Assessment:
    """What is known of a complaint when its case is opened."""

    causes: tuple[str, ...]
    severity: SeverityName
    harm: tuple[str, ...]
    reaction: str | None
    is_crisis: bool
    deadline_at: datetime
    next_step: str

    @property
    def is_urgent(self) -> bool:
        """Tell whether a person must take it at once: bodily harm or a threat (D-CMP-4, 9)."""
        return self.severity == "bodily" or self.is_crisis


def assess(book: ComplaintBook, analyses: Sequence[MessageAnalysis], now: datetime) -> Assessment:
    """Assess the complaint that these messages make together."""
    intents = [name for each in analyses for name in (each.intent, *each.also)]
    causes = tuple(dict.fromkeys(book.causes[name] for name in intents if name in book.causes))
    named = tuple(cause for cause in causes if cause != "unknown")
    harm = tuple(dict.fromkeys(name for each in analyses for name in each.harm))
    reaction = next((each.reaction for each in analyses if each.reaction), None)
    is_crisis = any(each.threats for each in analyses)
    severity = _severity(book, harm, reaction, is_crisis)
    rule = book.severities[severity]
    return Assessment(
        causes=named or causes or ("unknown",),
        severity=severity,
        harm=harm,
        reaction=reaction,
        is_crisis=is_crisis,
        deadline_at=now + timedelta(hours=rule.deadline_hours),
        next_step=rule.next_step,
    )


def _severity(
    book: ComplaintBook, harm: Sequence[str], reaction: str | None, is_crisis: bool
) -> SeverityName:
    if "bodily" in harm:
        return "bodily"
    if is_crisis or "mental" in harm or reaction in book.urgent_reactions:
        return "serious"
    return "slight"


def is_graver(one: str, other: str) -> bool:
    """Tell whether severity `one` is above `other`."""
    return RANKS.index(one) > RANKS.index(other)


def say_deadline(book: ComplaintBook, moment: datetime) -> str:
    """Return a deadline as it is said, in the shop's time zone."""
    local = moment.astimezone(SHOP_TIME_ZONE)
    return book.deadline_format.format(
        month=local.month, day=local.day, hour=local.hour, minute=local.minute
    )
