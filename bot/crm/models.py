"""The tables. A table enters with the feature that writes and reads it.

Times are UTC; money is an integer of fen; JSON columns hold plain values. Unique keys repeat in
the database what the services promise (design decision 1): one message a client id, one case a
source message, one reply a turn and ordinal, one technique use a turn.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from sqlalchemy import (
    JSON,
    CheckConstraint,
    DateTime,
    Float,
    ForeignKey,
    Index,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC time in Python, a plain timestamp in the database."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Store as naive UTC; refuse a time without a zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a time zone")
        return value.astimezone(timezone.utc).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give back an aware time."""
        return None if value is None else value.replace(tzinfo=timezone.utc)


class Base(DeclarativeBase):
    """Common base of all tables."""

    type_annotation_map = {
        datetime: UtcDateTime(),
        dict[str, Any]: JSON,
        list[Any]: JSON,
    }


class Installation(Base):
    """One row: what this database is. `epoch` changes when the database is another one."""

    __tablename__ = "installation"

    id: Mapped[int] = mapped_column(primary_key=True)
    epoch: Mapped[str] = mapped_column(String(32))
    shop_id: Mapped[str] = mapped_column(String(64), default="")
    shop_name: Mapped[str] = mapped_column(String(200), default="")
    shop_hash: Mapped[str] = mapped_column(String(64), default="")
    shop_loaded_at: Mapped[datetime | None]


