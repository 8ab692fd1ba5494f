"""Whether a customer who has fallen silent is asked after, and with which question. Pure.

Most who are dissatisfied say nothing and leave (D-CMP-13), so we ask first: once a conversation,
in the opening hours, with a question that offers nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.dialogue.business_time import after, between
from bot.knowledge.asking_rules import AskingRules, Silence
from bot.knowledge.opening_hours import OpeningHours

DEFECT = "defect"
FIRST_STAGE = "receipt"
FINAL = ("closed", "merged")


@dataclass(frozen=True)
class Heard:
    """A message of the customer as it was understood."""

    at: datetime
    intent: str
    reaction: str | None = None
    names_defect: bool = False


@dataclass(frozen=True)
class KnownCase:
    """A case of the talk; `is_heard`: a person has answered the customer in it."""

    opened_at: datetime
    stage: str
    is_heard: bool = False


@dataclass(frozen=True)
class QuietTalk:
    """What decides whether the customer of a conversation is asked after.

    Attributes:
        heard: the customer's messages that were understood, oldest first.
        is_with_bot: the bot owns it and owes no answer.
        was_asked: the one question was put already.
        cases: all of this conversation.
        has_case_elsewhere: the same customer has an open case that is not of this conversation.
    """

    heard: Sequence[Heard]
    is_with_bot: bool = True
    contact_refused: bool = False
    was_asked: bool = False
    cases: Sequence[KnownCase] = ()
    has_case_elsewhere: bool = False


@dataclass(frozen=True)
class Question:
    """What is asked, and which silence it is asked about."""

    silence: str
    response: str


def question_for(
    rules: AskingRules, hours: OpeningHours, talk: QuietTalk, now: datetime
) -> Question | None:
    """Return the one question that is due now, or None."""
    is_barred = talk.was_asked or talk.contact_refused or talk.has_case_elsewhere
    if is_barred or not talk.is_with_bot or not talk.heard or not hours.is_open(now):
        return None
    silent_since = talk.heard[-1].at
    if between(hours, silent_since, now).total_seconds() > rules.too_late_minutes * 60:
        return None
    recent = talk.heard[-rules.looks_back :]
    for rule in rules.silences:
        due_at = after(hours, silent_since, rule.after_minutes)
        told = _last_told(rules, rule, recent)
        if told is None or due_at is None or now < due_at:
            continue
        response = _response(rule, talk.cases, told)
        if response is not None:
            return Question(rule.id, response)
    return None


def _last_told(rules: AskingRules, rule: Silence, recent: Sequence[Heard]) -> Heard | None:
    """Return the last message that told of what went wrong, unless it was settled since."""
    for heard in reversed(recent):
        if _tells(rule, heard):
            return heard
        if heard.intent in rules.settled_by:
            return None
    return None


def _tells(rule: Silence, heard: Heard) -> bool:
    if heard.intent in rule.unless_intents:
        return False
    if heard.reaction in rule.reactions or heard.intent in rule.intents:
        return True
    return heard.names_defect and heard.intent in rule.fault_intents


def _response(rule: Silence, cases: Sequence[KnownCase], told: Heard) -> str | None:
    """Return what is asked beside the cases of the talk; None: it is taken care of."""
    standing = [case for case in cases if case.stage not in FINAL]
    if not standing:
        is_done = any(case.opened_at >= told.at for case in cases)
        return None if is_done else rule.response
    if any(case.is_heard or case.stage != FIRST_STAGE for case in standing):
        return None
    return rule.in_case
