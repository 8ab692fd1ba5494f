"""Harm and threats raise an alarm outside the page: once, with the plan, whoever dies meanwhile."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import delete, select

from bot.crm.database import Database
from bot.crm.models import CaseAlarm, OutboxEvent
from bot.crm.tasks import TaskFilter
from bot.errors import ShopDataError, UsageError
from bot.knowledge.crisis_plan import OCCASIONS, load_alarm_wording
from bot.knowledge.shop import load_shop
from bot.services.alarm_mail import AlarmMailer
from bot.services.case_alarms import list_alarms, note_gravity, plan_of
from bot.services.case_board import read_file
from bot.services.case_events import ALARM
from bot.services.case_moves import Mover
from bot.services.case_opening import NewCase, enter_case
from bot.services.cases import move_case
from bot.services.operations import perform
from bot.services.shop import sync_shop
from bot.services.webhook_sender import LEASE, WebhookSender
from bot.services.webhooks import MAIL, add_webhook, keep_mail_target, remove_webhook
from bot.settings import ROOT, Settings, load_settings
from tests.conftest import Play
from tests.fakes import START, FakeClock
from tests.integration.mail_receiver import DIE, HANG, REFUSE, TAKE, MailServer, receiving_mail
from tests.integration.served import eventually
from tests.integration.webhook_receiver import receiving

LIN = Mover("p1", "agent", "Lin")
SAMPLE = load_shop(ROOT / "shops" / "sample").crisis
CHILD = """
import asyncio, sys
from bot.clock import SystemClock
from bot.crm.database import Database
from bot.services.alarm_mail import AlarmMailer
from bot.services.shop import sync_shop
from bot.services.webhook_sender import WebhookSender
from bot.settings import Settings
mailer = AlarmMailer(Settings(smtp_url=sys.argv[2], alarm_to=("a@b.example",), alarm_from="c@d.e"))
asyncio.run(WebhookSender(Database(sys.argv[1]), SystemClock(), mailer=mailer).run())
"""


def settings_of(server: MailServer) -> Settings:
    return Settings(
        smtp_url=server.url,
        alarm_to=("li@shop.example", "zhao@shop.example"),
        alarm_from="alarm@shop.example",
    )


def with_mail(work: Callable[[MailServer], Awaitable[None]], *answers: str) -> None:
    async def main() -> None:
        async with receiving_mail(*answers) as server:
            await asyncio.wait_for(work(server), 30)

    asyncio.run(main())


def listen(database: Database) -> None:
    database.write(lambda uow: keep_mail_target(uow, START, is_wanted=True))


def alarms(database: Database) -> list[tuple[str, str]]:
    """Return number and gravity of every alarm that was written into the outbox."""
    return [(body["number"], body["gravity"]) for body in told(database)]


def told(database: Database) -> list[Any]:
    """Return what the outbox says of alarms."""
    wanted = select(OutboxEvent.body).where(OutboxEvent.kind == ALARM).order_by(OutboxEvent.id)
    return database.read(lambda uow: list(uow._session.execute(wanted).scalars()))


def case_of(play: Play, talk: str) -> Any:
    return play.app.database.read(lambda uow: uow.cases.of_conversation(talk)[0])


def tasks_of(play: Play, talk: str) -> list[Any]:
    wanted = TaskFilter(conversation_id=talk)
    return play.app.database.read(lambda uow: uow.tasks.page(wanted)).items


def sender(
    database: Database, clock: FakeClock, server: MailServer, *, timeout_seconds: float = 10.0
) -> WebhookSender:
    mailer = AlarmMailer(settings_of(server), timeout_seconds=timeout_seconds)
    return WebhookSender(database, clock, mailer=mailer)


# --- when it is raised --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "gravities"),
    [
        ("complaint: broken", []),
        ("complaint: hurt", ["harm"]),
        ("complaint: press", ["threat"]),
        ("complaint: hurt, press", ["harm", "threat"]),
    ],
)
def test_grave_case_raises_one_alarm_a_kind(play: Play, text: str, gravities: list[str]) -> None:
    talk = play.start()
    play.say(talk, text, "more: hurt" if "hurt" in text else "more", "more: it is me again")
    number = case_of(play, talk).number
    assert alarms(play.app.database) == [(number, each) for each in gravities]
    words = json.dumps(told(play.app.database))
    assert "broken" not in words and "hurt" not in words


def test_case_that_becomes_grave_raises_what_is_new(play: Play) -> None:
    talk = play.start()
    play.say(talk, "complaint: broken", "more: hurt")
    assert [each for _, each in alarms(play.app.database)] == ["harm"]
    play.say(talk, "more: press", "more: press, hurt")
    assert [each for _, each in alarms(play.app.database)] == ["harm", "threat"]


def test_alarm_counts_from_the_message_that_showed_it(play: Play) -> None:
    talk = play.start()
    play.say(talk, "complaint: broken")
    play.clock.advance(3600)
    play.say(talk, "more: hurt")
    said_at = play.app.database.read(lambda uow: uow.messages.events_after(talk, 0))[2].created_at
    (row,) = play.app.database.read(list_alarms)
    assert (row.said_at, row.sent_at, row.seconds) == (said_at, None, None)
    assert said_at != START


def test_harm_that_staff_find_out_goes_to_a_supervisor_at_once(play: Play) -> None:
    talk = play.start()
    play.say(talk, "complaint: broken", "acknowledge")
    number = case_of(play, talk).number
    body = {"harm": {"bodily": "slight"}}
    case = play.app.database.write(
        lambda uow: move_case(uow, number, "assess", by=LIN, now=START, body=body)
    )
    assert (case.severity, case.escalation_level) == ("bodily", 1)
    assert alarms(play.app.database) == [(number, "harm")]
    (task,) = tasks_of(play, talk)
    assert task.kind == "case_escalated" and SAMPLE.plans["harm"].people[0].reach in task.note


def test_complaint_heard_by_phone_raises_it_too(play: Play) -> None:
    new = NewCase(channel="phone", text="it burnt", harm={"bodily": "serious"})
    case = play.app.database.write(lambda uow: enter_case(uow, new, by=LIN, now=START))
    assert alarms(play.app.database) == [(case.number, "harm")]


def test_case_that_takes_over_a_grave_one_raises_it(play: Play) -> None:
    customer = play.app.database.write(lambda uow: uow.customers.add("phone", START))
    numbers = []
    for harm in ({"bodily": "serious"}, {}):
        new = NewCase(channel="phone", text="it burnt", harm=harm, customer_id=customer)  # type: ignore[arg-type]
        case = play.app.database.write(lambda uow, new=new: enter_case(uow, new, by=LIN, now=START))
        numbers.append(case.number)
    body = {"into": numbers[1]}
    play.app.database.write(
        lambda uow: move_case(uow, numbers[0], "merge", by=LIN, now=START, body=body)
    )
    assert alarms(play.app.database) == [(each, "harm") for each in numbers]


def test_case_that_was_grave_before_there_were_alarms_raises_none(play: Play) -> None:
    talk = play.start()
    play.say(talk, "complaint: hurt")
    case = case_of(play, talk)

    def forget(uow: Any) -> None:
        uow._session.execute(delete(CaseAlarm))
        note_gravity(uow, case, case, START)

    play.app.database.write(forget)
    assert play.app.database.read(list_alarms) == []


# --- the plan -----------------------------------------------------------------------------------


def test_plan_is_in_the_task_with_the_case_and_of_what_is_there(play: Play) -> None:
    talk = play.start()
    play.say(talk, "complaint: press")
    case = case_of(play, talk)
    (task,) = tasks_of(play, talk)
    file = play.app.database.read(lambda uow: read_file(uow, case.number, "manager", START))
    assert file.plan and task.note.endswith(file.plan)
    assert SAMPLE.plans["media"].steps[0] in file.plan
    assert SAMPLE.plans["harm"].steps[0] not in file.plan
    play.say(talk, "more: hurt")
    (task,) = tasks_of(play, talk)
    assert SAMPLE.plans["harm"].steps[0] in task.note
    assert task.note.count(SAMPLE.plans["media"].steps[0]) == 1


def test_case_that_is_not_grave_has_no_plan(play: Play) -> None:
    talk = play.start()
    play.say(talk, "complaint: broken")
    case = case_of(play, talk)
    assert play.app.database.read(lambda uow: plan_of(uow, case)) == ""
    assert tasks_of(play, talk) == []


def test_shop_without_a_plan_says_so(play: Play, tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    shutil.copytree(ROOT / "shops" / "sample", folder)
    (folder / "crisis.yml").unlink()
    assert load_shop(folder).crisis.plans == {}
    talk = play.start()
    play.say(talk, "complaint: hurt")

    def without(uow: Any) -> str:
        sync_shop(uow, folder)
        return plan_of(uow, uow.cases.of_conversation(talk)[0])

    assert play.app.database.write(without) == load_alarm_wording().no_plan


@pytest.mark.parametrize("occasion", OCCASIONS)
def test_plan_that_leaves_an_occasion_out_is_named(tmp_path: Path, occasion: str) -> None:
    folder = tmp_path / "shop"
    shutil.copytree(ROOT / "shops" / "sample", folder)
    path = folder / "crisis.yml"
    plans = yaml.safe_load(path.read_text(encoding="utf-8"))
    del plans["plans"][occasion]
    path.write_text(yaml.safe_dump(plans, allow_unicode=True), encoding="utf-8")
    with pytest.raises(ShopDataError, match=rf"crisis.yml:\d+: plans: '{occasion}' is missing"):
        load_shop(folder)


# --- mail ---------------------------------------------------------------------------------------


def test_alarm_is_mailed_with_the_plan_and_without_a_word_of_the_customer(play: Play) -> None:
    database = play.app.database
    listen(database)
    talk = play.start()
    play.say(talk, "complaint: hurt by the kettle of 13800138000")
    number = case_of(play, talk).number

    async def work(server: MailServer) -> None:
        play.clock.advance(2)
        await sender(database, play.clock, server).send_due()
        (mail,) = server.mails
        text = mail.get_content()
        assert number in mail["Subject"] and number in text
        assert SAMPLE.plans["harm"].people[0].reach in text
        assert "kettle" not in text and "13800138000" not in text
        assert server.receivers == [["li@shop.example", "zhao@shop.example"]]
        assert server.logins == ["\0name\0secret-word"]
        (row,) = database.read(list_alarms)
        assert row.seconds == 2.0
        await sender(database, play.clock, server).send_due()
        assert len(server.mails) == 1

    with_mail(work)


@pytest.mark.parametrize("answer", [REFUSE, DIE, HANG])
def test_mail_that_is_not_taken_is_sent_again_under_the_same_id(play: Play, answer: str) -> None:
    database = play.app.database
    listen(database)
    play.say(play.start(), "complaint: hurt")

    async def work(server: MailServer) -> None:
        await sender(database, play.clock, server, timeout_seconds=1.0).send_due()
        (row,) = database.read(lambda uow: uow.outbox.deliveries(1))
        assert (row.state, row.attempts) == ("waiting", 1)
        assert "secret" not in row.answer and "@" not in row.answer
        assert database.read(list_alarms)[0].sent_at is None
        play.clock.advance(15)
        await sender(database, play.clock, server).send_due()
        first, second = server.mails
        assert first["Message-ID"] == second["Message-ID"]
        assert database.read(list_alarms)[0].sent_at is not None

    with_mail(work, answer, TAKE)


def test_server_without_tls_gets_nothing_from_another_machine(monkeypatch: Any) -> None:
    async def work(server: MailServer) -> None:
        monkeypatch.setattr("bot.services.alarm_mail._is_this_machine", lambda host: False)
        mailer = AlarmMailer(settings_of(server))
        body = {"number": "P1", "gravity": "harm", "occasions": ["harm"]}
        body["said_at"] = START.isoformat()
        taken = await mailer.send("evt_1", body, SAMPLE, START)
        assert taken == (0, "SMTPNotSupportedError")
        assert server.mails == [] and server.logins == []

    with_mail(work)


def test_webhook_and_mail_are_both_told_and_the_first_counts(play: Play) -> None:
    database = play.app.database
    listen(database)

    async def work(server: MailServer) -> None:
        async with receiving(500, 204) as receiver:
            database.write(
                lambda uow: add_webhook(uow, receiver.url, [ALARM], actor="cli", now=START)
            )
            new = NewCase(channel="phone", text="it burnt", harm={"bodily": "serious"})
            database.write(lambda uow: enter_case(uow, new, by=LIN, now=START))
            play.clock.advance(3)
            await sender(database, play.clock, server).send_due()
            play.clock.advance(15)
            await sender(database, play.clock, server).send_due()
            assert (len(server.mails), len(receiver.received)) == (1, 2)
            assert json.loads(receiver.received[0].body)["data"]["gravity"] == "harm"
        assert database.read(list_alarms)[0].seconds == 3.0

    with_mail(work)


def test_mail_target_comes_and_goes_with_the_settings(database: Database) -> None:
    listen(database)
    listen(database)
    (row,) = database.read(lambda uow: uow.outbox.webhooks())
    assert (row.url, row.events) == (MAIL, [ALARM])
    with pytest.raises(UsageError, match="PRELUDE_ALARM_TO"):
        database.write(lambda uow: remove_webhook(uow, row.id, actor="cli", now=START))
    database.write(lambda uow: keep_mail_target(uow, START, is_wanted=False))
    assert database.read(lambda uow: uow.outbox.webhooks())[0].disabled_at == START
    listen(database)
    assert len(database.read(lambda uow: uow.outbox.webhooks())) == 2


# --- who dies meanwhile -------------------------------------------------------------------------


def test_alarm_of_a_transaction_that_did_not_commit_is_not_sent(play: Play) -> None:
    database = play.app.database
    listen(database)

    def write_and_die(uow: Any) -> None:
        new = NewCase(channel="phone", text="it burnt", harm={"bodily": "serious"})
        enter_case(uow, new, by=LIN, now=START)
        raise RuntimeError("killed before the commit")

    with pytest.raises(RuntimeError):
        database.write(write_and_die)

    async def work(server: MailServer) -> None:
        await sender(database, play.clock, server).send_due()
        assert server.mails == []
        assert database.read(list_alarms) == []

    with_mail(work)


def test_sender_killed_between_commit_and_answer_leaves_it_to_the_next(play: Play) -> None:
    database = play.app.database
    now = datetime.now(timezone.utc)  # the child has the machine's clock
    listen(database)
    new = NewCase(channel="phone", text="it burnt", harm={"bodily": "serious"})
    database.write(lambda uow: enter_case(uow, new, by=LIN, now=now))
    clock = FakeClock(now)

    async def work(server: MailServer) -> None:
        child = subprocess.Popen([sys.executable, "-c", CHILD, database.url, server.url], cwd=ROOT)
        try:
            await eventually(lambda: len(server.mails) == 1, 20)
        finally:
            child.kill()
            child.wait()
        assert database.read(list_alarms)[0].sent_at is None
        clock.advance(60 + LEASE.total_seconds())
        await sender(database, clock, server).send_due()
        assert len({mail["Message-ID"] for mail in server.mails}) == 1
        assert len(server.mails) == 2
        assert database.read(list_alarms)[0].sent_at is not None

    with_mail(work, HANG, TAKE)


# --- settings and commands ----------------------------------------------------------------------

MAIL_SET = {
    "PRELUDE_SMTP_URL": "smtps://name:pass%40word@mail.example:465",
    "PRELUDE_ALARM_TO": "li@shop.example, zhao@shop.example",
    "PRELUDE_ALARM_FROM": "alarm@shop.example",
}


def test_settings_read_receivers_and_hide_the_password() -> None:
    settings = load_settings(MAIL_SET)
    assert settings.alarm_to == ("li@shop.example", "zhao@shop.example")
    assert "word" not in repr(settings)
    assert load_settings({}).smtp_url == ""


@pytest.mark.parametrize(
    ("change", "named"),
    [
        *(({name: ""}, name) for name in MAIL_SET),
        ({"PRELUDE_SMTP_URL": "mail.example:25"}, "PRELUDE_SMTP_URL"),
        ({"PRELUDE_SMTP_URL": "http://mail.example"}, "PRELUDE_SMTP_URL"),
        ({"PRELUDE_SMTP_URL": "smtp://word@mail.example"}, "PRELUDE_SMTP_URL"),
        ({"PRELUDE_SMTP_URL": "smtp://word:word@mail.example:99999"}, "PRELUDE_SMTP_URL"),
        ({"PRELUDE_ALARM_TO": "li@shop.example,,"}, "PRELUDE_ALARM_TO"),
        ({"PRELUDE_ALARM_TO": "li@shop.example\nBcc: x@y.z"}, "PRELUDE_ALARM_TO"),
        ({"PRELUDE_ALARM_FROM": "the shop"}, "PRELUDE_ALARM_FROM"),
    ],
)
def test_setting_that_cannot_be_used_is_named(change: dict[str, str], named: str) -> None:
    with pytest.raises(UsageError, match=named) as refused:
        load_settings({**MAIL_SET, **change})
    assert "pass%40word" not in str(refused.value)


def test_command_lists_how_long_it_took(play: Play) -> None:
    play.say(play.start(), "complaint: hurt")
    number = play.app.database.read(list_alarms)[0].number
    play.app.database.write(lambda uow: uow.alarms.note_sent(number, "harm", play.clock.now()))
    (row,) = asyncio.run(perform(play.app, "case.alarms", {}))
    assert (row["number"], row["gravity"], row["seconds"]) == (number, "harm", 0.0)
