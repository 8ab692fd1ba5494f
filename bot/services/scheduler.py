"""Does by the clock what nobody asks for: overdue cases, promises, aftercare, grades.

Every job may be done twice without harm, so a job is taken with a lease: of several servers one
does it, and what a dead or failing one leaves behind is begun anew when the lease is over.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import partial
from pathlib import Path

import structlog

from bot.clock import SHOP_TIME_ZONE, Clock
from bot.crm.database import Database
from bot.crm.unit_of_work import UnitOfWork
from bot.errors import StorageUnavailableError
from bot.knowledge.book import Book
from bot.services.aftercare import ask_defectors, make_reminders
from bot.services.asking_after import ask_silent
from bot.services.cases import note_overdue
from bot.services.follow_up import schedule_calls
from bot.services.ports import Notifier
from bot.services.promise_watch import OwnerChanged, watch_promises
from bot.services.reminders import send_reminders
from bot.services.retention import run_retention
from bot.services.techniques import give_up_waiting
from bot.services.value import grade_customers

log = structlog.get_logger(__name__)

TICK_SECONDS = 10.0
LEASE = timedelta(minutes=5)

Slot = Callable[[datetime], datetime]


@dataclass(frozen=True)
class Job:
    """Something to do once a slot.

    Attributes:
        slot: returns when the slot of a moment began.
        work: does it in short transactions and yields between them.
    """

    name: str
    slot: Slot
    work: Callable[[Database, datetime], AsyncIterator[None]]


def every(interval: timedelta) -> Slot:
    """Return slots of this length, counted from midnight UTC; an hour at most divides a day."""

    def began(now: datetime) -> datetime:
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        return now - (now - midnight) % interval

    return began


def nightly(hour: int) -> Slot:
    """Return slots that begin at this hour of the shop's day."""

    def began(now: datetime) -> datetime:
        today = datetime.combine(now.astimezone(SHOP_TIME_ZONE).date(), time(hour), SHOP_TIME_ZONE)
        return today if today <= now else today - timedelta(days=1)

    return began


async def mark_overdue(database: Database, now: datetime) -> AsyncIterator[None]:
    """Mark every open case past its deadline; yields in between."""
    while await database.write_async(lambda uow: note_overdue(uow, now)):
        yield


JOBS = (
    Job("cases.overdue", every(timedelta(minutes=1)), mark_overdue),
    Job("aftercare", every(timedelta(hours=1)), make_reminders),
    Job("follow_ups", every(timedelta(hours=1)), schedule_calls),
    Job("grades", nightly(2), grade_customers),
    Job("defection", nightly(3), ask_defectors),
    Job("techniques.idle", every(timedelta(hours=1)), give_up_waiting),
)


def all_jobs(
    var_dir: Path, book: Book, notifier: Notifier, owner_changed: OwnerChanged
) -> tuple[Job, ...]:
    """Return what a server does by the clock.

    Args:
        var_dir: holds its pictures and backups.
        book: the words of a reminder and of a question, the rules of promises.
        notifier: tells the page of a customer who is reminded or asked.
        owner_changed: tells it of a promise that was broken.
    """
    remind = partial(send_reminders, book=book, notifier=notifier)
    watch = partial(watch_promises, book=book, owner_changed=owner_changed)
    ask = partial(ask_silent, book=book, notifier=notifier)
    return (
        *JOBS,
        Job("reminders", every(timedelta(minutes=1)), remind),
        Job("silence", every(timedelta(minutes=1)), ask),
        Job("promises", every(timedelta(minutes=1)), watch),
        Job("retention", nightly(4), partial(run_retention, var_dir=var_dir)),
    )


class Scheduler:
    """Runs jobs when they are due. One a process."""

    def __init__(self, database: Database, clock: Clock, jobs: Sequence[Job]) -> None:
        self._database = database
        self._clock = clock
        self._jobs = jobs

    async def run(self) -> None:
        """Run until cancelled; each job by itself, so a long one delays no other."""
        await asyncio.gather(*(self._repeat(job) for job in self._jobs))

    async def run_due(self, now: datetime) -> list[str]:
        """Run what is due, one after the other; return the names of the jobs that were done."""
        return [job.name for job in self._jobs if await self._try(job, now)]

    async def _repeat(self, job: Job) -> None:
        while True:
            await self._try(job, self._clock.now())
            await self._clock.sleep(TICK_SECONDS)

    async def _try(self, job: Job, now: datetime) -> bool:
        """Do a job if it is due and nobody else has it; tell whether it was done."""
        try:
            return await self._do(job, now)
        except StorageUnavailableError as error:
            log.warning("job.storage_unavailable", job=job.name, error=str(error))
        except Exception:
            log.exception("job.failed", job=job.name)
        return False

    async def _do(self, job: Job, now: datetime) -> bool:
        slot = job.slot(now)
        last_run = await self._database.read_async(lambda uow: uow.jobs.last_run(job.name))
        if last_run is not None and last_run >= slot:
            return False
        if not await self._database.write_async(
            lambda uow: uow.jobs.start(job.name, slot, LEASE, now)
        ):
            return False
        renewed_at = self._clock.now()
        async for _ in job.work(self._database, now):
            if self._clock.now() - renewed_at >= LEASE / 3:
                renewed_at = self._clock.now()
                await self._database.write_async(self._renewal(job, renewed_at))
        await self._database.write_async(lambda uow: uow.jobs.finish(job.name, now))
        return True

    @staticmethod
    def _renewal(job: Job, moment: datetime) -> Callable[[UnitOfWork], None]:
        return lambda uow: uow.jobs.renew(job.name, moment)
