"""T1: a customer's message is kept, then acknowledged.

T1 leaves the conversation's version alone; only T2 and changes of owner raise it (design
decision 1). The one exception is the customer's own 'go on with the assistant', which is a
change of owner.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.crm.records import Inbox, MessageRecord
from bot.crm.unit_of_work import UnitOfWork
from bot.dialogue.turn import Option, OptionMeaning
from bot.errors import (
    ConflictingMessageError,
    MessageTooLongError,
    StaleTurnError,
    UsageError,
)
from bot.killpoints import reach
from bot.language.normalise import fold, has_phone_number
from bot.services.pictures import claim_picture, find_picture
from bot.services.reception import hash_of

STANDING_OPTIONS = {  # always one tap away on the customer's page
    "person": OptionMeaning(intent="request_human"),
    "problem": OptionMeaning(intent="report_problem"),
}
PHONE_ALIAS = "{phone}"
MAX_CLIENT_ID_CHARS = 64


@dataclass(frozen=True)
class InboundText:
    """A message as it comes from the customer's side."""

    conversation_id: str
    client_id: str
    text: str
    option_id: str | None = None
    picture_id: str | None = None


@dataclass(frozen=True)
class Accepted:
    """The outcome of T1."""

    message: MessageRecord
    is_duplicate: bool
    is_change_of_owner: bool = False


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
    content = hash_of(f"{inbound.text}\0{inbound.option_id or ''}\0{inbound.picture_id or ''}")
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
    has_resumed = owner != inbox.owner
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
        **_picture_extras(uow, inbound),
    )
    if inbound.picture_id:
        claim_picture(uow, inbound.conversation_id, inbound.picture_id, message.id)
    reach("t1_before_commit")
    return Accepted(message, is_duplicate=False, is_change_of_owner=has_resumed)


def _check(inbound: InboundText, max_chars: int) -> None:
    if not 0 < len(inbound.client_id) <= MAX_CLIENT_ID_CHARS:
        raise UsageError(f"a message needs an id of 1 to {MAX_CLIENT_ID_CHARS} characters")
    if not inbound.text.strip() and not inbound.picture_id:
        raise UsageError("a message needs a text")
    if len(inbound.text) > max_chars:
        raise MessageTooLongError(
            f"a message may have {max_chars} characters; this one has {len(inbound.text)}"
        )


def _find_option(uow: UnitOfWork, inbound: InboundText, inbox: Inbox) -> Option | None:
    """Look a button up by its id, or by its label typed by hand."""
    if inbound.option_id:
        return find_option(uow, inbound.conversation_id, inbound.option_id)
    if len(inbound.text) > 40 or inbox.newest_offer is None:
        return None
    return match_option(inbound.text, uow.messages.options_of(inbox.newest_offer))


def find_option(uow: UnitOfWork, conversation_id: str, option_id: str) -> Option | None:
    """Return a button by its id: a standing one, or one offered in this conversation."""
    if option_id in STANDING_OPTIONS:
        return Option(option_id, option_id, STANDING_OPTIONS[option_id])
    return uow.messages.find_option(conversation_id, option_id)


def _picture_extras(uow: UnitOfWork, inbound: InboundText) -> dict[str, object]:
    """Return the message's picture as its event shows it."""
    if not inbound.picture_id:
        return {}
    picture = find_picture(uow, inbound.picture_id)
    shown = {"id": picture.id, "width": picture.width, "height": picture.height}
    return {"extras": {"picture": shown}}


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
