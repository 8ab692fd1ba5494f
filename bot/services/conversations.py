"""Starting a conversation, and T1: a customer's message is kept, then acknowledged.

T1 leaves the conversation's version alone; only T2 and changes of owner raise it (design
decision 1). The one exception is the customer's own 'go on with the assistant', which is a
change of owner.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime

from bot.crm.records import ConversationRecord, Inbox, MessageRecord
from bot.crm.unit_of_work import UnitOfWork
from bot.dialogue.turn import Option
from bot.errors import (
    ConflictingMessageError,
    MessageTooLongError,
    NotAllowedError,
    NotFoundError,
    StaleTurnError,
    UsageError,
)
from bot.killpoints import reach
from bot.language.normalise import fold, has_phone_number

PHONE_ALIAS = "{phone}"
MAX_CLIENT_ID_CHARS = 64


@dataclass(frozen=True)
class StartedConversation:
    """What a new visitor gets; the token is shown once and stored hashed."""

    conversation_id: str
    token: str


@dataclass(frozen=True)
class InboundText:
    """A message as it comes from the customer's side."""

    conversation_id: str
    client_id: str
    text: str
    option_id: str | None = None


@dataclass(frozen=True)
class Accepted:
    """The outcome of T1."""

    message: MessageRecord
    is_duplicate: bool


def start_conversation(uow: UnitOfWork, channel: str, now: datetime) -> StartedConversation:
    """Open a conversation with a token of 256 random bits (promise 11)."""
    conversation_id = secrets.token_hex(12)
    token = secrets.token_urlsafe(32)
    uow.conversations.create(conversation_id, _hash(token), channel, now)
    return StartedConversation(conversation_id, token)


def authenticate(uow: UnitOfWork, conversation_id: str, token: str) -> ConversationRecord:
    """Return the conversation if the token is its own.

    Raises:
        NotAllowedError: unknown conversation or wrong token; the same answer for both.
    """
    try:
        record = uow.conversations.get(conversation_id)
    except NotFoundError:
        record = None
    if record is None or not hmac.compare_digest(record.token_hash, _hash(token)):
        raise NotAllowedError("this conversation cannot be opened with this token")
    return record


def accept_message(
    uow: UnitOfWork, inbound: InboundText, *, max_chars: int, now: datetime
) -> Accepted:
    """T1: store one message of the customer, once.

    Raises:
        UsageError: no client id, or an empty text.
        MessageTooLongError: the text is longer than `max_chars`.
        ConflictingMessageError: the same client id came before with another content.
        NotFoundError: there is no such conversation.
    """
    _check(inbound, max_chars)
    content = _hash(f"{inbound.text}\0{inbound.option_id or ''}")
    inbox = uow.messages.inbox(inbound.conversation_id, inbound.client_id)
    if inbox.known is not None:
        if inbox.known.content_hash != content:
            raise ConflictingMessageError(
                f"message id {inbound.client_id!r} was already used for another text"
            )
        return Accepted(inbox.known, is_duplicate=True)
    option = _find_option(uow, inbound, inbox)
    owner = inbox.owner
    if option and option.meaning.operation == "resume_bot" and owner == "queue":
        _resume_bot(uow, inbound.conversation_id, inbox.version, now)
        owner = "bot"
    reach("t1_before_insert")
    message = uow.messages.add(
        inbound.conversation_id,
        sender="customer",
        text=inbound.text,
        state="pending" if owner == "bot" else "held",
        now=now,
        client_id=inbound.client_id,
        content_hash=content,
        option_id=option.option_id if option else None,
    )
    reach("t1_before_commit")
    return Accepted(message, is_duplicate=False)


def _check(inbound: InboundText, max_chars: int) -> None:
    if not 0 < len(inbound.client_id) <= MAX_CLIENT_ID_CHARS:
        raise UsageError(f"a message needs an id of 1 to {MAX_CLIENT_ID_CHARS} characters")
    if not inbound.text.strip():
        raise UsageError("a message needs a text")
    if len(inbound.text) > max_chars:
        raise MessageTooLongError(
            f"a message may have {max_chars} characters; this one has {len(inbound.text)}"
        )


def _find_option(uow: UnitOfWork, inbound: InboundText, inbox: Inbox) -> Option | None:
    """Look a button up by its id, or by its label typed by hand."""
    if inbound.option_id:
        return uow.messages.find_option(inbound.conversation_id, inbound.option_id)
    if len(inbound.text) > 40 or inbox.newest_offer is None:
        return None
    return match_option(inbound.text, uow.messages.options_of(inbox.newest_offer))


def match_option(text: str, options: list[Option]) -> Option | None:
    """Return the offered option whose label or alias the customer typed."""
    typed = fold(text)
    for option in options:
        typings = {option.label, *option.aliases} - {PHONE_ALIAS}
        if typed in {fold(each) for each in typings}:
            return option
        if PHONE_ALIAS in option.aliases and has_phone_number(text):
            return option
    return None


def _resume_bot(uow: UnitOfWork, conversation_id: str, version: int, now: datetime) -> None:
    """Give a waiting conversation back to the bot; what was held becomes history."""
    if uow.conversations.take_version(conversation_id, version, "queue", now) is None:
        raise StaleTurnError("somebody has just taken this conversation")
    uow.conversations.update_fields(conversation_id, owner="bot", queued_at=None)
    uow.messages.change_state(conversation_id, "held", "history")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
