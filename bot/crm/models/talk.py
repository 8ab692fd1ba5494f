"""Conversations: everything said, the turns of the bot, buttons, pictures, the survey."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped

from bot.crm.models.base import KEY, PERSONAL, SECRET, STAFF, Base, column


class Conversation(Base):
    """A talk with one visitor. `version` guards T2; `next_seq` numbers its events."""

    __tablename__ = "conversation"
    __table_args__ = (
        CheckConstraint("owner in ('bot', 'queue', 'agent')", name="owner_known"),
        Index(
            "ix_conversation_waiting",
            "owner",
            "queued_at",
            "id",
            sqlite_where=text("owner != 'bot'"),
            postgresql_where=text("owner != 'bot'"),
        ),
    )

    id: Mapped[str] = column(
        "96 random bits as hexadecimal digits; names a person's talk",
        KEY,
        String(32),
        primary_key=True,
    )
    token_hash: Mapped[str] = column("SHA-256 of the token that opens it", SECRET, String(64))
    channel: Mapped[str] = column(
        "`web`, `terminal`, `developer`, or where a complaint was heard: `phone`, `shop` …",
        String(20),
    )
    owner: Mapped[str] = column(
        "who may answer: `bot`, `queue` or `agent`", String(8), default="bot"
    )
    agent_name: Mapped[str | None] = column("the person who has it", STAFF, String(80))
    queued_at: Mapped[datetime | None] = column("since when it waits for a person")
    version: Mapped[int] = column(
        "raised by T2 and by every change of owner; T2's guard", default=1
    )
    next_seq: Mapped[int] = column("the number the next message gets", default=1)
    turn_count: Mapped[int] = column("turns so far", default=0)
    snapshot: Mapped[str | None] = column(
        "Rasa's tracker as JSON: slots, active form, the last four turns with their texts",
        PERSONAL,
        Text,
    )
    product_id: Mapped[str | None] = column("the product in talk", String(64))
    contact_refused_at: Mapped[datetime | None] = column(
        "when the customer wanted no more offers", PERSONAL
    )
    identity_sub: Mapped[str | None] = column(
        "the shop's id of the customer who is logged in there; empty for a visitor",
        PERSONAL,
        String(128),
    )
    page: Mapped[str | None] = column(
        "the page of the shop from which the customer writes", PERSONAL, String(500)
    )
    customer_id: Mapped[int | None] = column(
        "who talks", KEY, ForeignKey("customer.id"), index=True
    )
    cart: Mapped[list[Any] | None] = column(
        "what lies in the customer's cart, as the page said", PERSONAL
    )
    ended_at: Mapped[datetime | None] = column("when the customer ended the talk")
    created_at: Mapped[datetime] = column("start")
    updated_at: Mapped[datetime] = column("last change of version")


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

    id: Mapped[int] = column(
        "number of the row; case numbers and random draws derive from it",
        primary_key=True,
        autoincrement=True,
    )
    conversation_id: Mapped[str] = column("its conversation", KEY, ForeignKey("conversation.id"))
    seq: Mapped[int] = column("place in the conversation, from 1 without a gap")
    sender: Mapped[str] = column("`customer`, `bot`, `agent` or `system`", String(8))
    sender_name: Mapped[str | None] = column("the person who answered", STAFF, String(80))
    client_id: Mapped[str | None] = column(
        "the client's own id of a customer's message; unique in the conversation",
        PERSONAL,
        String(64),
    )
    content_hash: Mapped[str | None] = column(
        "SHA-256 of text and button, by which a repeated id is told from a conflicting one",
        PERSONAL,
        String(64),
    )
    text: Mapped[str] = column("what was said", PERSONAL, Text)
    option_id: Mapped[str | None] = column(
        "the button that was pressed, or whose label or alias was typed", String(40)
    )
    state: Mapped[str] = column(
        "of a customer's message: `pending`, `held`, `done`, `failed`, `history`; of others `sent`",
        String(8),
    )
    attempts: Mapped[int] = column(
        "how often the engine was asked about it; given up at 2", default=0
    )
    turn_id: Mapped[int | None] = column(
        "the turn that covers this customer's message", ForeignKey("turn.id"), index=True
    )
    reply_to_turn_id: Mapped[int | None] = column(
        "the turn that this reply belongs to", ForeignKey("turn.id")
    )
    ordinal: Mapped[int | None] = column("place among that turn's replies, from 0")
    response: Mapped[str | None] = column(
        "the response name (`utter_…`) of a reply or announcement", String(80)
    )
    wording: Mapped[str | None] = column("id of the book's wording that was said", String(80))
    analysis: Mapped[dict[str, Any] | None] = column(
        "how it was understood: intent, ranking, also, entities, reaction, harm, refusal, concepts",
        PERSONAL,
    )
    extras: Mapped[dict[str, Any] | None] = column(
        "what is shown beside the text: a card, a picture, the privacy line", PERSONAL
    )
    created_at: Mapped[datetime] = column("when it was stored")


class Turn(Base):
    """One turn of the bot: the messages it covers, its steps and its reasons."""

    __tablename__ = "turn"
    __table_args__ = (UniqueConstraint("conversation_id", "number"),)

    id: Mapped[int] = column("number of the row", primary_key=True, autoincrement=True)
    conversation_id: Mapped[str] = column("its conversation", KEY, ForeignKey("conversation.id"))
    number: Mapped[int] = column("1, 2, 3 … in the conversation")
    kind: Mapped[str] = column(
        "`bot`; `failed`: given up; `developer`: an action run by Rasa's own action server",
        String(10),
    )
    first_seq: Mapped[int] = column("first message it covers")
    last_seq: Mapped[int] = column("last message it covers")
    steps: Mapped[list[Any]] = column(
        "list of executed actions, each with policy, rule or story names, confidence"
    )
    reasons: Mapped[list[Any]] = column(
        "why: kind, belief and evidence, technique and its rivals, facts, case", PERSONAL
    )
    model_id: Mapped[str] = column("id of the model that computed it", String(64), default="")
    created_at: Mapped[datetime] = column("when it was applied")


class OfferedOption(Base):
    """A button that was shown; its meaning is looked up here, never taken from the client."""

    __tablename__ = "offered_option"

    conversation_id: Mapped[str] = column(
        "where it was shown", KEY, ForeignKey("conversation.id"), primary_key=True
    )
    option_id: Mapped[str] = column(
        "message's id and place, `17-0`; what the client sends back", String(40), primary_key=True
    )
    message_id: Mapped[int] = column("the reply that offered it", ForeignKey("message.id"))
    label: Mapped[str] = column("its text", String(80))
    meaning: Mapped[dict[str, Any]] = column("intent, entities and operation it stands for")
    aliases: Mapped[list[Any]] = column("what may be typed instead")


class Picture(Base):
    """A picture that a customer uploaded. `id` is the capability in its URL.

    The bytes lie in a file of the same name (`bot.crm.pictures.PictureFolder`), written before
    this row is committed. `message_id` is empty until a message uses the picture.
    """

    __tablename__ = "picture"
    __table_args__ = (Index("ix_picture_conversation_id", "conversation_id", "created_at"),)

    id: Mapped[str] = column(
        "128 random bits as hexadecimal digits; whoever has it can see the picture",
        SECRET,
        String(32),
        primary_key=True,
    )
    conversation_id: Mapped[str] = column(
        "where it was uploaded", KEY, ForeignKey("conversation.id")
    )
    message_id: Mapped[int | None] = column(
        "the message that uses it; empty until there is one", ForeignKey("message.id"), unique=True
    )
    sha256: Mapped[str] = column("SHA-256 of the file", PERSONAL, String(64))
    media_type: Mapped[str] = column(
        "`image/jpeg`, or `image/webp` if it has transparent parts", String(40)
    )
    width: Mapped[int] = column("pixels")
    height: Mapped[int] = column("pixels")
    byte_size: Mapped[int] = column("bytes of the file")
    created_at: Mapped[datetime] = column("when it was uploaded")


class Satisfaction(Base):
    """The customer's answer to the survey at the end of a conversation; one a conversation."""

    __tablename__ = "satisfaction"
    __table_args__ = (CheckConstraint("score between 1 and 5", name="score_in_range"),)

    conversation_id: Mapped[str] = column(
        "its conversation", KEY, ForeignKey("conversation.id"), primary_key=True
    )
    score: Mapped[int] = column("1 (bad) to 5 (good)")
    expectation: Mapped[str] = column(
        "compared with what was expected: `worse`, `as`, `better` or empty", String(8), default=""
    )
    again: Mapped[str] = column(
        "would the customer come again: `yes`, `no` or empty", String(8), default=""
    )
    comment: Mapped[str] = column("in the customer's own words", PERSONAL, Text, default="")
    created_at: Mapped[datetime] = column("when")
