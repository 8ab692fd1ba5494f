"""Complaint cases with their events and proposals, and tasks for people."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped

from bot.crm.models.base import KEY, PERSONAL, STAFF, Base, column

FINAL = ("closed", "merged")  # as in bot/knowledge/book/case_process.yml
IS_OPEN_SQL = "stage NOT IN ('closed', 'merged')"  # in the words of the partial indexes


class Case(Base):
    """A complaint case. One a source message. `version` makes its ETag."""

    __tablename__ = "complaint_case"
    __table_args__ = tuple(
        Index(name, column, sqlite_where=text(IS_OPEN_SQL), postgresql_where=text(IS_OPEN_SQL))
        for name, column in (
            ("ix_complaint_case_open", "deadline_at"),
            ("ix_complaint_case_watch", "watch_at"),
        )
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
    channel: Mapped[str] = column(
        "where it was heard: `widget`, `phone`, `shop`, `dealer`, `repair_station`, `link`, "
        "`survey` or `other` (D-CMP-10)",
        String(20),
        default="widget",
    )
    stage: Mapped[str] = column(
        "`receipt`, `acknowledgement`, `assessment`, `investigation`, `response`, "
        "`communication`, `closed` or `merged`: `bot/knowledge/book/case_process.yml`",
        String(20),
    )
    causes: Mapped[list[Any]] = column(
        "list of `product`, `service`, `policy`, `dealer`, `communication`, `logistics`, "
        "`unknown` (D-CMP-2); grows"
    )
    severity: Mapped[str] = column("`slight`, `serious` or `bodily`", String(10))
    priority: Mapped[int] = column(
        "0, 1 or 2: how much it goes before others (D-CMP-3, 4, 9, 10)", default=0
    )
    reaction: Mapped[str | None] = column(
        "`resigned`, `reasoning`, `angry`, `grumbling` or `calm`", String(12)
    )
    harm: Mapped[list[Any]] = column("list of `bodily`, `mental`, `economic`: what was heard")
    harm_degrees: Mapped[dict[str, Any]] = column(
        "`none`, `slight` or `serious` by kind of harm, as assessed (D-CMP-4)", default=dict
    )
    crisis: Mapped[bool] = column(
        "whether the customer threatens with authorities, courts or the media"
    )
    outlets: Mapped[dict[str, Any]] = column(
        "`threatened` or `used` by `authority`, `media`, `legal`, `spread` (D-CMP-15)",
        default=dict,
    )
    dealer: Mapped[str | None] = column(
        "the dealer, platform shop or repair station that it is about", String(120)
    )
    product_id: Mapped[str | None] = column("the product in talk when it was opened", String(64))
    wish: Mapped[str | None] = column("what the customer wants", PERSONAL, Text)
    finding: Mapped[str | None] = column("what was found out", PERSONAL, Text)
    decision: Mapped[str | None] = column("`accept`, `partly` or `decline`", String(10))
    is_reasonable: Mapped[bool | None] = column("is the claim reasonable? (D-CMP-5)")
    is_our_duty: Mapped[bool | None] = column("must we solve it?")
    is_possible: Mapped[bool | None] = column("are we able to?")
    how: Mapped[str | None] = column("how it is solved", PERSONAL, Text)
    reason: Mapped[str | None] = column("why it was decided so", PERSONAL, Text)
    decided_by: Mapped[str | None] = column("who decided: a person's code", STAFF, String(80))
    customer_answer: Mapped[str | None] = column(
        "`accepted`, `rejected` or `countered`: their latest answer", String(10)
    )
    recourse: Mapped[list[Any]] = column(
        "where else the customer was told to turn: ids of the process", default=list
    )
    cause_level: Mapped[str | None] = column(
        "`policy`, `system` or `person`: on which level the cause lies (D-CMP-11)", String(10)
    )
    end_reason: Mapped[str | None] = column("why the contact ended", PERSONAL, Text)
    close_reason: Mapped[str | None] = column("why it was closed", PERSONAL, Text)
    follows_id: Mapped[int | None] = column(
        "the earlier case of the same trouble", ForeignKey("complaint_case.id"), index=True
    )
    merged_into_id: Mapped[int | None] = column(
        "the case in which this one goes on", ForeignKey("complaint_case.id"), index=True
    )
    owner: Mapped[str] = column("the team or person who has to see to it", String(80))
    escalation_level: Mapped[int] = column(
        "0 for the front line, else the place in `escalation` of the process", default=0
    )
    overdue_count: Mapped[int] = column(
        "how many times it was escalated for being late, since it was (re)opened", default=0
    )
    deadline_at: Mapped[datetime] = column("until when somebody must have answered")
    solution_due_at: Mapped[datetime | None] = column("until when it is to be solved")
    acknowledged_at: Mapped[datetime | None] = column("when the customer heard that we have it")
    first_answered_at: Mapped[datetime | None] = column("when a person answered first")
    paused_at: Mapped[datetime | None] = column("since when the solution clock stands still")
    resume_by: Mapped[datetime | None] = column("when it runs again by itself")
    told_at: Mapped[datetime | None] = column(
        "when the customer was told the decision and all proposals; empty while one is untold"
    )
    ended_at: Mapped[datetime | None] = column("when the contact was found to have ended")
    resolved_at: Mapped[datetime | None] = column("when the trouble was mended")
    closed_at: Mapped[datetime | None] = column("when it was closed")
    watch_at: Mapped[datetime | None] = column(
        "after which moment the server has to look at it; empty: never"
    )
    opened_at: Mapped[datetime] = column("when it was opened")
    version: Mapped[int] = column("raised by every change; its ETag", default=1)
    updated_at: Mapped[datetime] = column("last change", index=True)


class CaseProposal(Base):
    """What was offered in a case, material or moral, and what the customer said (D-CMP-5, 6)."""

    __tablename__ = "case_proposal"
    __table_args__ = (UniqueConstraint("case_id", "ordinal"),)

    id: Mapped[int] = column("number of the row", primary_key=True, autoincrement=True)
    case_id: Mapped[int] = column("its case", KEY, ForeignKey("complaint_case.id"))
    ordinal: Mapped[int] = column("1, 2, 3 … in the case")
    made_by: Mapped[str] = column("`bot`, or the code of who made it", STAFF, String(80))
    kind: Mapped[str] = column("`material` or `moral`", String(10))
    text: Mapped[str] = column("what is offered", PERSONAL, Text)
    limit_id: Mapped[str] = column("the limit of the shop that it counts against", String(40))
    value_fen: Mapped[int] = column("what it costs the shop")
    approver: Mapped[str] = column(
        "who must approve it: a role of `approvers`; empty: nobody", String(20), default=""
    )
    state: Mapped[str] = column(
        "`waiting` for approval, `refused`, `ready`, `dropped`, `offered`, `accepted`, "
        "`rejected`, `countered` or `done`",
        String(10),
    )
    approved_by: Mapped[str | None] = column("who approved or refused it", STAFF, String(80))
    answer: Mapped[str] = column(
        "the customer's words, or what they want instead", PERSONAL, Text, default=""
    )
    promise_id: Mapped[int | None] = column("by which it is owed", ForeignKey("promise.id"))
    created_at: Mapped[datetime] = column("when")
    updated_at: Mapped[datetime] = column("last change")


class CaseAlarm(Base):
    """That a case is grave was told outside the page, once a kind of gravity (D-CMP-4, 9)."""

    __tablename__ = "case_alarm"

    case_id: Mapped[int] = column("the case", ForeignKey("complaint_case.id"), primary_key=True)
    gravity: Mapped[str] = column("`harm` or `threat`", String(10), primary_key=True)
    said_at: Mapped[datetime] = column("when the customer said it, or a person noted it")
    raised_at: Mapped[datetime] = column("when it was written into the outbox")
    sent_at: Mapped[datetime | None] = column("when the first receiver, a webhook or mail, took it")


class CaseEvent(Base):
    """What happened to a case, append-only, in order."""

    __tablename__ = "case_event"

    case_id: Mapped[int] = column(
        "its case", KEY, ForeignKey("complaint_case.id"), primary_key=True
    )
    ordinal: Mapped[int] = column("1, 2, 3 … in the case", primary_key=True)
    actor: Mapped[str] = column("`bot`, `customer`, `server` or a person's code", String(80))
    verb: Mapped[str] = column(
        "`opened`, `customer_said`, `asked_beside`, or the verb of a move in "
        "`bot/knowledge/book/case_process.yml`",
        String(40),
    )
    message_id: Mapped[int | None] = column("the message it rests on", ForeignKey("message.id"))
    body: Mapped[dict[str, Any]] = column("more about it: what the move said", PERSONAL)
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
        "the person or role that does it; empty: anybody", STAFF, String(80), default=""
    )
    state: Mapped[str] = column("`open`, `done` or `dropped`", String(10), default="open")
    result: Mapped[str] = column("what came of it", PERSONAL, Text, default="")
    version: Mapped[int] = column("raised by every change; its ETag", default=1)
    created_at: Mapped[datetime] = column("when")
    updated_at: Mapped[datetime] = column("last change")
