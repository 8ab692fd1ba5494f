"""The objection ledger and the techniques used."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    Float,
    ForeignKey,
    String,
    Text,
    UniqueConstraint,
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
    linked_to: Mapped[int | None] = column("number of the objection that it was a pretext for")
    created_at: Mapped[datetime] = column("when it was raised")
    updated_at: Mapped[datetime] = column("last move")


class TechniqueUse(Base):
    """One use of a technique on one objection."""

    __tablename__ = "technique_use"

    turn_id: Mapped[int] = column("the turn that used it", ForeignKey("turn.id"), primary_key=True)
    objection_id: Mapped[int] = column(
        "the objection it answered", ForeignKey("objection.id"), index=True
    )
    technique: Mapped[str] = column("id in `bot/knowledge/book/techniques.yml`", String(40))
    alternatives: Mapped[list[Any]] = column("ids of the techniques that were possible, too")
    created_at: Mapped[datetime] = column("when")
