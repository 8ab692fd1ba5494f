"""Plain records that the repositories hand out; no ORM object leaves `bot.crm`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.dialogue.turn import Option, Owner


@dataclass(frozen=True)
class ConversationRecord:
    """A conversation's row."""

    id: str
    token_hash: str
    owner: Owner
    agent_name: str | None
    queued_at: datetime | None
    version: int
    last_seq: int
    turn_count: int
    snapshot: str | None
    product_id: str | None
    contact_refused: bool
    identity_sub: str | None
    ended_at: datetime | None
    created_at: datetime


@dataclass(frozen=True)
class MessageRecord:
    """A stored message, whoever sent it."""

    id: int
    conversation_id: str
    seq: int
    sender: str
    sender_name: str | None
    client_id: str | None
    content_hash: str | None
    text: str
    option_id: str | None
    state: str
    attempts: int
    turn_id: int | None
    reply_to_turn_id: int | None
    response: str | None
    wording: str | None
    analysis: dict[str, Any] | None
    extras: dict[str, Any] | None
    created_at: datetime
    options: tuple[Option, ...] = ()


@dataclass(frozen=True)
class Inbox:
    """What T1 must know of a conversation before it stores a message.

    `newest_offer` is the newest message that offered buttons; `known` is the message that came
    before under the same client id.
    """

    owner: Owner
    version: int
    newest_offer: int | None
    known: MessageRecord | None


@dataclass(frozen=True)
class TalkHead:
    """A conversation with what its next turn must know at once."""

    conversation: ConversationRecord
    last_steps: tuple[str, ...]
    last_model_id: str
    last_technique: str | None
    has_objections: bool
    has_open_case: bool
    staff_present: bool
    queue_length: int


@dataclass(frozen=True)
class TurnRecord:
    """A stored turn with the reasons of its steps."""

    id: int
    number: int
    kind: str
    first_seq: int
    last_seq: int
    steps: list[Any]
    reasons: list[Any]
    model_id: str
    created_at: datetime


@dataclass(frozen=True)
class CaseRecord:
    """A complaint case as listed."""

    number: str
    conversation_id: str
    stage: str
    causes: list[str]
    severity: str
    reaction: str | None
    harm: list[str]
    crisis: bool
    owner: str
    deadline_at: datetime
    opened_at: datetime


@dataclass(frozen=True)
class CaseEventRecord:
    """Something that happened to a case."""

    ordinal: int
    actor: str
    verb: str
    created_at: datetime


@dataclass(frozen=True)
class TaskRecord:
    """A task for a person."""

    id: int
    conversation_id: str
    kind: str
    contact: str
    due: str
    note: str
    state: str
    created_at: datetime


@dataclass(frozen=True)
class PictureRecord:
    """An uploaded picture; its bytes lie in a `PictureFolder`."""

    id: str
    conversation_id: str
    message_id: int | None
    sha256: str
    media_type: str
    width: int
    height: int
    byte_size: int
    created_at: datetime


@dataclass(frozen=True)
class StaffRecord:
    """A person of the shop."""

    name: str
    role: str
    last_seen_at: datetime | None