class Conversation(Base):
    """A talk with one visitor. `version` guards T2; `next_seq` numbers its events."""

    __tablename__ = "conversation"
    __table_args__ = (
        CheckConstraint("owner in ('bot', 'queue', 'agent')", name="owner_known"),
        Index("ix_conversation_owner", "owner"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64))
    channel: Mapped[str] = mapped_column(String(20))
    owner: Mapped[str] = mapped_column(String(8), default="bot")
    agent_name: Mapped[str | None] = mapped_column(String(80))
    queued_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)
    next_seq: Mapped[int] = mapped_column(default=1)
    turn_count: Mapped[int] = mapped_column(default=0)
    snapshot: Mapped[str | None] = mapped_column(Text)
    product_id: Mapped[str | None] = mapped_column(String(64))
    contact_refused_at: Mapped[datetime | None]
    identity_sub: Mapped[str | None] = mapped_column(String(128))
    identity_name: Mapped[str | None] = mapped_column(String(80))
    page: Mapped[str | None] = mapped_column(String(500))
    cart: Mapped[list[Any] | None]
    ended_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Message(Base):
    """Everything said, by whomever, in one order (`seq`) a conversation."""

    __tablename__ = "message"
    __table_args__ = (
        UniqueConstraint("conversation_id", "seq"),
        UniqueConstraint("conversation_id", "client_id"),
        UniqueConstraint("reply_to_turn_id", "ordinal"),
        Index(
            "ix_message_pending",
            "conversation_id",
            sqlite_where=text("state = 'pending'"),
            postgresql_where=text("state = 'pending'"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversation.id"))
    seq: Mapped[int]
    sender: Mapped[str] = mapped_column(String(8))
    sender_name: Mapped[str | None] = mapped_column(String(80))
    client_id: Mapped[str | None] = mapped_column(String(64))
    content_hash: Mapped[str | None] = mapped_column(String(64))
    text: Mapped[str] = mapped_column(Text)
    option_id: Mapped[str | None] = mapped_column(String(40))
    state: Mapped[str] = mapped_column(String(8))
    attempts: Mapped[int] = mapped_column(default=0)
    turn_id: Mapped[int | None] = mapped_column(ForeignKey("turn.id"), index=True)
    reply_to_turn_id: Mapped[int | None] = mapped_column(ForeignKey("turn.id"))
    ordinal: Mapped[int | None]
    response: Mapped[str | None] = mapped_column(String(80))
    wording: Mapped[str | None] = mapped_column(String(80))
    analysis: Mapped[dict[str, Any] | None]
    extras: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime]


class Turn(Base):
    """One turn of the bot: the messages it covers, its steps and its reasons."""

    __tablename__ = "turn"
    __table_args__ = (UniqueConstraint("conversation_id", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversation.id"))
    number: Mapped[int]
    kind: Mapped[str] = mapped_column(String(10))
    first_seq: Mapped[int]
    last_seq: Mapped[int]
    steps: Mapped[list[Any]]
    reasons: Mapped[list[Any]]
    model_id: Mapped[str] = mapped_column(String(64), default="")
    created_at: Mapped[datetime]


class OfferedOption(Base):
    """A button that was shown; its meaning is looked up here, never taken from the client."""

    __tablename__ = "offered_option"

    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversation.id"), primary_key=True)
    option_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    message_id: Mapped[int] = mapped_column(ForeignKey("message.id"))
    label: Mapped[str] = mapped_column(String(80))
    meaning: Mapped[dict[str, Any]]
    aliases: Mapped[list[Any]]


class Objection(Base):
    """A ledger entry: one objection with its state and the belief about its truth."""

    __tablename__ = "objection"
    __table_args__ = (UniqueConstraint("conversation_id", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversation.id"))
    number: Mapped[int]
    kind: Mapped[str] = mapped_column(String(12))
    state: Mapped[str] = mapped_column(String(10))
    belief_true: Mapped[float] = mapped_column(Float)
    belief_false: Mapped[float] = mapped_column(Float)
    belief_hidden: Mapped[float] = mapped_column(Float)
    truth: Mapped[str] = mapped_column(String(8))
    evidence: Mapped[list[Any]]
    source_message_id: Mapped[int] = mapped_column(ForeignKey("message.id"))
    linked_to: Mapped[int | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class TechniqueUse(Base):
    """One use of a technique on one objection."""

    __tablename__ = "technique_use"

    turn_id: Mapped[int] = mapped_column(ForeignKey("turn.id"), primary_key=True)
    objection_id: Mapped[int] = mapped_column(ForeignKey("objection.id"), index=True)
    technique: Mapped[str] = mapped_column(String(40))
    alternatives: Mapped[list[Any]]
    created_at: Mapped[datetime]


class Case(Base):
    """A complaint case. One a source message."""

    __tablename__ = "complaint_case"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    number: Mapped[str] = mapped_column(String(24), unique=True)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversation.id"), index=True)
    source_message_id: Mapped[int] = mapped_column(ForeignKey("message.id"), unique=True)
    stage: Mapped[str] = mapped_column(String(20))
    causes: Mapped[list[Any]]
    severity: Mapped[str] = mapped_column(String(10))
    reaction: Mapped[str | None] = mapped_column(String(12))
    harm: Mapped[list[Any]]
    crisis: Mapped[bool]
    product_id: Mapped[str | None] = mapped_column(String(64))
    owner: Mapped[str] = mapped_column(String(80))
    deadline_at: Mapped[datetime]
    opened_at: Mapped[datetime]


class CaseEvent(Base):
    """What happened to a case, append-only, in order."""

    __tablename__ = "case_event"

    case_id: Mapped[int] = mapped_column(ForeignKey("complaint_case.id"), primary_key=True)
    ordinal: Mapped[int] = mapped_column(primary_key=True)
    actor: Mapped[str] = mapped_column(String(80))
    verb: Mapped[str] = mapped_column(String(40))
    message_id: Mapped[int | None] = mapped_column(ForeignKey("message.id"))
    body: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


class Task(Base):
    """Something a person has to do, such as a call-back."""

    __tablename__ = "task"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    turn_id: Mapped[int] = mapped_column(ForeignKey("turn.id"), unique=True)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversation.id"))
    kind: Mapped[str] = mapped_column(String(20))
    contact: Mapped[str] = mapped_column(String(200))
    due: Mapped[str] = mapped_column(String(200))
    note: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(10))
    created_at: Mapped[datetime]


class Picture(Base):
    """A picture that a customer uploaded. `id` is the capability in its URL.

    The bytes lie in a file of the same name (`bot.crm.pictures.PictureFolder`), written before
    this row is committed. `message_id` is empty until a message uses the picture.
    """

    __tablename__ = "picture"
    __table_args__ = (Index("ix_picture_conversation_id", "conversation_id", "created_at"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversation.id"))
    message_id: Mapped[int | None] = mapped_column(ForeignKey("message.id"), unique=True)
    sha256: Mapped[str] = mapped_column(String(64))
    media_type: Mapped[str] = mapped_column(String(40))
    width: Mapped[int]
    height: Mapped[int]
    byte_size: Mapped[int]
    created_at: Mapped[datetime]


class Satisfaction(Base):
    """The customer's answer to the survey at the end of a conversation; one a conversation."""

    __tablename__ = "satisfaction"
    __table_args__ = (CheckConstraint("score between 1 and 5", name="score_in_range"),)

    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversation.id"), primary_key=True)
    score: Mapped[int]
    expectation: Mapped[str] = mapped_column(String(8), default="")
    again: Mapped[str] = mapped_column(String(8), default="")
    comment: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime]


class StaffUser(Base):
    """A person of the shop. `last_seen_at` tells whether somebody is there."""

    __tablename__ = "staff_user"

    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    role: Mapped[str] = mapped_column(String(20))
    last_seen_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class Product(Base):
    """A product with its facts: feature, advantage, benefit (D-SEL-6)."""

    __tablename__ = "product"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    position: Mapped[int]
    name: Mapped[str] = mapped_column(String(200))
    category: Mapped[str] = mapped_column(String(80))
    aliases: Mapped[list[Any]]
    price_fen: Mapped[int]
    life_years: Mapped[float]
    warranty_months: Mapped[int]
    stock: Mapped[int]
    features: Mapped[list[Any]]
    advantages: Mapped[list[Any]]
    benefits: Mapped[list[Any]]
    related: Mapped[list[Any]]
    compared_with: Mapped[str] = mapped_column(Text, default="")
    valid_until: Mapped[str] = mapped_column(String(10), default="")


class ShopDocument(Base):
    """A validated file of the shop folder: promotions, policies, limits, hours, profile."""

    __tablename__ = "shop_document"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    body: Mapped[dict[str, Any]]
