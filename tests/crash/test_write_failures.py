"""Every write path, failing at every statement and at the commit: nothing is half written.

A failure is a database that says no in mid-transaction: disk full, read-only, connection gone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, select

from bot.crm.database import Database
from bot.crm.models import Base
from bot.crm.unit_of_work import UnitOfWork
from bot.errors import StorageUnavailableError
from bot.knowledge.book import load_book
from bot.services import queue, reception
from bot.services.case_moves import Mover
from bot.services.cases import CaseChange, change_case, note_overdue
from bot.services.conversations import InboundText, accept_message
from bot.services.customers import CustomerChange, change_customer, merge_customers, put_customer
from bot.services.identity import Customer
from bot.services.orders import OrderChange, OrderLineValue, put_order
from bot.services.staff import add_user
from bot.services.survey import SurveyAnswer, rate
from bot.services.tasks import NewTask, TaskChange, add_task, change_task
from bot.services.turns import apply_result, load_turn
from tests.conftest import Play
from tests.fakes import START, FakeComputer

Job = Callable[[UnitOfWork], Any]
LATER = START + timedelta(days=90)
ORDER = OrderChange(phone="13800138000", placed_at=START, lines=[OrderLineValue("kettle", 1, 9900)])


class Scene:
    """A shop with something of everything in it."""

    def __init__(self, play: Play) -> None:
        self.database = play.app.database
        self.talk = play.start()
        play.say(self.talk, "complaint cup", "human")
        self.other = play.start()
        self.pending = self.database.write(
            lambda uow: accept_message(uow, self.inbound("p"), max_chars=100, now=START)
        )
        self.customers = [self.put(phone) for phone in ("13800138000", "13800138001")]
        self.database.write(lambda uow: put_order(uow, "A1", ORDER, actor="cli", now=START))
        self.database.write(lambda uow: add_user(uow, "Li", "agent", START))
        self.database.write(lambda uow: uow.outbox.add_webhook("http://x", "s", EVENTS, START))
        self.task = self.database.write(
            lambda uow: add_task(uow, NewTask("visit", "go"), actor="cli", now=START)
        )
        self.case = self.database.read(lambda uow: uow.cases.of_conversation(self.talk)[0])

    def put(self, phone: str) -> int:
        return self.database.write(
            lambda uow: put_customer(
                uow, [("phone", phone)], CustomerChange(), actor="cli", source="t", now=START
            )
        ).id

    def inbound(self, client_id: str) -> InboundText:
        return InboundText(self.other, client_id, "complaint: broken")


EVENTS = ["case.opened", "case.changed", "case.overdue"]


def apply_turn(uow: UnitOfWork, scene: Scene) -> None:
    loaded = load_turn(uow, scene.other, LATER)
    assert loaded is not None
    apply_result(uow, loaded.request, FakeComputer().turn(loaded.request), LATER)


def jobs(scene: Scene) -> dict[str, Job]:
    book, li = load_book(), "Li"
    first, second = scene.customers
    return {
        "begin a talk": lambda uow: reception.begin(uow, "web", "token", LATER),
        "log in": lambda uow: reception.welcome(
            uow, scene.other, Customer("u1", "Wang"), None, LATER
        ),
        "T1": lambda uow: accept_message(uow, scene.inbound("n"), max_chars=100, now=LATER),
        "T2": lambda uow: apply_turn(uow, scene),
        "claim": lambda uow: queue.claim(uow, book, scene.talk, li, LATER),
        "rate": lambda uow: rate(uow, book, scene.talk, SurveyAnswer(2), LATER),
        "add a person": lambda uow: add_user(uow, "Zhao", "agent", LATER),
        "new customer": lambda uow: put_customer(
            uow,
            [("phone", "13800138009"), ("login", "u9")],
            CustomerChange(name="N", grade="vip"),
            actor="cli",
            source="t",
            now=LATER,
        ),
        "change a customer": lambda uow: change_customer(
            uow, first, CustomerChange(city="Wuhan", grade="small"), actor="cli", now=LATER
        ),
        "merge customers": lambda uow: merge_customers(uow, second, first, "cli", LATER),
        "new order": lambda uow: put_order(uow, "A2", ORDER, actor="cli", now=LATER),
        "change an order": lambda uow: put_order(
            uow,
            "A1",
            OrderChange(state="cancelled", lines=[OrderLineValue("kettle", 2, 9900)]),
            actor="cli",
            now=LATER,
        ),
        "new task": lambda uow: add_task(uow, NewTask("visit", "go"), actor="cli", now=LATER),
        "finish a task": lambda uow: change_task(
            uow, scene.task.id, TaskChange(state="done", result="ok"), actor="cli", now=LATER
        ),
        "work on a case": lambda uow: change_case(
            uow, scene.case.number, CaseChange("Zhao", "hm"), by=Mover("p", "agent"), now=LATER
        ),
        "mark overdue": lambda uow: note_overdue(uow, LATER),
    }


NAMES = [
    *("begin a talk", "log in", "T1", "T2", "claim", "rate", "add a person", "new customer"),
    *("change a customer", "merge customers", "new order", "change an order", "new task"),
    *("finish a task", "work on a case", "mark overdue"),
]


def contents(database: Database) -> str:
    """Return a hash over all rows of all tables."""
    digest = hashlib.sha256()

    def read(uow: UnitOfWork) -> None:
        for table in Base.metadata.sorted_tables:
            rows = uow._session.execute(select(table).order_by(*table.primary_key.columns))
            digest.update(repr((table.name, [tuple(row) for row in rows])).encode())

    database.read(read)
    return digest.hexdigest()


@contextmanager
def failing_at(database: Database, number: int) -> Iterator[list[int]]:
    """Let the `number`-th statement from now on fail; yield the count of statements so far."""
    seen = [0]
    error = database.write_engine.dialect.dbapi.OperationalError  # type: ignore[union-attr]

    def refuse(*_: Any) -> None:
        seen[0] += 1
        if seen[0] == number:
            raise error("the disk is full")

    event.listen(database.write_engine, "do_execute", refuse)
    try:
        yield seen
    finally:
        event.remove(database.write_engine, "do_execute", refuse)


@contextmanager
def failing_commit(database: Database) -> Iterator[None]:
    dialect = database.write_engine.dialect
    error = dialect.dbapi.OperationalError  # type: ignore[union-attr]

    def refuse(_: Any) -> None:
        raise error("the connection is gone")

    dialect.do_commit = refuse  # type: ignore[method-assign]
    try:
        yield
    finally:
        del dialect.do_commit


def test_every_write_path_is_named(play: Play) -> None:
    assert list(jobs(Scene(play))) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_half_written_whatever_statement_fails(play: Play, name: str) -> None:
    scene = Scene(play)
    database, job = scene.database, jobs(scene)[name]
    before = contents(database)
    number = 1
    while True:
        with failing_at(database, number) as seen:
            try:
                database.write(job)
            except StorageUnavailableError:
                assert contents(database) == before
            else:
                assert seen[0] == number - 1  # it got through: no statement was left to fail
                break
        number += 1
    assert number > 2
    assert contents(database) != before


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_written_when_the_commit_fails(play: Play, name: str) -> None:
    scene = Scene(play)
    database, job = scene.database, jobs(scene)[name]
    before = contents(database)
    with failing_commit(database), pytest.raises(StorageUnavailableError):
        database.write(job)
    assert contents(database) == before
    database.write(job)
    assert contents(database) != before
