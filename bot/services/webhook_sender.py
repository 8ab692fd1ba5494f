"""Sends events to webhooks, at least once, signed as Standard Webhooks says; alarms by mail, too.

A delivery is taken with a lease, sent outside of any transaction, then settled: whoever dies in
between leaves it to the next sender. Each webhook is worked off by itself, in order, so a slow one
holds up nobody. An answer's body is never read: it is the receiver's, and may have no end.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
from datetime import datetime, timedelta

import httpx
import msgspec
import structlog
from standardwebhooks import Webhook

from bot import __version__
from bot.clock import Clock
from bot.crm.database import Database
from bot.crm.outbox import Delivery
from bot.crm.unit_of_work import UnitOfWork
from bot.errors import StorageUnavailableError
from bot.services.alarm_mail import AlarmMailer
from bot.services.case_events import ALARM
from bot.services.shop import read_shop
from bot.services.webhooks import MAIL

log = structlog.get_logger(__name__)

TIMEOUT_SECONDS = 10.0
LEASE = timedelta(seconds=30)
POLL_SECONDS = 1.0
FIRST_WAIT_SECONDS = 10.0
WAIT_FACTOR = 3.0
LONGEST_WAIT_SECONDS = 12 * 3600.0
JITTER = 0.2  # of a wait, to either side: receivers that come back are not run over
MAX_ATTEMPTS = 14  # about three days after the first
GONE = 410


def wait_seconds(attempts: int, jitter: float = 0.0) -> float:
    """Return how long to wait after so many failed tries.

    Args:
        jitter: -1 to 1; the share of `JITTER` by which the wait is longer.
    """
    whole = min(FIRST_WAIT_SECONDS * WAIT_FACTOR ** (attempts - 1), LONGEST_WAIT_SECONDS)
    return whole * (1 + JITTER * jitter)


def event_id(delivery: Delivery) -> str:
    """Return the id by which receivers know an event, the same for every try and receiver.

    It rests on what the event is, not on its row: after a restored backup another event may have
    the row's number.
    """
    told = json.dumps([delivery.key, delivery.created_at.isoformat()])
    return "evt_" + hashlib.sha256(told.encode()).hexdigest()[:32]


def signed_request(delivery: Delivery, now: datetime) -> tuple[bytes, dict[str, str]]:
    """Return body and headers of a try."""
    body = msgspec.json.encode(
        {"type": delivery.kind, "timestamp": delivery.created_at, "data": delivery.body}
    )
    message_id = event_id(delivery)
    return body, {
        "content-type": "application/json",
        "user-agent": f"prelude/{__version__}",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(delivery.secret).sign(message_id, now, body.decode()),
    }


class WebhookSender:
    """Works off the outbox. One a process."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        mailer: AlarmMailer | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        """Take what to send from where; without a `mailer` mail waits for a server that has one."""
        self._database = database
        self._clock = clock
        self._mailer = mailer
        self._timeout_seconds = timeout_seconds
        self._busy: dict[int, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Send until cancelled. What is in hand then is sent again after its lease."""
        async with self._client() as client:
            try:
                while True:
                    await self._begin(client)
                    await self._clock.sleep(POLL_SECONDS)
            finally:
                await self._stop()

    async def send_due(self) -> None:
        """Send everything that is due now, and return when that is done."""
        async with self._client() as client:
            try:
                await self._begin(client)
                await asyncio.gather(*self._busy.values())
            finally:
                await self._stop()

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            timeout=self._timeout_seconds, follow_redirects=False, trust_env=False
        )

    async def _stop(self) -> None:
        tasks = list(self._busy.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _begin(self, client: httpx.AsyncClient) -> None:
        """Start to work off every webhook for which something is due."""
        now = self._clock.now()
        try:
            due = await self._database.read_async(lambda uow: uow.outbox.due_webhooks(now))
        except StorageUnavailableError as error:
            log.warning("webhook.storage_unavailable", error=str(error))
            return
        except Exception:  # or nothing would ever be sent again
            log.exception("webhook.crashed")
            return
        for webhook_id in due:
            if webhook_id not in self._busy:
                task = asyncio.create_task(self._work_off(client, webhook_id))
                self._busy[webhook_id] = task

    async def _work_off(self, client: httpx.AsyncClient, webhook_id: int) -> None:
        try:
            while delivery := await self._take(webhook_id):
                if delivery.url == MAIL:
                    status, answer = await self._mail(delivery)
                else:
                    status, answer = await self._post(client, delivery)
                await self._settle(delivery, status, answer)
        except StorageUnavailableError as error:
            log.warning("webhook.storage_unavailable", webhook=webhook_id, error=str(error))
        except Exception:
            log.exception("webhook.crashed", webhook=webhook_id)
        finally:
            del self._busy[webhook_id]

    async def _take(self, webhook_id: int) -> Delivery | None:
        now = self._clock.now()
        taken = await self._database.write_async(
            lambda uow: uow.outbox.take(now, LEASE, 1, webhook_id=webhook_id)
        )
        return taken[0] if taken else None

    async def _mail(self, delivery: Delivery) -> tuple[int, str]:
        """Mail once; return what `_post` returns."""
        if self._mailer is None:
            return 0, "no mail server is set up here"
        shop = await self._database.read_async(read_shop)
        now = self._clock.now()
        return await self._mailer.send(event_id(delivery), delivery.body, shop.crisis, now)

    async def _post(self, client: httpx.AsyncClient, delivery: Delivery) -> tuple[int, str]:
        """Send once; return the status (0: no answer) and what is noted of it."""
        try:
            # httpx limits every wait, not their sum
            status = await asyncio.wait_for(
                self._status_of(client, delivery), self._timeout_seconds
            )
        except asyncio.TimeoutError:
            return 0, f"no answer within {self._timeout_seconds:g} s"
        except Exception as error:  # whatever the network and the address can do wrong
            return 0, f"{type(error).__name__}: {error}"
        return status, f"HTTP {status}"

    async def _status_of(self, client: httpx.AsyncClient, delivery: Delivery) -> int:
        body, headers = signed_request(delivery, self._clock.now())
        async with client.stream("POST", delivery.url, content=body, headers=headers) as response:
            return response.status_code

    async def _settle(self, delivery: Delivery, status: int, answer: str) -> None:
        now = self._clock.now()
        seed = f"{delivery.event_id}:{delivery.webhook_id}:{delivery.attempts}"
        jitter = random.Random(seed).uniform(-1, 1)
        next_at = now + timedelta(seconds=wait_seconds(delivery.attempts, jitter))
        state = "waiting"
        if 200 <= status < 300:
            state = "delivered"
        elif status == GONE or delivery.attempts >= MAX_ATTEMPTS:
            state = "given_up"
            log.warning("webhook.given_up", webhook=delivery.webhook_id, answer=answer)

        def write(uow: UnitOfWork) -> None:
            uow.outbox.settle(delivery, state=state, answer=answer, next_at=next_at, now=now)
            if state == "delivered" and delivery.kind == ALARM:
                uow.alarms.note_sent(delivery.body["number"], delivery.body["gravity"], now)
            if status == GONE:
                uow.outbox.disable_webhook(delivery.webhook_id, now)

        await self._database.write_async(write)
