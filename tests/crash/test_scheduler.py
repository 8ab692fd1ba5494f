"""What the server does by the clock: each thing once, whoever dies, whoever else does it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from bot.crm.database import Database
from bot.crm.records import TaskRecord
from bot.crm.tasks import TaskFilter
from bot.dialogue.case_numbers import case_number
from bot.dialogue.turn import OpenCase
from bot.errors import StorageUnavailableError
from bot.knowledge.book import load_book
from bot.services.aftercare import care_products, make_reminders, reminders_of
from bot.services.customers import CustomerChange, change_customer
from bot.services.orders import OrderChange, OrderLineValue, put_order
from bot.services.rounds import CHUNK
from bot.services.scheduler import JOBS, LEASE, Job, Scheduler, all_jobs, every, nightly
from bot.settings import Settings
from tests.conftest import Play
from tests.fakes import START, FakeClock, FakeNotifier
from tests.integration.served import eventually

PHONE = "13800138000"
DAY = timedelta(days=1)
CARE = [job for job in JOBS if job.name in ("aftercare", "defection")]
NOON = datetime(2026, 3, 1, 4, 0, tzinfo=timezone.utc)  # at the shop


def order(
    database: Database, number: str, placed_at: datetime, *, phone: str = PHONE, **more: Any
) -> None:
    lines = [OrderLineValue(more.pop("product", "air_fryer"), 1, 29_900)]
    change = OrderChange(phone=phone, placed_at=placed_at, lines=lines, **more)
    database.write(lambda uow: put_order(uow, number, change, actor="cli", now=placed_at))


def customer(database: Database, phone: str = PHONE, **values: Any) -> int:
    """Return whose number it is, after setting some fields."""
    found = database.read(lambda uow: uow.customers.find("phone", phone))
    assert found is not None
    change = CustomerChange(**values)
    database.write(lambda uow: change_customer(uow, found, change, actor="cli", now=NOON))
    return found


def tasks(database: Database) -> list[TaskRecord]:
    return database.read(lambda uow: uow.tasks.page(TaskFilter(), limit=5000)).items[::-1]


def made(database: Database) -> list[tuple[str, int]]:
    """Return (rule, days since NOON) of every task, in order."""
    return [
        (str(task.origin).split(":")[1], (task.created_at - NOON).days) for task in tasks(database)
    ]


def sell_used_up(database: Database, product_id: str, units: float) -> None:
    """Let a product be used up: one unit a person and day."""
    statement = (
        f"update product set content_units = {units}, daily_use_per_person = 1.0 "
        f"where id = '{product_id}'"
    )
    database.write(lambda uow: uow._session.connection().exec_driver_sql(statement))


def complain(play: Play, customer_id: int, at: datetime) -> None:
    """Open a complaint case of this customer."""
    conversation = play.start()
    play.say(conversation, "hello")
    database = play.app.database
    (message,) = [
        each
        for each in database.read(lambda uow: uow.messages.events_after(conversation, 0))
        if each.sender == "customer"
    ]
    command = OpenCase(
        source_message_id=message.id,
        number=case_number(message.id, at),
        causes=("product",),
        severity="slight",
        deadline_at=at + DAY,
    )
    database.write(
        lambda uow: uow.cases.open_case(conversation, customer_id, command, owner="x", now=at)
    )


def run(database: Database, now: datetime, jobs: Any = JOBS) -> list[str]:
    return asyncio.run(Scheduler(database, FakeClock(now), jobs).run_due(now))


# --- a year ------------------------------------------------------------------------------------


def a_year_of_purchases(database: Database) -> None:
    sell_used_up(database, "kettle", units=120)  # two people: 60 days
    delivered: dict[str, Any] = {
        "state": "delivered",
        "dispatched_at": NOON + DAY,
        "delivered_at": NOON + 3 * DAY,
    }
    order(database, "A1", NOON, product="air_fryer", **delivered)
    order(database, "A2", NOON, product="kettle", **delivered)
    customer(database, name="Lin", household_size=2, birthday="1990-05-01")


A_YEAR = Counter(
    {
        ("thanks", 1): 2,  # one an order
        ("works", 6): 2,
        ("refill", 3 + 60 - 5): 1,
        ("birthday", 61): 1,  # 1 May
        ("opinion", 3 + 90): 2,
        ("warranty", 3 + 365 - 30): 2,
    }
)
DUE_DAYS = sorted({days for _, days in A_YEAR})


def test_in_a_year_every_reminder_comes_once_on_its_day(database: Database) -> None:
    a_year_of_purchases(database)
    for days in range(0, 366):
        run(database, NOON + days * DAY, CARE[:1])
    assert Counter(made(database)) == A_YEAR
    assert {task.customer_id for task in tasks(database)} == {customer(database)}


def test_two_schedulers_on_one_database_make_no_double(database: Database) -> None:
    a_year_of_purchases(database)
    other = Database(database.url)
    ran: list[str] = []

    async def day(now: datetime) -> None:
        pair = [Scheduler(each, FakeClock(now), CARE) for each in (database, other)]
        for names in await asyncio.gather(*(each.run_due(now) for each in pair)):
            ran.extend(names)

    for days in DUE_DAYS:
        asyncio.run(day(NOON + days * DAY))
    other.close()
    assert Counter(made(database)) == A_YEAR
    # each once a slot, by one of them
    assert Counter(ran) == {"aftercare": len(DUE_DAYS), "defection": len(DUE_DAYS)}


def test_reminder_is_made_late_after_a_holiday_but_not_after_its_grace(database: Database) -> None:
    a_year_of_purchases(database)
    run(database, NOON + 3 * DAY, CARE)  # thanks are due on the first day, with two of grace
    run(database, NOON + 20 * DAY, CARE)
    assert made(database) == [("thanks", 3), ("thanks", 3)]


def test_task_tells_whom_to_call_until_when_and_what_to_say(database: Database) -> None:
    a_year_of_purchases(database)
    run(database, NOON + DAY, CARE)
    task = tasks(database)[0]
    assert (task.kind, task.contact, task.state) == ("thanks", PHONE, "open")
    assert task.origin == "aftercare:thanks:A1"
    assert task.order_id == database.read(lambda uow: uow.orders.get("A1")).id
    assert task.due_at == datetime(2026, 3, 2, 16, tzinfo=timezone.utc)  # midnight at the shop
    title, script = task.note.split("\n", 1)
    assert title and "Lin" in script and "A1" in script


# --- who is left alone -------------------------------------------------------------------------


def test_who_wants_no_contact_is_never_reminded(database: Database) -> None:
    a_year_of_purchases(database)
    customer(database, do_not_contact=True)
    for days in DUE_DAYS:
        run(database, NOON + days * DAY, CARE)
    assert tasks(database) == []


def test_who_is_known_by_nothing_any_more_is_never_reminded(database: Database) -> None:
    # an erased customer's orders stay, for the figures
    a_year_of_purchases(database)
    whose = customer(database)
    database.write(lambda uow: uow.customers.forget_identity(whose, "phone", PHONE))
    run(database, NOON + DAY, CARE)
    assert tasks(database) == []


@pytest.mark.parametrize("ends", ["refuses contact", "is erased"])
def test_who_leaves_between_the_look_and_the_task_is_not_reminded(
    database: Database, ends: str
) -> None:
    # the list of whom to look at is read before; the last look is in the task's own transaction
    a_year_of_purchases(database)
    whose, day = customer(database), (NOON + DAY).date()

    def due(uow: Any) -> int:
        return len(reminders_of(uow, whose, care_products(uow), day))

    assert database.read(due) == 2
    if ends == "is erased":
        database.write(lambda uow: uow.customers.forget_identity(whose, "phone", PHONE))
    else:
        customer(database, do_not_contact=True)
    assert database.read(due) == 0


def test_while_a_complaint_is_open_no_reminder_sells(play: Play) -> None:
    database = play.app.database
    a_year_of_purchases(database)
    complain(play, customer(database), NOON)
    for days in DUE_DAYS:
        run(database, NOON + days * DAY, CARE[:1])
    assert {rule for rule, _ in made(database)} == {"thanks"}


def test_regular_who_buys_no_more_after_a_complaint_is_asked_once(play: Play) -> None:
    database = play.app.database
    for number in range(6):
        order(database, f"B{number}", NOON - (60 - 10 * number) * DAY)
    whose = customer(database)
    complain(play, whose, NOON - 9 * DAY)
    for days in range(0, 40):
        run(database, NOON + days * DAY, CARE[1:])
    (task,) = tasks(database)
    assert (task.kind, task.customer_id) == ("defection_follow_up", whose)
    assert task.origin == "defection:B5"
    assert (task.created_at - NOON).days == 11  # more than twice the usual ten days of silence


# --- crashes and failures ----------------------------------------------------------------------


def test_crash_between_two_chunks_loses_and_doubles_nothing(database: Database) -> None:
    count = 2 * CHUNK + 3
    for number in range(count):
        order(database, f"C{number}", NOON, phone=f"138{number:08}")

    async def die_after_one_step(database: Database, now: datetime) -> AsyncIterator[None]:
        async for _ in make_reminders(database, now):
            raise asyncio.CancelledError  # as `kill -9` would: nothing after it runs
            yield

    dying = Job("aftercare", every(timedelta(hours=1)), die_after_one_step)
    with pytest.raises(asyncio.CancelledError):
        run(database, NOON + DAY, [dying])
    assert len(tasks(database)) == CHUNK
    soon = NOON + DAY + LEASE - timedelta(seconds=1)
    assert run(database, soon, CARE[:1]) == []  # the dead one may still be at it
    assert run(database, NOON + DAY + LEASE, CARE[:1]) == ["aftercare"]
    assert Counter(str(task.origin) for task in tasks(database)) == Counter(
        f"aftercare:thanks:C{number}" for number in range(count)
    )


def test_job_that_fails_is_tried_again_and_stops_no_other(database: Database) -> None:
    tries = []

    def failing(error: Exception) -> Callable[[Database, datetime], AsyncIterator[None]]:
        async def work(_: Database, now: datetime) -> AsyncIterator[None]:
            tries.append(now)
            raise error
            yield

        return work

    async def good(_: Database, now: datetime) -> AsyncIterator[None]:
        yield

    jobs = [
        Job("bad", nightly(2), failing(ValueError("on purpose"))),
        Job("worse", nightly(2), failing(StorageUnavailableError("on purpose"))),
        Job("good", nightly(2), good),
    ]
    assert run(database, NOON, jobs) == ["good"]
    assert run(database, NOON + LEASE / 2, jobs) == []
    assert run(database, NOON + LEASE, jobs) == []
    assert tries == [NOON, NOON, NOON + LEASE, NOON + LEASE]


def test_customer_who_cannot_be_worked_on_keeps_nobody_from_theirs(database: Database) -> None:
    for number in range(3):
        order(database, f"D{number}", NOON, phone=f"138{number:08}")
    broken = database.read(lambda uow: uow.orders.get("D1"))
    database.write(
        lambda uow: uow.orders.change(broken.id, {"dispatch_promised_on": "soon"}, None, NOON)
    )
    assert run(database, NOON + DAY, CARE[:1]) == ["aftercare"]
    assert [task.origin for task in tasks(database)] == [
        "aftercare:thanks:D0",
        "aftercare:thanks:D2",
    ]


def test_long_job_keeps_its_lease(database: Database) -> None:
    clock = FakeClock(NOON)
    seen: list[list[str]] = []

    async def long(_: Database, now: datetime) -> AsyncIterator[None]:
        for _step in range(12):
            clock.advance(60)
            other = Scheduler(database, clock, [Job("long", nightly(2), long)])
            seen.append(await other.run_due(clock.now()))
            yield

    job = Job("long", nightly(2), long)
    assert asyncio.run(Scheduler(database, clock, [job]).run_due(NOON)) == ["long"]
    assert seen == [[]] * 12  # eleven minutes, with a lease of five


# --- when ---------------------------------------------------------------------------------------


def test_slots_of_an_hour_and_of_the_shops_night() -> None:
    moment = datetime(2026, 3, 1, 18, 30, 7, tzinfo=timezone.utc)  # 02:30 of the next day there
    assert every(timedelta(hours=1))(moment) == moment.replace(minute=0, second=0)
    assert every(timedelta(minutes=1))(moment) == moment.replace(second=0)
    assert nightly(2)(moment) == moment.replace(minute=0, second=0)
    assert nightly(3)(moment) == moment.replace(minute=0, second=0) - timedelta(hours=23)
    assert nightly(3)(nightly(3)(moment)) == nightly(3)(moment)


def test_jobs_run_once_a_slot(database: Database) -> None:
    night = datetime(2026, 3, 1, 17, 59, tzinfo=timezone.utc)  # a minute to two at the shop
    assert set(run(database, night)) == {job.name for job in JOBS}
    assert run(database, night) == []
    hourly = ["cases.overdue", "techniques.idle", "follow_ups"]
    minute_later = set(run(database, night + timedelta(minutes=1)))
    assert minute_later == {*hourly, "aftercare", "grades"}
    hour_later = set(run(database, night + timedelta(minutes=61)))
    assert hour_later == {*hourly, "aftercare", "defection"}
    assert set(run(database, night + 5 * DAY)) == {job.name for job in JOBS}  # it was off


def test_retention_is_one_of_the_jobs_and_leaves_its_entry(
    database: Database, settings: Settings
) -> None:
    notifier = FakeNotifier()
    jobs = all_jobs(settings.var_dir, load_book(), notifier, notifier.publish)
    names = run(database, NOON, jobs)
    assert names == [
        *(job.name for job in JOBS),
        *("reminders", "silence", "promises", "retention"),
    ]
    verbs = database.read(lambda uow: [each.verb for each in uow.audit._entries()])
    assert verbs == ["retention.done"]


def test_every_overdue_case_is_marked_once(play: Play) -> None:
    database = play.app.database
    conversation = play.start()
    for number in range(60):  # more than at once
        play.say(conversation, f"complaint {number}")
    late = START + timedelta(hours=25)  # the next level hears of it four hours later
    run(database, late, JOBS[:1])
    cases = database.read(lambda uow: uow.cases.of_conversation(conversation))

    def verbs_of(uow: Any) -> list[list[str]]:
        return [[event.verb for event in uow.cases.events_of(case.number)] for case in cases]

    assert database.read(verbs_of) == [["opened", "overdue"]] * 60
    run(database, late + timedelta(minutes=1), JOBS[:1])
    assert database.read(verbs_of) == [["opened", "overdue"]] * 60


def test_long_job_delays_no_other_and_all_end_when_cancelled(database: Database) -> None:
    class PacedClock(FakeClock):
        async def sleep(self, seconds: float) -> None:
            self.advance(seconds)
            await asyncio.sleep(0.001)

    minutes: list[datetime] = []

    async def endless(_: Database, now: datetime) -> AsyncIterator[None]:
        await asyncio.sleep(3600)
        yield

    async def quick(_: Database, now: datetime) -> AsyncIterator[None]:
        minutes.append(now.replace(second=0, microsecond=0))
        yield

    every_minute = every(timedelta(minutes=1))

    async def main() -> None:
        jobs = [Job("endless", every_minute, endless), Job("quick", every_minute, quick)]
        running = asyncio.create_task(Scheduler(database, PacedClock(NOON), jobs).run())
        await eventually(lambda: len(minutes) == 5)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(main())
    assert minutes == [NOON + timedelta(minutes=number) for number in range(5)]
