"""Effects outside of the database: webhooks; and what the server counts and does by the clock."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped

from bot.crm.models.base import SECRET, Base, column


class OutboxEvent(Base):
    """Something to tell the outside, written in the transaction that made it true."""

    __tablename__ = "outbox_event"

    id: Mapped[int] = column("number of the row", primary_key=True, autoincrement=True)
    key: Mapped[str] = column("what it is about, once: `case.overdue:17`", String(80), unique=True)
    kind: Mapped[str] = column("such as `case.opened` (docs/webhooks.md)", String(20))
    body: Mapped[dict[str, Any]] = column("ids and states, never words")
    created_at: Mapped[datetime] = column("when it became true")


class Webhook(Base):
    """Where events are sent to."""

    __tablename__ = "webhook"

    id: Mapped[int] = column("number of the row", primary_key=True, autoincrement=True)
    url: Mapped[str] = column("address", String(500))
    secret: Mapped[str] = column("signs what is sent (Standard Webhooks)", SECRET, String(80))
    events: Mapped[list[Any]] = column("kinds of events wanted")
    disabled_at: Mapped[datetime | None] = column("since when nothing is sent")
    created_at: Mapped[datetime] = column("when it was added")


class WebhookDelivery(Base):
    """An event on its way to one webhook; tried until delivered or given up."""

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        Index(
            "ix_webhook_delivery_waiting",
            "next_at",
            sqlite_where=text("state = 'waiting'"),
            postgresql_where=text("state = 'waiting'"),
        ),
    )

    event_id: Mapped[int] = column("what", ForeignKey("outbox_event.id"), primary_key=True)
    webhook_id: Mapped[int] = column("where to", ForeignKey("webhook.id"), primary_key=True)
    state: Mapped[str] = column("`waiting`, `delivered` or `given_up`", String(10))
    attempts: Mapped[int] = column("tries so far", default=0)
    next_at: Mapped[datetime] = column("when it is tried next")
    answer: Mapped[str] = column("status or error of the last try", String(200), default="")
    updated_at: Mapped[datetime] = column("last try")


class DayCount(Base):
    """A figure of the dashboard, counted in the transaction that changes it."""

    __tablename__ = "day_count"

    day: Mapped[str] = column(
        "day in the shop's time zone, `2026-11-22`", String(10), primary_key=True
    )
    metric: Mapped[str] = column("what is counted (`bot.crm.counts`)", String(40), primary_key=True)
    value: Mapped[int] = column("how many, or the sum")


class JobRun(Base):
    """When a job of the scheduler ran last."""

    __tablename__ = "job_run"

    name: Mapped[str] = column("job", String(40), primary_key=True)
    ran_at: Mapped[datetime] = column("when")
