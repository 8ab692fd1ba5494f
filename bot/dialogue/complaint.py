"""Assess a complaint: causes, harm by degree, reaction, severity, deadline (D-CMP-2, 3, 4, 9)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.dialogue.business_time import day_and_clock
from bot.dialogue.case_clocks import Timekeeper
from bot.dialogue.case_process import RANKS
from bot.dialogue.turn import MessageAnalysis
from bot.knowledge.case_rules import Severity, load_case_process
from bot.knowledge.complaint_rules import ComplaintBook
from bot.knowledge.opening_hours import OpeningHours

CAUSELESS, DEALER = "unknown", "dealer"


@dataclass(frozen=True)
class Assessment:
    """What is known of a complaint from what was said.

    Attributes:
        harm_degrees: slight or serious, by kind of harm.
        outlets: with which the customer threatens (D-CMP-15).
        dealer: by what name somebody else is told to have sold or repaired it (D-CMP-2).
    """

    causes: tuple[str, ...]
    severity: Severity
    harm_degrees: dict[str, str]
    reaction: str | None
    outlets: tuple[str, ...]
    next_step: str
    dealer: str = ""

    @property
    def harm(self) -> tuple[str, ...]:
        """The kinds of harm."""
        return tuple(self.harm_degrees)

    @property
    def is_crisis(self) -> bool:
        """Tell whether the customer threatens (D-CMP-9)."""
        return bool(self.outlets)

    @property
    def is_urgent(self) -> bool:
        """Tell whether a person must take it at once: bodily harm or a threat (D-CMP-4, 9)."""
        return self.severity == "bodily" or self.is_crisis


def assess(book: ComplaintBook, analyses: Sequence[MessageAnalysis], text: str = "") -> Assessment:
    """Assess the complaint that these messages make together.

    Args:
        text: of the messages; the degree of a harm is read from it.
    """
    intents = [name for each in analyses for name in (each.intent, *each.also)]
    causes = tuple(dict.fromkeys(book.causes[name] for name in intents if name in book.causes))
    dealer = next((word for word in book.cues.dealer if word in text), "")
    causes = (DEALER, *causes) if dealer else causes
    named = tuple(cause for cause in causes if cause != CAUSELESS)
    harm = dict.fromkeys(name for each in analyses for name in each.harm)
    reaction = next((each.reaction for each in analyses if each.reaction), None)
    outlets = tuple(dict.fromkeys(name for each in analyses for name in each.threats))
    severity = _severity(book, tuple(harm), reaction, is_crisis=bool(outlets))
    return Assessment(
        causes=named or causes or (CAUSELESS,),
        severity=severity,
        harm_degrees={name: _degree(book, name, text, analyses) for name in harm},
        reaction=reaction,
        outlets=outlets,
        next_step=book.severities[severity].next_step,
        dealer=dealer,
    )


def _severity(
    book: ComplaintBook, harm: Sequence[str], reaction: str | None, *, is_crisis: bool
) -> Severity:
    if "bodily" in harm:
        return "bodily"
    if is_crisis or "mental" in harm or reaction in book.urgent_reactions:
        return "serious"
    return "slight"


def _degree(book: ComplaintBook, harm: str, text: str, analyses: Sequence[MessageAnalysis]) -> str:
    """Return how bad a harm is; money counts by its sum, too."""
    words = book.cues.serious_harm.get(harm, [])  # type: ignore[call-overload]
    if any(word in text for word in words):
        return "serious"
    if harm == "economic" and max(amounts_in(analyses), default=0) >= book.cues.serious_fen:
        return "serious"
    return "slight"


def amounts_in(analyses: Sequence[MessageAnalysis]) -> list[int]:
    """Return the sums of money that messages name, in fen, in order."""
    found = []
    for entity in (entity for each in analyses for entity in each.entities):
        resolved = entity.get("resolved")
        if entity["entity"] == "amount" and resolved is not None:
            found.append(int(resolved["max"] if isinstance(resolved, dict) else resolved))
    return found


def is_graver(one: str, other: str) -> bool:
    """Tell whether severity `one` is above `other`."""
    return RANKS.index(one) > RANKS.index(other)


def first_answer_due(hours: OpeningHours, severity: Severity, now: datetime) -> datetime:
    """Return until when somebody of the shop must have answered, by the clocks of the process."""
    return Timekeeper(load_case_process(), hours, severity).due_at("first_answer", now)


def say_deadline(book: ComplaintBook, moment: datetime) -> str:
    """Return a deadline as it is said, in the shop's time zone."""
    day, hour, minute = day_and_clock(moment)
    return book.deadline_format.format(month=day.month, day=day.day, hour=hour, minute=minute)
