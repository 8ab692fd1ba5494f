"""Follow-up calls after a complaint: when one is due, its script, what its answer means. Pure.

Satisfaction is asked as perceived against expected and with the intent to buy again, for of the
customers already lost most had called themselves satisfied (D-CUS-9).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.dialogue.business_time import after
from bot.knowledge.customer_rules import variables
from bot.knowledge.follow_up_rules import FollowUpRules
from bot.knowledge.opening_hours import OpeningHours

REOPENED = "reopened"
LOW_SCORE = 2
SATISFIED = 4
REFUSES = "no"


@dataclass(frozen=True)
class Happened:
    """An event of a case."""

    verb: str
    at: datetime


@dataclass(frozen=True)
class Call:
    """A call to be made, once for its `origin`: once a case and each time it was taken up anew."""

    origin: str
    due_at: datetime


def round_of(events: Iterable[Happened]) -> int:
    """Return how often a case was taken up anew."""
    return sum(each.verb == REOPENED for each in events)


def origin_of(number: str, events: Iterable[Happened]) -> str:
    """Return what names the one call about a case as it stands."""
    return f"case_follow_up:{number}:{round_of(events)}"


def call_after(
    rules: FollowUpRules,
    hours: OpeningHours,
    number: str,
    events: Sequence[Happened],
    now: datetime,
) -> Call | None:
    """Return the call about a case; None: nothing is carried out or closed, or it is too late.

    Args:
        events: all of the case, oldest first.
    """
    for event in _since_reopened(events):
        days = rules.after_days.get(event.verb)  # type: ignore[call-overload]
        if days is None:
            continue
        if now - event.at > timedelta(days=rules.too_late_days):
            return None
        due_at = after(hours, event.at + timedelta(days=days), 0)
        return Call(origin_of(number, events), due_at) if due_at is not None else None
    return None


def _since_reopened(events: Sequence[Happened]) -> Sequence[Happened]:
    places = [index for index, event in enumerate(events) if event.verb == REOPENED]
    return events[places[-1] + 1 :] if places else events


def script_of(rules: FollowUpRules, facts: Mapping[str, str]) -> str:
    """Return title and script, a line each; what is not known is not said.

    Args:
        facts: `name`, `shop_name`, `case_number`, `opened_on`, `remedies`; an empty one is unknown.
    """
    return "\n".join(
        [
            rules.title.format_map(facts),
            _first_known(rules.confirm, facts),
            rules.somebody_else,
            _first_known(rules.tell, facts),
            *(f"{number}. {text}" for number, text in enumerate(rules.questions, 1)),
            rules.close,
            rules.reminder,
        ]
    )


def _first_known(texts: Sequence[str], facts: Mapping[str, str]) -> str:
    known = {name for name, value in facts.items() if value}
    return next(text for text in texts if variables(text) <= known).format_map(facts)


def is_bad(score: int | None, is_solved: bool | None) -> bool:
    """Tell whether an answer reopens the question."""
    return is_solved is False or (score is not None and score <= LOW_SCORE)


def is_contradictory(score: int | None, again: str) -> bool:
    """Tell whether somebody is satisfied and would not buy again: the trap of D-CUS-9."""
    return score is not None and score >= SATISFIED and again == REFUSES
