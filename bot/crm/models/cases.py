"""Complaint cases with their events, and tasks for people."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped

from bot.crm.models.base import KEY, PERSONAL, STAFF, Base, column


class Case(Base):
    """A complaint case. One a source message. `version` makes its ETag."""

    __tablename__ = "complaint_case"
    __table_args__ = (
        Index(
            "ix_complaint_case_open",
            "deadline_at",
            sqlite_where=text("stage != 'closed'"),
            postgresql_where=text("stage != 'closed'"),
        ),
    )

    id: Mapped[int] = column("number of the row", primary_key=True, autoincrement=True)
    number: Mapped[str] = column(
        "what the customer is told, `P261122-BHF4A9-8`: date, code, check character",
        KEY,
        String(24),
        unique=True,
    )
    conversation_id: Mapped[str] = column(
        "its conversation", KEY, ForeignKey("conversation.id"), index=True
    )
    customer_id: Mapped[int | None] = column(
        "whose it is", KEY, ForeignKey("customer.id"), index=True
    )
    source_message_id: Mapped[int] = column(
        "the message that opened it", ForeignKey("message.id"), unique=True
    )
    stage: Mapped[str] = column(
        "`receipt`; `closed` is known, but nothing closes a case yet", String(20)
    )
    causes: Mapped[list[Any]] = column(
        "list of `product`, `service`, `logistics`, `policy`, `communication`, `unknown`; grows"
    )
    severity: Mapped[str] = column("`slight`, `serious` or `bodily`", String(10))
    reaction: Mapped[str | None] = column(
        "`resigned`, `reasoning`, `angry`, `grumbling` or `calm`", String(12)
    )
    harm: Mapped[list[Any]] = column("list of `bodily`, `mental`, `economic`")
    crisis: Mapped[bool] = column(
        "whether the customer threatens with authorities, courts or the media"
    )
    product_id: Mapped[str | None] = column("the product in talk when it was opened", String(64))
    owner: Mapped[str] = column("the team or person who has to see to it", String(80))
    deadline_at: Mapped[datetime] = column("until when somebody must have answered")
    opened_at: Mapped[datetime] = column("when it was opened")
    version: Mapped[int] = column("raised by every change; its ETag", default=1)
    updated_at: Mapped[datetime] = column("last change", index=True)


class CaseEvent(Base):
    """What happened to a case, append-only, in order."""

    __tablename__ = "case_event"

    case_id: Mapped[int] = column(
        "its case", KEY, ForeignKey("complaint_case.id"), primary_key=True
    )
    ordinal: Mapped[int] = column("1, 2, 3 … in the case", primary_key=True)
    actor: Mapped[str] = column("`bot`, `customer`, `server` or a person's code", String(80))
    verb: Mapped[str] = column(
        "`opened`, `customer_said`, `asked_beside`, `assigned`, `noted` or `overdue`", String(40)
    )
    message_id: Mapped[int | None] = column("the message it rests on", ForeignKey("message.id"))
    body: Mapped[dict[str, Any]] = column("more about it: the note, the new owner", PERSONAL)
    created_at: Mapped[datetime] = column("when")


class CaseText(Base):
    """What was said in a case, as search tokens (`bot.language.search_tokens`).

    The full-text index over it is FTS5 on SQLite, a generated `tsvector` with GIN on PostgreSQL;
    both are made by the migration and kept by the database itself.
    """

    __tablename__ = "case_text"

    case_id: Mapped[int] = column(
        "its case", KEY, ForeignKey("complaint_case.id"), primary_key=True
    )
    tokens: Mapped[str] = column("the words of the customer as search tokens", PERSONAL, Text)


class Task(Base):
    """Something a person has to do: a call-back, an aftercare call, a silent customer.

    `origin` makes a scheduler's task one: it names the rule and what it is about.
    """

    __tablename__ = "task"
    __table_args__ = (
        Index(
            "ix_task_open",
            "due_at",
            sqlite_where=text("state = 'open'"),
            postgresql_where=text("state = 'open'"),
        ),
    )

    id: Mapped[int] = column("number of the row", primary_key=True, autoincrement=True)
    turn_id: Mapped[int | None] = column(
        "the turn that made it", ForeignKey("turn.id"), unique=True
    )
    conversation_id: Mapped[str | None] = column(
        "its conversation", KEY, ForeignKey("conversation.id"), index=True
    )
    customer_id: Mapped[int | None] = column(
        "whom it is about", KEY, ForeignKey("customer.id"), index=True
    )
    order_id: Mapped[int | None] = column("the order it is about", ForeignKey("shop_order.id"))
    case_id: Mapped[int | None] = column("the case it is about", ForeignKey("complaint_case.id"))
    origin: Mapped[str | None] = column(
        "rule and subject of a scheduler's task; unique", String(160), unique=True
    )
    kind: Mapped[str] = column(
        "`call_back`, `reminder`, another kind of promise, or that of its aftercare rule",
        String(40),
    )
    contact: Mapped[str] = column("the phone number", PERSONAL, String(200), default="")
    due: Mapped[str] = column(
        "when, in the customer's own words", PERSONAL, String(200), default=""
    )
    due_at: Mapped[datetime | None] = column("until when")
    note: Mapped[str] = column("title and script", PERSONAL, Text, default="")
    owner: Mapped[str] = column(
        "the person who does it; empty: anybody", STAFF, String(80), default=""
    )
    state: Mapped[str] = column("`open`, `done` or `dropped`", String(10), default="open")
    result: Mapped[str] = column("what came of it", PERSONAL, Text, default="")
    version: Mapped[int] = column("raised by every change; its ETag", default=1)
    created_at: Mapped[datetime] = column("when")
    updated_at: Mapped[datetime] = column("last change")
