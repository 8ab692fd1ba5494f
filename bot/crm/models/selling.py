"""The objection ledger, the techniques used, and what was conceded."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    Float,
    ForeignKey,
    Index,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped

from bot.crm.models.base import KEY, PERSONAL, Base, column


class Objection(Base):
    """A ledger entry: one objection with its state and the belief about its truth."""

    __tablename__ = "objection"
    __table_args__ = (UniqueConstraint("conversation_id", "number"),)

    id: Mapped[int] = column("number of the row", primary_key=True, autoincrement=True)
    conversation_id: Mapped[str] = column("its conversation", KEY, ForeignKey("conversation.id"))
    number: Mapped[int] = column("1, 2, 3 … in the conversation")
    kind: Mapped[str] = column(
        "`need`, `price`, `authority`, `service`, `excuse` … (D-OBJ-1)",
        String(12),
    )
    state: Mapped[str] = column(
        "`open`, `probed`, `answered`, `settled`, `reopened` or `left`", String(10)
    )
    belief_true: Mapped[float] = column("share of belief that it is meant as said", Float)
    belief_false: Mapped[float] = column("… that it is a dodge", Float)
    belief_unseen: Mapped[float] = column(
        "part of `belief_false`: a need that the customer does not see", Float, default=0.0
    )
    belief_hidden: Mapped[float] = column("… that it covers another one", Float)
    truth: Mapped[str] = column(
        "the label: `unclear`, `true`, `false`, `unseen` (false, too) or `hidden`", String(8)
    )
    evidence: Mapped[list[Any]] = column(
        "the evidence behind the belief: name, message, likelihoods"
    )
    feedback: Mapped[str | None] = column("kind of negative feedback (D-OBJ-8)", String(20))
    reason: Mapped[str] = column("the customer's own words for it", PERSONAL, Text, default="")
    until: Mapped[str] = column("what would change their mind", PERSONAL, Text, default="")
    source_message_id: Mapped[int] = column("the message that raised it", ForeignKey("message.id"))
    day: Mapped[str] = column("the day proposed for a reminder, or ''", String(10), default="")
    linked_to: Mapped[int | None] = column("number of the objection that it was a pretext for")
    created_at: Mapped[datetime] = column("when it was raised")
    updated_at: Mapped[datetime] = column("last move")


class TechniqueUse(Base):
    """One use of a technique on one objection, and what came of it."""

    __tablename__ = "technique_use"
    __table_args__ = (
        Index(
            "ix_technique_use_awaiting",
            "turn_id",
            sqlite_where=text("outcome IS NULL"),
            postgresql_where=text("outcome IS NULL"),
        ),
    )

    turn_id: Mapped[int] = column("the turn that used it", ForeignKey("turn.id"), primary_key=True)
    objection_id: Mapped[int] = column(
        "the objection it answered", ForeignKey("objection.id"), index=True
    )
    technique: Mapped[str] = column("id in `bot/knowledge/book/techniques.yml`", String(40))
    alternatives: Mapped[list[Any]] = column("ids of the techniques that were possible, too")
    kind: Mapped[str] = column("of the objection, when it was used", String(12))
    truth: Mapped[str] = column(
        "of its cell: `true`, `false`, `hidden`, or `unclear` for the kind as a whole", String(8)
    )
    style: Mapped[str] = column(
        "the customer's style (D-CUS-2), or ''", PERSONAL, String(12), default=""
    )
    policy: Mapped[str] = column(
        "why this one: `prior`, `learned`, `explored`, `pinned`, or `rule` for a step that has one",
        String(8),
    )
    propensity: Mapped[float | None] = column(
        "chance with which it was to be chosen; empty where nothing was", Float
    )
    ranked: Mapped[list[Any]] = column(
        "all that could have been used, best first: fit, factor, score, propensity"
    )
    outcome: Mapped[str | None] = column(
        "`settled`, `moved_forward`, `repeated`, `left` or `complained`; empty while not known",
        String(13),
    )
    outcome_at: Mapped[datetime | None] = column("when it became known")
    created_at: Mapped[datetime] = column("when")


class TechniqueCount(Base):
    """What came of a technique in a cell and a quarter; counted when an outcome is written."""

    __tablename__ = "technique_count"

    kind: Mapped[str] = column("of the objection", String(12), primary_key=True)
    truth: Mapped[str] = column("as in `technique_use`", String(8), primary_key=True)
    technique: Mapped[str] = column("its id", String(40), primary_key=True)
    quarter: Mapped[str] = column(
        "such as `2026-Q4`, by the shop's day", String(7), primary_key=True
    )
    successes: Mapped[int] = column("`settled` and `moved_forward`")
    failures: Mapped[int] = column("all other outcomes")


class TechniqueSetting(Base):
    """What the shop has decided for a technique in a cell."""

    __tablename__ = "technique_setting"

    kind: Mapped[str] = column("of the objection", String(12), primary_key=True)
    truth: Mapped[str] = column("as in `technique_use`", String(8), primary_key=True)
    technique: Mapped[str] = column("its id", String(40), primary_key=True)
    mode: Mapped[str] = column("`pin`: used whenever it may be; `ban`: never", String(3))
    set_by: Mapped[str] = column("who decided: a person's code, or `cli`", String(40))
    set_at: Mapped[datetime] = column("when")


class GrantedConcession(Base):
    """Something the assistant gave way on: within a limit, once a conversation (D-OBJ-9)."""

    __tablename__ = "granted_concession"
    __table_args__ = (UniqueConstraint("conversation_id", "concession"),)

    turn_id: Mapped[int] = column(
        "the turn that offered it", ForeignKey("turn.id"), primary_key=True
    )
    conversation_id: Mapped[str] = column("its conversation", KEY, ForeignKey("conversation.id"))
    customer_id: Mapped[int | None] = column(
        "the customer, where known: limits count a customer and day",
        ForeignKey("customer.id"),
        index=True,
    )
    concession: Mapped[str] = column("id in the shop's `selling.yml`", String(64))
    limit_id: Mapped[str] = column("id in the shop's `limits.yml` it counts against", String(64))
    value_fen: Mapped[int] = column("what it costs the shop, in fen")
    created_at: Mapped[datetime] = column("when it was offered")
