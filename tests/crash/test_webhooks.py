"""Webhooks: signed, at least once, in peace with receivers that fail, hang, redirect or die."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from bot.crm.database import Database
from bot.crm.outbox import DeliveryRecord
from bot.errors import NotFoundError, UsageError
from bot.services.cases import note_overdue
from bot.services.operations import perform
from bot.services.reception import Arrival
from bot.services.webhook_sender import (
    LEASE,
    MAX_ATTEMPTS,
    WebhookSender,
    signed_request,
    wait_seconds,
)
from bot.services.webhooks import (
    EVENTS,
    MAX_WEBHOOKS,
    NewWebhook,
    add_webhook,
    remove_webhook,
    replay_webhook,
)
from bot.web.app import create_app
from bot.web.fanout import build_channels
from tests.conftest import Play
from tests.fakes import START, FakeClock
from tests.integration.served import eventually
from tests.integration.webhook_receiver import DIE, DRIP, ENDLESS, HANG, Receiver, receiving

ROOT = Path(__file__).resolve().parents[2]
CHILD = """
import asyncio, sys
from bot.clock import SystemClock
from bot.crm.database import Database
from bot.services.reception import Arrival
from bot.services.webhook_sender import WebhookSender
asyncio.run(WebhookSender(Database(sys.argv[1]), SystemClock()).run())
"""


def hook(database: Database, url: str, events: tuple[str, ...] = EVENTS) -> NewWebhook:
    return database.write(lambda uow: add_webhook(uow, url, list(events), actor="cli", now=START))


def tell(database: Database, *numbers: int, now: datetime = START) -> None:
    """Write an event of each case into the outbox."""

    def write(uow: Any) -> None:
        for number in numbers:
            uow.outbox.add(f"case.opened:{number}:1", "case.opened", {"number": number}, now)

    database.write(write)


def deliveries(database: Database, webhook_id: int = 1) -> list[DeliveryRecord]:
    return database.read(lambda uow: uow.outbox.deliveries(webhook_id))[::-1]


def told(receiver: Receiver) -> list[int]:
    return [json.loads(each.body)["data"]["number"] for each in receiver.received]


def sender(database: Database, clock: FakeClock, *, timeout_seconds: float = 10.0) -> WebhookSender:
    return WebhookSender(database, clock, timeout_seconds=timeout_seconds)


def play_with(*answers: int | str, work: Callable[[Receiver], Awaitable[None]]) -> None:
    async def main() -> None:
        async with receiving(*answers) as receiver:
            await asyncio.wait_for(work(receiver), 20)

    asyncio.run(main())


# --- what is sent -----------------------------------------------------------------------------


def test_event_arrives_signed_so_that_the_library_verifies_it(database: Database) -> None:
    now = datetime.now(timezone.utc)  # the library compares with the machine's clock
    clock = FakeClock(now)

    async def work(receiver: Receiver) -> None:
        made = hook(database, receiver.url)
        tell(database, 7, now=now)
        await sender(database, clock).send_due()
        (got,) = receiver.received
        payload = Webhook(made.secret).verify(got.body, got.headers)
        assert payload["type"] == "case.opened"
        assert payload["data"] == {"number": 7}
        assert datetime.fromisoformat(payload["timestamp"].replace("Z", "+00:00")) == now
        with pytest.raises(WebhookVerificationError):
            Webhook(made.secret).verify(got.body.replace("7", "8"), got.headers)
        assert got.headers["content-type"] == "application/json"

    play_with(work=work)


def test_case_is_told_when_it_opens_changes_and_is_overdue(play: Play) -> None:
    database = play.app.database

    async def work(receiver: Receiver) -> None:
        made = hook(database, receiver.url)
        conversation = (await play.app.arrive(Arrival("test"))).conversation.id
        await play.send(conversation, "complaint: the cup is broken")
        await play.app.runner.settle()
        play.clock.advance(25 * 3600)
        database.write(lambda uow: note_overdue(uow, play.clock.now()))
        await sender(database, play.clock).send_due()
        kinds = [json.loads(each.body)["type"] for each in receiver.received]
        assert kinds == ["case.opened", "case.overdue"]
        assert all(each.is_signed_with(made.secret) for each in receiver.received)
        assert not any("cup" in each.body for each in receiver.received)

    play_with(work=work)


def test_webhook_gets_only_the_events_it_wants(database: Database, clock: FakeClock) -> None:
    async def work(receiver: Receiver) -> None:
        hook(database, receiver.url, ("case.overdue",))
        tell(database, 1)
        await sender(database, clock).send_due()
        assert receiver.received == []

    play_with(work=work)


# --- receivers that misbehave -----------------------------------------------------------------


@pytest.mark.parametrize("answer", [500, 301, 307, 404, HANG, DIE, DRIP])
def test_what_is_not_taken_is_sent_again_under_the_same_id(
    database: Database, clock: FakeClock, answer: int | str
) -> None:
    async def work(receiver: Receiver) -> None:
        made = hook(database, receiver.url)
        tell(database, 1)
        await sender(database, clock, timeout_seconds=0.3).send_due()
        assert [each.state for each in deliveries(database)] == ["waiting"]
        await sender(database, clock).send_due()
        assert len(receiver.received) == 1  # not yet
        clock.advance(15)
        await sender(database, clock).send_due()
        assert [each.state for each in deliveries(database)] == ["delivered"]
        first, second = receiver.received  # a redirect was not followed
        assert first.id == second.id
        assert first.headers["webhook-timestamp"] != second.headers["webhook-timestamp"]
        assert first.is_signed_with(made.secret) and second.is_signed_with(made.secret)
        clock.advance(7 * 86400)
        await sender(database, clock).send_due()
        assert len(receiver.received) == 2

    play_with(answer, 200, work=work)


def test_answer_is_taken_by_its_status_and_never_read(database: Database, clock: FakeClock) -> None:
    async def work(receiver: Receiver) -> None:
        hook(database, receiver.url)
        tell(database, 1)
        await sender(database, clock).send_due()
        assert [each.state for each in deliveries(database)] == ["delivered"]

    play_with(ENDLESS, work=work)


def test_nobody_listening_is_a_failed_try(database: Database, clock: FakeClock) -> None:
    async def work(receiver: Receiver) -> None:
        hook(database, "http://127.0.0.1:1/hook")
        tell(database, 1)
        await sender(database, clock).send_due()
        (row,) = deliveries(database)
        assert (row.state, row.attempts) == ("waiting", 1)
        assert "ConnectError" in row.answer

    play_with(work=work)


def test_waits_grow_up_to_three_days_and_then_it_is_given_up(
    database: Database, clock: FakeClock
) -> None:
    async def work(receiver: Receiver) -> None:
        hook(database, receiver.url)
        tell(database, 1)
        waits = []
        while deliveries(database)[0].state == "waiting":
            next_at = deliveries(database)[0].next_at
            waits.append((next_at - clock.now()).total_seconds())
            clock.advance(waits[-1])
            await sender(database, clock).send_due()
        (row,) = deliveries(database)
        assert (row.state, row.attempts, row.answer) == ("given_up", MAX_ATTEMPTS, "HTTP 503")
        assert len(receiver.received) == MAX_ATTEMPTS
        planned = [wait_seconds(number) for number in range(1, MAX_ATTEMPTS)]
        assert waits[1:] != planned  # there is jitter
        assert all(
            abs(wait - plan) <= 0.2 * plan + 0.001
            for wait, plan in zip(waits[1:], planned, strict=True)
        )
        assert timedelta(days=2.5) < clock.now() - START < timedelta(days=3.5)
        await sender(database, clock).send_due()
        assert len(receiver.received) == MAX_ATTEMPTS

    play_with(503, work=work)


def test_gone_ends_the_webhook_and_what_waits_for_it(database: Database, clock: FakeClock) -> None:
    async def work(receiver: Receiver) -> None:
        hook(database, receiver.url)
        tell(database, 1, 2)
        await sender(database, clock).send_due()
        tell(database, 3)
        clock.advance(86400)
        await sender(database, clock).send_due()
        assert told(receiver) == [1]
        assert [each.state for each in deliveries(database)] == ["given_up", "given_up"]
        (row,) = database.read(lambda uow: uow.outbox.webhooks())
        assert row.disabled_at == START

    play_with(410, work=work)


def test_receiver_that_hangs_holds_up_no_other(database: Database, clock: FakeClock) -> None:
    async def work(slow: Receiver) -> None:
        async with receiving() as quick:
            hook(database, slow.url)
            hook(database, quick.url)
            tell(database, *range(40))
            sending = asyncio.create_task(
                WebhookSender(database, clock, timeout_seconds=30).send_due()
            )
            await eventually(lambda: len(quick.received) == 40)
            assert len(slow.received) == 1
            assert told(quick) == list(range(40))
            sending.cancel()
            with suppress(asyncio.CancelledError):
                await sending

    play_with(HANG, work=work)


# --- at least once ----------------------------------------------------------------------------


def test_what_a_dead_sender_had_in_hand_is_sent_after_its_lease(
    database: Database, clock: FakeClock
) -> None:
    async def work(receiver: Receiver) -> None:
        hook(database, receiver.url)
        tell(database, 1)
        database.write(lambda uow: uow.outbox.take(clock.now(), LEASE))  # and then it dies
        await sender(database, clock).send_due()
        assert receiver.received == []
        clock.advance(LEASE.total_seconds())
        await sender(database, clock).send_due()
        assert told(receiver) == [1]

    play_with(work=work)


def test_killed_while_it_sends_it_is_sent_again(database: Database) -> None:
    now = datetime.now(timezone.utc)  # the child has the machine's clock
    clock = FakeClock(now)

    async def work(receiver: Receiver) -> None:
        hook(database, receiver.url)
        tell(database, 1, now=now)
        child = subprocess.Popen([sys.executable, "-c", CHILD, database.url], cwd=ROOT)
        try:
            await eventually(lambda: len(receiver.received) == 1, 15)
        finally:
            child.kill()
            child.wait()
        assert [each.state for each in deliveries(database)] == ["waiting"]
        clock.advance(15 + LEASE.total_seconds())
        await sender(database, clock).send_due()
        assert [each.state for each in deliveries(database)] == ["delivered"]
        assert len({each.id for each in receiver.received}) == 1
        assert len(receiver.received) == 2

    play_with(HANG, 200, work=work)


def test_two_senders_send_each_event_once(database: Database, clock: FakeClock) -> None:
    async def work(receiver: Receiver) -> None:
        hook(database, receiver.url)
        tell(database, *range(30))
        await asyncio.gather(*(sender(database, clock).send_due() for _ in range(2)))
        assert sorted(told(receiver)) == list(range(30))

    play_with(work=work)


def test_late_answer_does_not_undo_a_later_try(database: Database, clock: FakeClock) -> None:
    hook(database, "http://127.0.0.1:1/")
    tell(database, 1)
    (first,) = database.write(lambda uow: uow.outbox.take(START, LEASE))
    (second,) = database.write(lambda uow: uow.outbox.take(START + LEASE, LEASE))

    def settle(taken: Any, state: str) -> None:
        database.write(
            lambda uow: uow.outbox.settle(taken, state=state, answer="", next_at=START, now=START)
        )

    settle(second, "delivered")
    settle(first, "waiting")
    assert [each.state for each in deliveries(database)] == ["delivered"]


def test_loop_sends_what_comes_later_and_ends_when_cancelled(database: Database) -> None:
    class PacedClock(FakeClock):
        async def sleep(self, seconds: float) -> None:
            await asyncio.sleep(0.01)

    async def work(receiver: Receiver) -> None:
        hook(database, receiver.url)
        running = asyncio.create_task(WebhookSender(database, PacedClock()).run())
        for number in range(3):
            tell(database, number)
            await eventually(lambda: len(receiver.received) == number + 1)  # noqa: B023
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    play_with(work=work)


# --- replay, and what operators do ------------------------------------------------------------


def test_replay_sends_everything_since_again_under_the_same_ids(
    database: Database, clock: FakeClock
) -> None:
    async def work(receiver: Receiver) -> None:
        made = hook(database, receiver.url)
        tell(database, 1)
        clock.advance(3600)
        tell(database, 2, 3, now=clock.now())
        await sender(database, clock).send_due()
        since = START + timedelta(minutes=30)
        count = database.write(
            lambda uow: replay_webhook(uow, made.id, since, actor="cli", now=clock.now())
        )
        assert count == 2
        await sender(database, clock).send_due()
        assert told(receiver) == [1, 2, 3, 2, 3]
        ids = [each.id for each in receiver.received]
        assert ids[1:3] == ids[3:5]
        assert len(set(ids)) == 3

    play_with(work=work)


def test_replay_tells_a_new_webhook_what_was_before_it_and_what_it_wants(
    database: Database, clock: FakeClock
) -> None:
    async def work(receiver: Receiver) -> None:
        hook(database, "http://127.0.0.1:1/")
        tell(database, 1, 2)
        database.write(lambda uow: uow.outbox.add("case.overdue:1", "case.overdue", {}, START))
        made = hook(database, receiver.url, ("case.opened",))
        assert (
            database.write(
                lambda uow: replay_webhook(uow, made.id, START, actor="cli", now=clock.now())
            )
            == 2
        )
        await sender(database, clock).send_due()
        assert told(receiver) == [1, 2]

    play_with(work=work)


@pytest.mark.parametrize(
    "url",
    [
        "shop.example/hook",
        "ftp://shop.example/",
        "https://",
        "https://a b.example/",
        "https://user:word@shop.example/",
        "https://shop.example:99999/",
        "https://shop.example/#part",
        "https://shop.example/" + "a" * 500,
        "https://shop.example/\n",
        "https://[",
    ],
)
def test_address_that_cannot_be_used_is_refused(database: Database, url: str) -> None:
    with pytest.raises(UsageError, match="^url: "):
        hook(database, url)
    assert database.read(lambda uow: uow.outbox.webhooks()) == []


@pytest.mark.parametrize("events", [(), ("case.closed",), ("case.opened", "x")])
def test_event_that_does_not_exist_is_refused(database: Database, events: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="^events: .*case.opened"):
        hook(database, "https://shop.example/", events)


def test_there_are_not_too_many_webhooks(database: Database) -> None:
    for _ in range(MAX_WEBHOOKS):
        hook(database, "https://shop.example/")
    with pytest.raises(UsageError, match="remove one"):
        hook(database, "https://shop.example/")
    database.write(lambda uow: remove_webhook(uow, 1, actor="cli", now=START))
    hook(database, "https://shop.example/")


def test_operators_add_list_remove_and_replay_and_the_audit_trail_knows(play: Play) -> None:
    app = play.app

    async def work() -> None:
        url = "https://shop.example/hook"
        made = await perform(app, "webhook.add", {"url": url, "events": ["case.opened"]})
        assert made["secret"].startswith("whsec_")
        (row,) = await perform(app, "webhook.list", {})
        assert row["url"] == url and "secret" not in row
        tell(app.database, 1)
        (sent,) = await perform(app, "webhook.deliveries", {"id": made["id"]})
        assert (sent["state"], sent["attempts"]) == ("waiting", 0)
        since = {"id": made["id"], "since": START.isoformat()}
        assert await perform(app, "webhook.replay", since) == 1
        await perform(app, "webhook.remove", {"id": made["id"]})
        await perform(app, "webhook.remove", {"id": made["id"]})
        with pytest.raises(UsageError, match="removed"):
            await perform(app, "webhook.replay", since)
        for operation in ("remove", "deliveries"):
            with pytest.raises(NotFoundError):
                await perform(app, f"webhook.{operation}", {"id": 9})

    play.run(work)
    entries = app.database.read(lambda uow: [row.verb for row in uow.audit._entries()])
    assert entries == ["webhook.added", "webhook.replayed", "webhook.removed"]


# --- what the documents and the server say of it ----------------------------------------------


def test_document_names_events_fields_and_every_wait(play: Play) -> None:
    text = (ROOT / "docs" / "webhooks.md").read_text(encoding="utf-8")
    database = play.app.database
    hook(database, "http://127.0.0.1:1/")
    play.say(play.start(), "complaint: it broke")
    (event,) = database.write(lambda uow: uow.outbox.take(START + timedelta(days=1), LEASE))
    fields = {"type", "timestamp", *event.body}
    assert {name for name in (*EVENTS, *fields) if f"| `{name}` |" not in text} == set()
    total, rows = 0, []
    for number in range(2, MAX_ATTEMPTS + 1):
        wait = int(wait_seconds(number - 1))
        total += wait
        rows.append(f"| {number} | {said(wait)} | {said(total)} |")
    assert "\n".join(rows) + "\n\n" in text


def said(seconds: int) -> str:
    parts = []
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        parts += [f"{count} {unit}"] if count else []
    return " ".join(parts)


def test_check_in_the_document_takes_what_is_sent_and_nothing_else(database: Database) -> None:
    text = (ROOT / "docs" / "webhooks.md").read_text(encoding="utf-8")
    code = next(each for each in text.split("```") if "def is_genuine" in each)
    names: dict[str, Any] = {}
    exec(code.removeprefix("python"), names)  # noqa: S102
    is_genuine = names["is_genuine"]
    made = hook(database, "http://127.0.0.1:1/")
    tell(database, 1)
    (delivery,) = database.write(lambda uow: uow.outbox.take(START, LEASE))
    now = datetime.now(timezone.utc)  # the check compares with the machine's clock
    body, headers = signed_request(delivery, now)
    assert is_genuine(made.secret, headers, body)
    assert not is_genuine(made.secret, headers, body + b" ")
    assert not is_genuine("whsec_" + "A" * 44, headers, body)
    body, headers = signed_request(delivery, now - timedelta(minutes=6))
    assert not is_genuine(made.secret, headers, body)


def test_server_runs_what_works_beside_it_and_ends_it(play: Play) -> None:
    class Worker:
        state = "not begun"

        async def run(self) -> None:
            self.state = "running"
            try:
                await asyncio.sleep(3600)
            finally:
                self.state = "ended"

    class Failing:
        async def run(self) -> None:
            raise ValueError("on purpose")

    worker = Worker()

    async def stopped() -> None:
        assert worker.state == "ended"  # before the database closes

    async def main() -> None:
        web = create_app(
            play.app,
            build_channels(play.app.settings.database_url),
            admin_token="a" * 43,
            on_stop=stopped,
            background=[Failing(), worker],
        )
        async with web.lifespan():
            await eventually(lambda: worker.state == "running")

    asyncio.run(main())
    assert worker.state == "ended"
