"""The people's queue: who waits, who takes over, who gives back (design decision 7).

Every change of owner raises the conversation's version, so a turn that the bot is computing
meanwhile is thrown away. Two people claiming at once: exactly one gets it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from bot.clock import SHOP_TIME_ZONE
from bot.crm.records import ConversationRecord, StaffRecord, WaitingConversation
from bot.crm.unit_of_work import UnitOfWork
from bot.dialogue.guard import Violation, blocking, violations
from bot.errors import NotAllowedError, UsageError
from bot.knowledge.book import Book
from bot.services.announce import announce
from bot.services.events import event_of
from bot.services.shop_wording import describe, facts_said

WAITING = "utter_waiting"
LISTED = 50
OVERRULED, CONVERSATION = "guard.overruled", "conversation"  # in the audit trail


class Answered(NamedTuple):
    """What became of a person's text: its events, what the guard warns of, its message's id."""

    events: list[dict[str, Any]]
    warnings: list[str]
    message_id: int


def sign_in(uow: UnitOfWork, name: str, now: datetime) -> StaffRecord:
    """Remember that a person is there; return who it is.

    Raises:
        NotAllowedError: there is no such user.
    """
    person = uow.staff.find(name)
    if person is None:
        raise NotAllowedError(
            f"there is no user {name!r}; add one with ./prelude user add {name} --role agent"
        )
    if person.disabled_at is not None:
        raise NotAllowedError(f"{name!r} was disabled; a manager can undo it")
    uow.staff.change(name, last_seen_at=now)
    return person


def list_waiting(uow: UnitOfWork) -> list[WaitingConversation]:
    """Return the conversations that wait for a person, then those that one has.

    Of each the `LISTED` longest waiting; longest waiting first.
    """
    return [
        *uow.conversations.waiting("queue", LISTED),
        *uow.conversations.waiting("agent", LISTED),
    ]


def comfort(
    uow: UnitOfWork, book: Book, conversation_id: str, now: datetime
) -> list[dict[str, Any]]:
    """Say, once a wait, that what is written meanwhile is kept and will be read."""
    record = uow.conversations.get(conversation_id)
    if record.owner != "queue" or record.queued_at is None:
        return []
    if uow.messages.was_said(conversation_id, WAITING, record.queued_at):
        return []
    return [announce(uow, book, record, WAITING, {}, now)]


def claim(
    uow: UnitOfWork, book: Book, conversation_id: str, name: str, now: datetime
) -> list[dict[str, Any]]:
    """Take a conversation over, from the queue or from the bot; announced to the customer.

    Raises:
        NotAllowedError: unknown user, or somebody else has it.
    """
    sign_in(uow, name, now)
    record = uow.conversations.get(conversation_id)
    taken = None
    if record.owner != "agent":
        taken = uow.conversations.take_version(conversation_id, record.version, record.owner, now)
    if taken is None:
        raise NotAllowedError(f"{record.agent_name or 'somebody'} already has this conversation")
    uow.conversations.update_fields(conversation_id, owner="agent", agent_name=name)
    uow.messages.change_state(conversation_id, "pending", "held")
    return [announce(uow, book, record, "utter_agent_joined", {"agent": name}, now)]


def answer(
    uow: UnitOfWork,
    book: Book,
    conversation_id: str,
    name: str,
    text: str,
    *,
    is_confirmed: bool,
    now: datetime,
) -> Answered:
    """Send a person's text to the customer; what is warned of is sent.

    Raises:
        UsageError: an empty text, or one that the guard blocks and that was not confirmed.
        NotAllowedError: this person does not own the conversation.
    """
    person = sign_in(uow, name, now)
    record = _owned(uow, conversation_id, name)
    warnings = check_text(uow, book, person, record.id, text, is_confirmed=is_confirmed, now=now)
    uow.messages.change_state(conversation_id, "held", "done")
    message = uow.messages.add(
        record.id, sender="agent", sender_name=name, text=text, state="sent", now=now
    )
    return Answered([event_of(message)], warnings, message.id)


def check_text(
    uow: UnitOfWork,
    book: Book,
    person: StaffRecord,
    conversation_id: str,
    text: str,
    *,
    is_confirmed: bool,
    now: datetime,
) -> list[str]:
    """Refuse a person's text that is not fit to be sent; return what the guard warns of.

    What is sent although it is blocked is audited.

    Raises:
        UsageError: an empty text, or one that the guard blocks and that was not confirmed.
    """
    if not text.strip():
        raise UsageError("an answer needs a text")
    found = _violations(uow, book, text, now)
    blocked = blocking(found)
    if blocked and not is_confirmed:
        told = "; ".join(describe(each) for each in blocked)
        raise UsageError(f"not sent: {told}. Send it nevertheless with --anyway")
    if blocked:
        rules = [each.phrase_id for each in blocked]
        uow.audit.append(
            person.code, OVERRULED, (CONVERSATION, conversation_id), {"rules": rules}, now
        )
    return [describe(each) for each in found]


def give_back(
    uow: UnitOfWork, book: Book, conversation_id: str, name: str, now: datetime
) -> list[dict[str, Any]]:
    """Give a conversation back to the bot; what came meanwhile is history, not a turn.

    Raises:
        NotAllowedError: this person does not own the conversation.
    """
    sign_in(uow, name, now)
    record = _owned(uow, conversation_id, name)
    if uow.conversations.take_version(conversation_id, record.version, "agent", now) is None:
        raise NotAllowedError("the conversation has just changed; look again")
    uow.conversations.update_fields(conversation_id, owner="bot", agent_name=None, queued_at=None)
    uow.messages.change_state(conversation_id, "held", "history")
    return [announce(uow, book, record, "utter_agent_left", {"agent": name}, now)]


def _violations(uow: UnitOfWork, book: Book, text: str, now: datetime) -> tuple[Violation, ...]:
    """Return what the guard finds; what the shop itself says is read only if it may matter."""
    if not violations(book, text):
        return ()
    today = now.astimezone(SHOP_TIME_ZONE).date()
    return violations(book, text, allowed=facts_said(uow, today))


def _owned(uow: UnitOfWork, conversation_id: str, name: str) -> ConversationRecord:
    record = uow.conversations.get(conversation_id)
    if record.owner != "agent" or record.agent_name != name:
        raise NotAllowedError(f"{name} has not taken this conversation; claim it first")
    return record
