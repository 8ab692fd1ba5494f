"""The figures of the days equal a recount, whatever happened (`bot.crm.counts`)."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, get_args

import msgspec
import pytest

from bot.clock import SHOP_TIME_ZONE
from bot.crm.cases import CaseFilter
from bot.crm.counts import METRICS, Counts
from bot.crm.database import Database
from bot.crm.unit_of_work import UnitOfWork
from bot.dialogue import turn as t
from bot.dialogue.case_numbers import case_number
from bot.knowledge.book import Book, load_book
from bot.services.case_moves import Mover
from bot.services.cases import move_case, note_overdue
from bot.services.conversations import InboundText, accept_message
from bot.services.customers import CustomerChange, merge_customers, put_customer, recognise_login
from bot.services.orders import OrderChange, OrderLineValue, OrderState, put_order
from bot.services.reception import begin
from bot.services.survey import SurveyAnswer, rate
from bot.services.tasks import NewTask, add_task
from bot.services.turns import apply_failure, apply_result, load_turn
from tests.fakes import START, FakeClock, FakeComputer

HISTORIES = 1000
SEED = 20261122
WAY: tuple[tuple[str, dict[str, Any]], ...] = (
    ("acknowledge", {}),
    ("assess", {"causes": ["product"]}),
    ("investigate", {"finding": "x"}),
    (
        "decide",
        {"outcome": "accept", "reasonable": True, "must": True, "able": True, "reason": "x"},
    ),
    ("end_contact", {"why": "x"}),
    ("close", {"reason": "x", "cause_level": "person"}),
)
FIRST_DAY, LAST_DAY = "0000-00-00", "9999-99-99"


class ChangedMindError(Exception):
    """Rolls a whole history back."""


@dataclass
class Histories:
    """What customers, staff and programs do, at random. One history is one transaction."""

    rng: random.Random
    clock: FakeClock
    book: Book

    def play(self, uow: UnitOfWork) -> None:
        acts: list[Callable[[UnitOfWork], None]] = [
            self.talk,
            self.order,
            self.add_task,
            self.merge,
            self.import_some,
            self.work_on_cases,
        ]
        (act,) = self.rng.choices(acts, (6, 3, 1, 1, 1, 1))
        act(uow)
        self.clock.advance(self.rng.randrange(4 * 3600))
        if self.rng.random() < 0.05:
            raise ChangedMindError

    def now(self) -> datetime:
        return self.clock.now()

    def talk(self, uow: UnitOfWork) -> None:
        record = begin(uow, "web", f"token{self.rng.randrange(400)}", self.now())
        if self.rng.random() < 0.2:
            subject = f"member{self.rng.randrange(100)}"
            recognise_login(uow, record.id, subject, "", self.now())
        for number in range(self.rng.randint(1, 3)):
            inbound = InboundText(record.id, f"m{number}", "hello")
            accept_message(uow, inbound, max_chars=100, now=self.now())
            self.clock.advance(self.rng.randrange(600))
            self.answer(uow, record.id)
        if self.rng.random() < 0.3:
            rate(uow, self.book, record.id, SurveyAnswer(self.rng.randint(1, 5)), self.now())

    def answer(self, uow: UnitOfWork, talk: str) -> None:
        loaded = load_turn(uow, talk, self.now())
        if loaded is None:  # it waits for a person
            return
        request = loaded.request
        if self.rng.random() < 0.05:
            apply_failure(uow, request, self.book, response="utter_turn_failed", now=self.now())
            return
        result = FakeComputer().turn(request)
        commands = tuple(self.commands(request))
        apply_result(
            uow, request, t.TurnResult(**{**fields_of(result), "commands": commands}), self.now()
        )

    def commands(self, request: t.TurnRequest) -> list[t.Command]:
        facts, message = request.facts, request.messages[0]
        belief = t.Belief(0.4, 0.3, 0.3, "unclear")
        numbers = [entry.number for entry in facts.ledger]
        found: list[t.Command] = []
        if self.happens(0.4):
            entry = t.LedgerEntry(
                number=max(numbers, default=0) + 1,
                kind=self.rng.choice(get_args(t.ObjectionKind)),
                state="open",
                belief=belief,
                source_message_id=message.message_id,
                text=message.text,
            )
            found.append(t.OpenObjection(entry))
        if numbers and self.happens(0.3):
            entry = self.rng.choice(facts.ledger)
            found.append(t.UpdateObjection(msgspec.structs.replace(entry, state="answered")))
        if facts.open_case is not None:
            number = facts.open_case.number
            found.append(t.AddToCase(number, message.message_id, "customer_said", ("service",)))
        elif self.happens(0.2):
            number = case_number(message.message_id, message.received_at)
            deadline = self.now() + timedelta(hours=24)
            found.append(t.OpenCase(message.message_id, number, ("product",), "slight", deadline))
        elif numbers and self.happens(0.6):
            found.append(t.RecordTechnique(self.rng.choice(numbers), "breakdown"))
        if self.happens(0.1):
            found.append(t.CreateTask("call_back", "13800138000", "tomorrow", ""))
        if self.happens(0.1):
            found.append(t.HandOver("asked"))
        return found

    def order(self, uow: UnitOfWork) -> None:
        """A new one, or one that is there: its state, its day or its lines become others."""
        fen = self.rng.randrange(1, 100_000)
        change: dict[str, Any] = {
            "phone": f"138{self.rng.randrange(200):08d}",
            "state": self.rng.choice(get_args(OrderState)),
            "placed_at": self.now() - timedelta(hours=self.rng.randrange(100)),
            "lines": [OrderLineValue("kettle", 1, fen)],
        }
        number = f"O{self.rng.randrange(300)}"
        if uow.orders.find(number) is not None:
            kept = self.rng.choice(sorted(change))
            change = {kept: change[kept]}
        put_order(uow, number, OrderChange(**change), actor="cli", now=self.now())

    def add_task(self, uow: UnitOfWork) -> None:
        add_task(uow, NewTask("aftercare", "call"), actor="abc", now=self.now())

    def merge(self, uow: UnitOfWork) -> None:
        known = uow.customers.ids_after(0, 10_000)
        if len(known) > 1:
            kept, gone = self.rng.sample(list(known), 2)
            merge_customers(uow, kept, gone, "abc", self.now())

    def import_some(self, uow: UnitOfWork) -> None:
        """Many rows at once, as an import writes them."""
        with uow.counts.gathered(), uow.audit.gathered():
            for _ in range(5):
                self.order(uow)
                phone = f"139{self.rng.randrange(200):08d}"
                change = CustomerChange(city="Shanghai")
                put_customer(
                    uow, [("phone", phone)], change, actor="cli", source="import", now=self.now()
                )

    def work_on_cases(self, uow: UnitOfWork) -> None:
        """Some go through to the end, and one of those is opened again; some are late."""
        note_overdue(uow, self.now())
        cases = uow.cases.page(CaseFilter(stage="receipt"), limit=20).items
        for case in self.rng.sample(cases, min(2, len(cases))):
            for move, body in WAY if self.happens(0.5) else (*WAY, ("reopen", {"why": "x"})):
                by = Mover("abc", "manager", "Li")
                move_case(uow, case.number, move, by=by, now=self.now(), body=body)

    def happens(self, share: float) -> bool:
        return self.rng.random() < share


def fields_of(result: t.TurnResult) -> dict[str, Any]:
    return {name: getattr(result, name) for name in result.__struct_fields__}


def figures(database: Database) -> Counts:
    return database.read(lambda uow: uow.counts.between(FIRST_DAY, LAST_DAY))


def recount(database: Database) -> Counts:
    return database.read(lambda uow: uow.counts.recount())


def names(counts: Counts) -> set[str]:
    return {"objections.<kind>" if "objections." in name else name for _, name in counts}


def test_figures_equal_a_recount_after_a_thousand_random_histories(database: Database) -> None:
    clock = FakeClock(START)
    histories = Histories(random.Random(SEED), clock, load_book())
    undone = 0
    for _ in range(HISTORIES):
        try:
            database.write(histories.play)
        except ChangedMindError:
            undone += 1
    counted = figures(database)
    assert counted == recount(database)
    # all that can be counted was, on many days, and not everything stayed
    assert names(counted) == set(METRICS)
    assert len({day for day, _ in counted}) > 50
    assert undone > 20
    assert database.read(lambda uow: uow.audit.verify()) > HISTORIES / 2


def test_days_are_those_of_the_shop(database: Database) -> None:
    late = datetime(2026, 11, 22, 23, 59, 59, tzinfo=SHOP_TIME_ZONE)
    database.write(lambda uow: uow.tasks.add("call_back", late))
    database.write(lambda uow: uow.tasks.add("call_back", late + timedelta(seconds=1)))
    tasks = {day: value for (day, name), value in figures(database).items() if name == "tasks"}
    assert tasks == {"2026-11-22": 1, "2026-11-23": 1}


def test_rebuilt_figures_are_the_recount(database: Database) -> None:
    database.write(lambda uow: uow.tasks.add("call_back", START))
    right = figures(database)

    def spoil_and_rebuild(uow: UnitOfWork) -> tuple[Counts, Counts]:
        with uow.counts.gathered():
            uow.tasks.add("call_back", START)
        uow.counts.rebuild()
        return uow.counts.between(FIRST_DAY, LAST_DAY), uow.counts.recount()

    rebuilt, again = database.write(spoil_and_rebuild)
    assert rebuilt == again != right


def test_what_is_gathered_counts_only_when_all_went_well(database: Database) -> None:
    def half(uow: UnitOfWork) -> None:
        with uow.counts.gathered(), uow.audit.gathered():
            uow.tasks.add("call_back", START)
            raise ChangedMindError

    with pytest.raises(ChangedMindError):
        database.write(half)
    assert figures(database) == recount(database) == {}
