"""What bot and staff have promised, and what became of it (D-CUS-11)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped

from bot.crm.models.base import KEY, PERSONAL, STAFF, Base, column


class Promise(Base):
    """One promise. `renewal` tells the one that came in place of a broken one from that."""

    __tablename__ = "promise"
    __table_args__ = (
        UniqueConstraint("turn_id", "kind", "ordinal", "renewal"),
        Index("ix_promise_message", "message_id", "kind", unique=True),
        Index(
            "ix_promise_open",
            "broken_after",
            sqlite_where=text("state = 'open'"),
            postgresql_where=text("state = 'open'"),
        ),
    )

    id: Mapped[int] = column(
        "number of the row; by it staff name the promise", primary_key=True, autoincrement=True
    )
    conversation_id: Mapped[str] = column(
        "where it was made", KEY, ForeignKey("conversation.id"), index=True
    )
    customer_id: Mapped[int | None] = column(
        "to whom it was made", KEY, ForeignKey("customer.id"), index=True
    )
    case_id: Mapped[int | None] = column("the case it is about", ForeignKey("complaint_case.id"))
    turn_id: Mapped[int | None] = column(
        "the turn in which the bot made it; empty if a person did", ForeignKey("turn.id")
    )
    message_id: Mapped[int | None] = column(
        "the message that says it, where it was found in a text", ForeignKey("message.id")
    )
    evidence: Mapped[list[Any]] = column(
        "first character of it in that message, and the one after the last", default=list
    )
    kind: Mapped[str] = column("id in `bot/knowledge/book/promises.yml`", String(40))
    ordinal: Mapped[int] = column("place among the turn's promises of this kind, from 0", default=0)
    renewal: Mapped[int] = column(
        "0, or 1 for the one in place of a broken one of the same turn, kind and ordinal",
        default=0,
    )
    made_by: Mapped[str] = column("`bot`, or the person who made it", STAFF, String(80))
    about: Mapped[str] = column(
        "the subject, such as `policy.delivery`; nobody promises the same twice",
        String(80),
        default="",
    )
    text: Mapped[str] = column("what is owed: the customer's question, or as said", PERSONAL, Text)
    owner: Mapped[str] = column(
        "who must keep it: a role, a team, a person, or `bot`", STAFF, String(80)
    )
    due_at: Mapped[datetime] = column("until when it is kept in time")
    remind_at: Mapped[datetime | None] = column(
        "when the owner is reminded; empty once done, or if nobody is"
    )
    broken_after: Mapped[datetime] = column("from when on it is not late any more, but broken")
    state: Mapped[str] = column(
        "`open`, `kept`, `late`, `broken` or `withdrawn`", String(10), default="open"
    )
    kept_at: Mapped[datetime | None] = column("when it was kept, though it be broken by then")
    why: Mapped[str] = column("why it was withdrawn", PERSONAL, Text, default="")
    task_id: Mapped[int | None] = column("the owner's task", ForeignKey("task.id"), index=True)
    version: Mapped[int] = column("raised by every change; its ETag", default=1)
    created_at: Mapped[datetime] = column("when it was made")
    updated_at: Mapped[datetime] = column("last change")
