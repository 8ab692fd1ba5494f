"""Read the contact and the time of a call-back out of a message."""

from __future__ import annotations

from bot.dialogue.turn import MessageAnalysis
from bot.knowledge.book import load_language
from bot.language.normalise import find_phone

INTERRUPTIONS = (
    "ask_",
    "complaint_",
    "objection_",
    "request_",
    "bot_challenge",
    "thank",
    "affirm",
    "greet",
    "chitchat",
    "buying_signal",
    "ask_again",
    "mistyped",
)
DECLINING = frozenset(
    {"cancel", "deny", "objection_excuse", "objection_need", "resume_bot", "goodbye"}
)
LONGEST_TIME_CHARS = 60


def is_declined(text: str, analysis: MessageAnalysis) -> bool:
    """Tell whether the customer does not want to be called after all."""
    if find_phone(text) is not None or _has_time(analysis):
        return False
    return analysis.intent in DECLINING or analysis.refusal != "none"


def read_contact(text: str, analysis: MessageAnalysis, *, is_asked: bool) -> str | None:
    """Return the phone number; '' when the answer has none; None when it is no answer."""
    phone = find_phone(text)
    if phone is not None:
        return phone
    return "" if is_asked and not _is_interruption(analysis) else None


def read_call_time(text: str, analysis: MessageAnalysis, *, is_asked: bool) -> str | None:
    """Return the time in the customer's own words; None when it is no answer."""
    is_time = _has_time(analysis) or any(word in text for word in load_language().time_words)
    if not is_asked or not is_time:
        return None
    return text.strip()[:LONGEST_TIME_CHARS]


def is_interruption(text: str, analysis: MessageAnalysis) -> bool:
    """Tell whether a message is about something else than the call-back."""
    return find_phone(text) is None and _is_interruption(analysis)


def _is_interruption(analysis: MessageAnalysis) -> bool:
    return analysis.intent.startswith(INTERRUPTIONS) and not _has_time(analysis)


def _has_time(analysis: MessageAnalysis) -> bool:
    return any(entity["entity"] == "date" for entity in analysis.entities)
