"""What comes next in a complaint case, as its customer reads it (D-CMP-13). Pure."""

from __future__ import annotations

from dataclasses import dataclass

from bot.knowledge.progress_lines import FIRST_STAGE, ProgressLines

ACCEPTED, BODILY = "accepted", "bodily"


@dataclass(frozen=True)
class CaseStanding:
    """What decides about the line.

    Attributes:
        is_answered: a person has answered the customer.
        is_owed: an accepted remedy is not carried out yet.
        urgent_step: the severity's own line.
    """

    stage: str
    severity: str
    urgent_step: str
    is_answered: bool = False
    is_paused: bool = False
    customer_answer: str | None = None
    is_owed: bool = False


def next_step(lines: ProgressLines, case: CaseStanding) -> str:
    """Return the line; '' where nothing comes any more."""
    is_urgent = case.severity == BODILY and not case.is_answered
    line = lines.next_steps.get(case.stage, "")
    if case.stage == FIRST_STAGE or (is_urgent and line):
        return case.urgent_step
    if not line:
        return ""
    if case.customer_answer == ACCEPTED:
        return lines.accepted if case.is_owed else lines.done
    if case.is_paused and case.stage != "communication":
        return lines.paused
    return line
