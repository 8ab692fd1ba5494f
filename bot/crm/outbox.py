"""Events for the outside and their deliveries to webhooks (design decision 1).

An event is written in the transaction that makes it true, with one delivery for each webhook that
wants it; a sender works them off afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    delete,
    exists,
    func,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.orm import Session

from bot.crm.models import OutboxEvent, Webhook, WebhookDelivery
from bot.crm.rows import record_of
from bot.errors import NotFoundError


@dataclass(frozen=True)
class WebhookRecord:
    """Where events are sent to, without the secret."""

    id: int
    url: str
    events: list[str]
    disabled_at: datetime | None
    created_at: datetime


@dataclass(frozen=True)
class Delivery:
    """An event to send now. `attempts` tells tries apart."""

    event_id: int
    key: str
    webhook_id: int
    kind: str
    body: dict[str, Any]
    created_at: datetime
    url: str
    secret: str
    attempts: int


@dataclass(frozen=True)
class DeliveryRecord:
    """How a delivery stands."""

    event_id: int
    webhook_id: int
    state: str
    attempts: int
    next_at: datetime
    answer: str
    updated_at: datetime


class OutboxRepository:
    """Reads and writes of one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, key: str, kind: str, body: dict[str, Any], now: datetime) -> None:
        """Write an event once a key, and a delivery for each webhook that wants it."""
        known = self._session.execute(select(OutboxEvent.id).where(OutboxEvent.key == key)).first()
        if known is not None:
            return
        event = OutboxEvent(key=key, kind=kind, body=body, created_at=now)
        self._session.add(event)
        self._session.flush()
        hooks = self._session.execute(select(Webhook).where(Webhook.disabled_at.is_(None)))
        for hook in hooks.scalars():
            if kind in hook.events:
                self._session.add(
                    WebhookDelivery(
                        event_id=event.id,
                        webhook_id=hook.id,
                        state="waiting",
                        next_at=now,
                        updated_at=now,
                    )
                )
        self._session.flush()

    def due_webhooks(self, now: datetime) -> list[int]:
        """Return the webhooks for which something is due."""
        rows = self._session.execute(
            select(WebhookDelivery.webhook_id)
            .join(Webhook, Webhook.id == WebhookDelivery.webhook_id)
            .where(_is_due(now))
            .distinct()
            .order_by(WebhookDelivery.webhook_id)
        )
        return list(rows.scalars())

    def take(
        self, now: datetime, lease: timedelta, limit: int = 20, *, webhook_id: int | None = None
    ) -> list[Delivery]:
        """Return deliveries that are due, and put their next try off by `lease`.

        Whoever dies with them in hand loses none: they are due again after the lease. Two senders
        never take the same one at once (`SKIP LOCKED` on PostgreSQL, one writer on SQLite).

        Args:
            webhook_id: only those to this webhook; None for all.
        """
        statement = (
            select(WebhookDelivery, OutboxEvent, Webhook)
            .join(OutboxEvent, OutboxEvent.id == WebhookDelivery.event_id)
            .join(Webhook, Webhook.id == WebhookDelivery.webhook_id)
            .where(_is_due(now))
        )
        if webhook_id is not None:
            statement = statement.where(WebhookDelivery.webhook_id == webhook_id)
        rows = self._session.execute(
            statement.order_by(WebhookDelivery.next_at, WebhookDelivery.event_id)
            .limit(limit)
            .with_for_update(skip_locked=True, of=WebhookDelivery)
        ).all()
        for delivery, _, _ in rows:
            delivery.attempts += 1
            delivery.next_at = now + lease
        self._session.flush()
        return [_in_hand(*row) for row in rows]

    def settle(
        self, taken: Delivery, *, state: str, answer: str, next_at: datetime, now: datetime
    ) -> None:
        """Say what came of a try, unless the lease ran out and another try began meanwhile."""
        self._session.execute(
            update(WebhookDelivery)
            .where(
                WebhookDelivery.event_id == taken.event_id,
                WebhookDelivery.webhook_id == taken.webhook_id,
                WebhookDelivery.attempts == taken.attempts,
            )
            .values(state=state, answer=answer[:200], next_at=next_at, updated_at=now)
        )

    def replay(self, webhook_id: int, since: datetime, now: datetime) -> int:
        """Send everything since `since` again; return how many events that are.

        Raises:
            NotFoundError: there is no such webhook.
        """
        hook = self._hook(webhook_id)
        wanted = and_(OutboxEvent.created_at >= since, OutboxEvent.kind.in_(hook.events))
        again = {"state": "waiting", "attempts": 0, "next_at": now, "updated_at": now}
        is_of_hook = WebhookDelivery.webhook_id == webhook_id
        self._session.execute(
            update(WebhookDelivery)
            .where(is_of_hook, WebhookDelivery.event_id.in_(select(OutboxEvent.id).where(wanted)))
            .values(**again)
            .execution_options(synchronize_session=False)
        )
        missing: Select[Any] = select(
            OutboxEvent.id,
            literal(webhook_id),
            literal(""),
            *(
                literal(value, WebhookDelivery.__table__.c[name].type)
                for name, value in again.items()
            ),
        ).where(wanted, ~exists().where(is_of_hook, WebhookDelivery.event_id == OutboxEvent.id))
        columns = ["event_id", "webhook_id", "answer", *again]
        self._session.execute(
            insert(WebhookDelivery).from_select(columns, missing, include_defaults=False)
        )
        return self._session.execute(select(func.count(OutboxEvent.id)).where(wanted)).scalar_one()

    def remove_settled(self, before: datetime, limit: int) -> int:
        """Delete events older than `before` that nobody waits for; return how many."""
        waits = exists().where(
            WebhookDelivery.event_id == OutboxEvent.id,
            WebhookDelivery.state == "waiting",
            Webhook.id == WebhookDelivery.webhook_id,
            Webhook.disabled_at.is_(None),
        )
        ids = list(
            self._session.execute(
                select(OutboxEvent.id).where(OutboxEvent.created_at < before, ~waits).limit(limit)
            ).scalars()
        )
        of_these = WebhookDelivery.event_id.in_(ids)
        self._session.execute(delete(WebhookDelivery).where(of_these))
        self._session.execute(delete(OutboxEvent).where(OutboxEvent.id.in_(ids)))
        return len(ids)

    def add_webhook(self, url: str, secret: str, events: list[str], now: datetime) -> int:
        """Store where events are sent to; return its id."""
        row = Webhook(url=url, secret=secret, events=events, created_at=now)
        self._session.add(row)
        self._session.flush()
        return row.id

    def disable_webhook(self, webhook_id: int, now: datetime) -> None:
        """Send nothing there any more; what waits is given up.

        Raises:
            NotFoundError: there is no such webhook.
        """
        self._hook(webhook_id).disabled_at = now
        self._session.flush()
        self._session.execute(
            update(WebhookDelivery)
            .where(WebhookDelivery.webhook_id == webhook_id, WebhookDelivery.state == "waiting")
            .values(state="given_up", updated_at=now)
        )

    def webhook(self, webhook_id: int) -> WebhookRecord:
        """Return one webhook.

        Raises:
            NotFoundError: there is no such webhook.
        """
        return record_of(WebhookRecord, self._hook(webhook_id))

    def webhooks(self) -> list[WebhookRecord]:
        """Return all webhooks, oldest first."""
        rows = self._session.execute(select(Webhook).order_by(Webhook.id)).scalars()
        return [record_of(WebhookRecord, row) for row in rows]

    def deliveries(self, webhook_id: int, limit: int = 50) -> list[DeliveryRecord]:
        """Return the newest deliveries to a webhook."""
        rows = self._session.execute(
            select(WebhookDelivery)
            .where(WebhookDelivery.webhook_id == webhook_id)
            .order_by(WebhookDelivery.event_id.desc())
            .limit(limit)
        ).scalars()
        return [record_of(DeliveryRecord, row) for row in rows]

    def _hook(self, webhook_id: int) -> Webhook:
        row = self._session.get(Webhook, webhook_id)
        if row is None:
            raise NotFoundError(f"there is no webhook {webhook_id}")
        return row


def _is_due(now: datetime) -> ColumnElement[bool]:
    return and_(
        WebhookDelivery.state == "waiting",
        WebhookDelivery.next_at <= now,
        Webhook.disabled_at.is_(None),
    )


def _in_hand(delivery: WebhookDelivery, event: OutboxEvent, hook: Webhook) -> Delivery:
    return Delivery(
        event_id=event.id,
        key=event.key,
        webhook_id=hook.id,
        kind=event.kind,
        body=event.body,
        created_at=event.created_at,
        url=hook.url,
        secret=hook.secret,
        attempts=delivery.attempts,
    )
