"""Webhooks as operators work with them: added, listed, removed, replayed.

What is sent follows the Standard Webhooks specification; `bot.services.webhook_sender` sends it.
One target is mail: it stands in the same list, takes alarms alone, and goes with the settings.
"""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from bot.crm.outbox import DeliveryRecord, WebhookRecord
from bot.crm.unit_of_work import UnitOfWork
from bot.errors import UsageError
from bot.services import case_events, promises

EVENTS = (*case_events.EVENTS, *promises.EVENTS)
MAX_URL_CHARS = 500
MAX_WEBHOOKS = 20  # every event writes a row for each of them
SECRET_BYTES = 32
MAIL = "mailto:PRELUDE_ALARM_TO"  # the one target that is mail; the addresses stay in the settings


@dataclass(frozen=True)
class NewWebhook:
    """A webhook that was added; its secret is shown this once."""

    id: int
    secret: str


def add_webhook(
    uow: UnitOfWork, url: str, events: list[str], *, actor: str, now: datetime
) -> NewWebhook:
    """Store where events are sent to, with a secret of its own.

    Raises:
        UsageError: an address or an event that cannot be used, or too many webhooks.
    """
    wanted = [kind for kind in EVENTS if kind in events]
    unknown = sorted(set(events) - set(EVENTS))
    if unknown or not wanted:
        named = f"there is no event {unknown[0]!r}" if unknown else "no event is named"
        raise UsageError(f"events: {named}; there are {', '.join(EVENTS)}")
    _check_url(url)
    if (
        sum(not (each.disabled_at or each.url == MAIL) for each in uow.outbox.webhooks())
        >= MAX_WEBHOOKS
    ):
        raise UsageError(f"there are {MAX_WEBHOOKS} webhooks already; remove one first")
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
    webhook_id = uow.outbox.add_webhook(url, secret, wanted, now)
    details = {"url": url, "events": wanted}
    uow.audit.append(actor, "webhook.added", ("webhook", webhook_id), details, now)
    return NewWebhook(webhook_id, secret)


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        is_address = bool(parts.scheme in ("http", "https") and parts.hostname and parts.port != 0)
    except ValueError:
        is_address = False
    if not is_address or not url.isprintable() or " " in url or len(url) > MAX_URL_CHARS:
        raise UsageError(f"url: {url[:80]!r} is no address like https://shop.example/hook")
    if parts.username or parts.password or parts.fragment:
        raise UsageError("url: leave out name, password and fragment; lists show the address")


def remove_webhook(uow: UnitOfWork, webhook_id: int, *, actor: str, now: datetime) -> None:
    """Send nothing there any more; what was sent stays to be read. Safe to repeat.

    Raises:
        NotFoundError: there is no such webhook. UsageError: it is the mail of the settings.
    """
    row = uow.outbox.webhook(webhook_id)
    if row.url == MAIL and row.disabled_at is None:
        raise UsageError("this is the alarms' mail: unset PRELUDE_ALARM_TO and restart")
    if row.disabled_at is None:
        uow.outbox.disable_webhook(webhook_id, now)
        uow.audit.append(actor, "webhook.removed", ("webhook", webhook_id), {}, now)


def keep_mail_target(uow: UnitOfWork, now: datetime, *, is_wanted: bool) -> None:
    """Let alarms be mailed, or not, as the settings of a starting server say."""
    rows = [each for each in uow.outbox.webhooks() if each.url == MAIL and not each.disabled_at]
    if is_wanted and not rows:
        added = uow.outbox.add_webhook(MAIL, "", [case_events.ALARM], now)
        uow.audit.append("server", "webhook.added", ("webhook", added), {"url": MAIL}, now)
    for row in rows if not is_wanted else ():
        uow.outbox.disable_webhook(row.id, now)
        uow.audit.append("server", "webhook.removed", ("webhook", row.id), {}, now)


def list_webhooks(uow: UnitOfWork) -> list[WebhookRecord]:
    """Return all webhooks, oldest first, those removed too."""
    return uow.outbox.webhooks()


def list_deliveries(uow: UnitOfWork, webhook_id: int) -> list[DeliveryRecord]:
    """Return the newest deliveries to a webhook.

    Raises:
        NotFoundError: there is no such webhook.
    """
    return uow.outbox.deliveries(uow.outbox.webhook(webhook_id).id)


def replay_webhook(
    uow: UnitOfWork, webhook_id: int, since: datetime, *, actor: str, now: datetime
) -> int:
    """Send everything since `since` again, under the same ids; return how many events that are.

    Raises:
        NotFoundError: there is no such webhook. UsageError: it was removed, or no time zone.
    """
    if since.tzinfo is None:
        raise UsageError("since: a time needs a time zone, 2026-11-22T10:00:00+08:00")
    if uow.outbox.webhook(webhook_id).disabled_at is not None:
        raise UsageError(f"webhook {webhook_id} is removed: add it again, then replay the new one")
    count = uow.outbox.replay(webhook_id, since, now)
    details = {"since": since.isoformat(), "events": count}
    uow.audit.append(actor, "webhook.replayed", ("webhook", webhook_id), details, now)
    return count
