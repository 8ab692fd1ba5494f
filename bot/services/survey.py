"""The one question at the end of a conversation: satisfied, as expected, would you buy again.

Satisfaction is asked together with the intent to buy again (D-CUS-9). A low score starts a
friendly question, for it may be a complaint nobody has voiced yet (D-CMP-10).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from bot.crm.unit_of_work import UnitOfWork
from bot.dialogue.following_up import LOW_SCORE as LOW_SCORE
from bot.errors import UsageError
from bot.knowledge.book import Book
from bot.services.announce import announce
from bot.services.asking_after import may_be_asked

MAX_COMMENT_CHARS = 1_000
SCORES = range(1, 6)
EXPECTATIONS = ("", "worse", "as", "better")
AGAIN = ("", "yes", "no")


@dataclass(frozen=True)
class SurveyAnswer:
    """What the customer answered; empty texts are questions left out."""

    score: int
    expectation: str = ""
    again: str = ""
    comment: str = ""


def end(uow: UnitOfWork, conversation_id: str, now: datetime) -> None:
    """The customer ends the talk; the survey is due if anything was said."""
    if uow.conversations.get(conversation_id).last_seq > 0:
        uow.conversations.update_fields(conversation_id, ended_at=now)


def go_on(uow: UnitOfWork, conversation_id: str) -> bool:
    """The customer talks on with a person; return whether the talk had ended."""
    if uow.conversations.get(conversation_id).ended_at is None:
        return False
    uow.conversations.update_fields(conversation_id, ended_at=None)
    return True


def rate(
    uow: UnitOfWork, book: Book, conversation_id: str, answer: SurveyAnswer, now: datetime
) -> list[dict[str, Any]]:
    """Store the answer, once a conversation; return what is said to it.

    Raises:
        UsageError: an answer that the survey does not offer.
    """
    _check(answer)
    if uow.conversations.has_satisfaction(conversation_id):
        return []
    uow.conversations.add_satisfaction(conversation_id, **asdict(answer), created_at=now)
    record = uow.conversations.get(conversation_id)
    response = "utter_rated"
    if answer.score <= LOW_SCORE:
        response = "utter_rated_low" if may_be_asked(uow, record) else "utter_rated_low_heard"
    return [announce(uow, book, record, response, {}, now)]


def _check(answer: SurveyAnswer) -> None:
    if answer.score not in SCORES:
        raise UsageError("score must be a number from 1 to 5")
    if answer.expectation not in EXPECTATIONS or answer.again not in AGAIN:
        raise UsageError("expectation is worse, as or better; again is yes or no")
    if len(answer.comment) > MAX_COMMENT_CHARS:
        raise UsageError(f"a comment may have {MAX_COMMENT_CHARS} characters")
