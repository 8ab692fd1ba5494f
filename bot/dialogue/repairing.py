"""How customers mend a talk: cancel, 'say it again', 'I mistyped', 'not that, this' (repair list).

Set phrases and patterns of `repairs.yml`, read on normalised text; a cancel counts only while
something is open. Pure. It says what the message is, never what to do about it: rules do.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Literal, get_args

from bot.dialogue.ledger import current
from bot.dialogue.turn import ConversationFacts
from bot.knowledge.repairs import Promise, Repairs
from bot.language.normalise import clean, fold

Repair = Literal["cancel", "ask_again", "mistyped", "misread"]
Unreadable = Literal["picture", "foreign", "digits"]
Ended = Literal["objection", "talk", "reminder", "call_back"]
MAX_CHARS = 80  # who mends a talk is brief
NOTED = {"action_note_reminder": "reminder", "action_note_call_back": "call_back"}
FEW_WORDS = 2
_HAN = re.compile(r"[\u3400-\u9fff]")
_LATIN_WORD = re.compile(r"[A-Za-z\u00c0-\u024f]{2,}")
_OTHER_SCRIPT = re.compile(r"[\u0370-\u06ff\u0900-\u0fff\u3040-\u30ff\uac00-\ud7af]")
_NUMBER = re.compile(r"\d{1,6}")  # longer ones are orders, cases, phones


@dataclass(frozen=True)
class Correction:
    """What a customer puts right, in their words.

    Attributes:
        wrong: '' when they do not name it.
        is_slip: they say that they have mistyped or said it wrongly.
    """

    wrong: str
    right: str
    is_slip: bool = False


def repair_of(cues: Repairs, text: str, facts: ConversationFacts) -> Repair | None:
    """Return how a message mends the talk, else None."""
    if facts.turn_count == 0 or len(text) > MAX_CHARS:
        return None
    is_about_case = facts.open_case is not None and _says(cues, text, "cancel")
    if is_about_case or what_is_ended(cues, text, facts) is not None:
        return "cancel"
    if facts.last_replies and (_says(cues, text, "again") or _asks_back(cues, text)):
        return "ask_again"
    kinds: tuple[Repair, ...] = ("mistyped", "misread")
    return next((each for each in kinds if _says(cues, text, each)), None)


def what_is_ended(cues: Repairs, text: str, facts: ConversationFacts) -> Ended | None:
    """Return what a customer's 'never mind' ends, None when nothing is open or it is none.

    A call-back that somebody waits for is not cancelled by a bare 'no need' days later.
    """
    promised: list[Promise] = [
        each.kind  # type: ignore[misc]
        for each in reversed(facts.promises)
        if each.kind in get_args(Promise)
    ]
    named = next((each for each in promised if _says(cues, text, each)), None)
    if named is not None:
        return named
    if facts.open_case is not None or not _says(cues, text, "cancel"):
        return None
    was_asked_why = any(each.wording.startswith(cues.asks_why_no) for each in facts.last_replies)
    if was_asked_why and _says(cues, text, "plain_no"):
        return None
    if current(facts.ledger) is not None:
        return "objection"
    noted = {promise for step, promise in NOTED.items() if step in facts.last_steps}
    for promise in promised:
        if promise in noted or promise == "reminder":
            return promise
    return "talk" if set(facts.last_steps) & set(cues.open_steps) else None


def is_said_misread(cues: Repairs, text: str) -> bool:
    """Tell whether the customer says that they were taken wrongly."""
    return len(text) <= MAX_CHARS and _says(cues, text, "misread")


def correction_of(cues: Repairs, text: str) -> Correction | None:
    """Return what the customer puts right, else None."""
    plain = clean(text, MAX_CHARS + 1)
    if len(plain) > MAX_CHARS:
        return None
    for pattern in cues.corrections:
        match = re.match(pattern, plain)
        if match is not None:
            found = match.groupdict()
            return Correction(
                wrong=(found.get("wrong") or "").strip(),
                right=found["right"].strip(),
                is_slip=bool(found.get("slip")),
            )
    return None


def unreadable(cues: Repairs, text: str, facts: ConversationFacts) -> Unreadable | None:
    """Return why a message cannot be read by us at all, None when it can.

    A bare number is an answer while something is asked; so is a picture during a case.
    """
    is_waiting = facts.open_case is not None or current(facts.ledger) is not None
    is_waiting = is_waiting or "call_back_form" in facts.last_steps
    plain = clean(text, 2_000)
    if not plain:
        return None if is_waiting or text else "picture"
    if _HAN.search(plain):
        return None
    if _OTHER_SCRIPT.search(plain) or len(_LATIN_WORD.findall(plain)) > FEW_WORDS:
        return "foreign"
    is_number = _NUMBER.fullmatch(plain) is not None
    if is_number and plain not in cues.spoken_numbers and not is_waiting:
        return "digits"
    return None


def is_over(cues: Repairs, last_said_at: datetime | None, now: datetime) -> bool:
    """Tell whether the customer was silent for so long that an open question is over."""
    patience = timedelta(minutes=cues.patience_minutes)
    return last_said_at is not None and now - last_said_at > patience


def should_put_again(cues: Repairs, facts: ConversationFacts, response: str, now: datetime) -> bool:
    """Tell whether an open question is put again after a digression.

    Once, and not to somebody who comes back after a long silence; the offer to order only when
    it was the last thing said, for more would be pushing.
    """
    if is_over(cues, facts.last_said_at, now):
        return False
    if response == "utter_lead_forward":
        return "action_lead_forward" in facts.last_steps
    return "action_return_to_question" not in facts.last_steps


def _asks_back(cues: Repairs, text: str) -> bool:
    """Tell whether a message is a mere question mark, or a sound with one."""
    plain = clean(text, MAX_CHARS)
    return plain.endswith("?") and (set(plain) == {"?"} or fold(plain) in cues.again_when_asked)


def _says(cues: Repairs, text: str, what: str) -> bool:
    phrases: dict[str, list[str]] = {
        "cancel": cues.cancel,
        "plain_no": cues.plain_no,
        "again": cues.again,
        "mistyped": cues.mistyped,
        "misread": cues.misread,
        **{str(promise): words for promise, words in cues.cancel_promise.items()},
    }
    pattern = _pattern(tuple(phrases[what]), tuple(cues.before), tuple(cues.after))
    return pattern.fullmatch(fold(text)) is not None


@lru_cache(maxsize=8)
def _pattern(
    phrases: Sequence[str], before: Sequence[str], after: Sequence[str]
) -> re.Pattern[str]:
    """Return a pattern for one or more of the phrases with small words around them."""
    small = "(?:" + _either([*before, *after]) + "){0,3}"
    return re.compile(f"{small}(?:{_either(phrases)}{small}){{1,3}}")


def _either(words: Sequence[str]) -> str:
    return "(?:" + "|".join(map(re.escape, sorted(words, key=len, reverse=True))) + ")"
