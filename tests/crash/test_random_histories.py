"""Whatever order customers, staff and programs act in, the invariants of the database hold."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import shutil
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import func, select

from bot.crm.database import Database
from bot.crm.models import Case, CaseAlarm, Conversation, Message, OutboxEvent, Promise, Task
from bot.crm.models import Customer as CustomerRow
from bot.crm.unit_of_work import UnitOfWork
from bot.dialogue.crisis import gravities_of
from bot.dialogue.turn import TurnRequest
from bot.errors import BotError, NotAllowedError, StaleTurnError
from bot.knowledge.book import load_book
from bot.services import queue, reception
from bot.services.case_moves import Mover
from bot.services.cases import CaseChange, change_case, move_case, note_overdue
from bot.services.conversations import InboundText, accept_message
from bot.services.customers import CustomerChange, change_customer, merge_customers
from bot.services.identity import Customer
from bot.services.orders import OrderChange, OrderLineValue, put_order
from bot.services.promise_watch import watch_promises
from bot.services.staff import add_user
from bot.services.survey import SurveyAnswer, rate
from bot.services.tasks import TaskChange, change_task
from bot.services.turns import apply_result, load_turn
from tests.fakes import START, FakeComputer, FakeNotifier

SAID = st.sampled_from(
    ["hi", "complaint cup", "complaint 杯子碎了", "complaint hurt", "human", "sell", "promise"]
    + ["acknowledge", "assess", "more", "more hurt", "more press"]
)
STAFF_MOVES = st.sampled_from(
    ["acknowledge", "assess", "investigate", "escalate", "wait", "resume"]
)
BODIES: dict[str, dict[str, Any]] = {
    "assess": {"causes": ["product"], "harm": {"bodily": "slight"}},
    "escalate": {"why": "asked"},
    "wait": {"why": "photos"},
}
WHO = st.sampled_from(["Li", "Zhao"])
ANY = st.integers(0, 5)


class Shop(RuleBasedStateMachine):
    """Random histories of one shop on one database."""

    path: Path

    @initialize()
    def open(self) -> None:
        self.database = Database(f"sqlite:///{self.path}")
        self.now, self.ids = START, itertools.count()
        self.talks: list[str] = []
        self.begun: list[TurnRequest] = []  # turns that were loaded and not applied yet
        self.book = load_book()
        for name in ("Li", "Zhao"):
            self.write(lambda uow, name=name: add_user(uow, name, "agent", self.now))

    def teardown(self) -> None:
        self.database.close()

    def write(self, job: Any) -> Any:
        self.now += timedelta(minutes=7)
        return self.database.write(job)

    def talk(self, which: int) -> str:
        return self.talks[which % len(self.talks)]

    def pick(self, model: Any, which: int) -> Any:
        """Return the id of some row of a table, None when it is empty."""
        rows = self.database.read(
            lambda uow: uow._session.execute(select(model.id).order_by(model.id)).scalars().all()
        )
        return rows[which % len(rows)] if rows else None

    @rule(token=st.sampled_from("abc"), login=st.sampled_from(["", "", "u1", "u2"]))
    def arrive(self, token: str, login: str) -> None:
        def work(uow: UnitOfWork) -> str:
            talk = reception.begin(uow, "web", token, self.now)
            customer = Customer(login, "") if login else None
            reception.welcome(uow, talk.id, customer, None, self.now)
            return talk.id

        self.talks.append(self.write(work))

    @precondition(lambda self: self.talks)
    @rule(which=ANY, text=SAID, twice=st.booleans())
    def say(self, which: int, text: str, twice: bool) -> None:
        inbound = InboundText(self.talk(which), f"c{next(self.ids)}", text)
        for is_duplicate in (False, True) if twice else (False,):
            accepted = self.write(
                lambda uow: accept_message(uow, inbound, max_chars=100, now=self.now)
            )
            assert accepted.is_duplicate == is_duplicate

    @precondition(lambda self: self.talks)
    @rule(which=ANY)
    def begin_turn(self, which: int) -> None:
        loaded = self.database.read(lambda uow: load_turn(uow, self.talk(which), self.now))
        if loaded is not None:
            self.begun.append(loaded.request)

    @precondition(lambda self: self.begun)
    @rule(which=ANY)
    def apply_turn(self, which: int) -> None:
        """A turn that was computed for what has changed since is thrown away, whole."""
        request = self.begun.pop(which % len(self.begun))
        with contextlib.suppress(StaleTurnError, BotError):
            self.write(
                lambda uow: apply_result(uow, request, FakeComputer().turn(request), self.now)
            )

    @precondition(lambda self: self.talks)
    @rule(which=ANY, name=WHO, move=st.sampled_from(["claim", "give_back", "answer"]))
    def work_on_queue(self, which: int, name: str, move: str) -> None:
        talk = self.talk(which)
        with contextlib.suppress(NotAllowedError):
            if move == "claim":
                self.write(lambda uow: queue.claim(uow, self.book, talk, name, self.now))
            elif move == "give_back":
                self.write(lambda uow: queue.give_back(uow, self.book, talk, name, self.now))
            else:
                self.write(
                    lambda uow: queue.answer(
                        uow, self.book, talk, name, "yes", is_confirmed=True, now=self.now
                    )
                )

    @precondition(lambda self: self.talks)
    @rule(which=ANY, score=st.integers(1, 5))
    def rate(self, which: int, score: int) -> None:
        talk = self.talk(which)
        self.write(lambda uow: rate(uow, self.book, talk, SurveyAnswer(score), self.now))

    @rule(
        number=st.sampled_from(["A1", "A2", "A3"]),
        phone=st.sampled_from(["13800138000", "13800138001"]),
        state=st.sampled_from(["placed", "delivered", "cancelled", "returned"]),
        days=ANY,
        pieces=st.integers(1, 3),
    )
    def order(self, number: str, phone: str, state: Any, days: int, pieces: int) -> None:
        change = OrderChange(
            phone=phone,
            state=state,
            placed_at=START + timedelta(days=days),
            lines=[OrderLineValue("kettle", pieces, 9900)],
        )
        self.write(lambda uow: put_order(uow, number, change, actor="cli", now=self.now))

    @rule(one=ANY, other=ANY)
    def merge(self, one: int, other: int) -> None:

        kept, gone = self.pick(CustomerRow, one), self.pick(CustomerRow, other)
        if kept != gone:
            self.write(lambda uow: merge_customers(uow, kept, gone, "cli", self.now))

    @rule(which=ANY, grade=st.sampled_from(["vip", "small", None]), refused=st.booleans())
    def change_customer(self, which: int, grade: Any, refused: bool) -> None:

        customer_id = self.pick(CustomerRow, which)
        if customer_id is not None:
            change = CustomerChange(grade=grade, do_not_contact=refused)
            self.write(
                lambda uow: change_customer(uow, customer_id, change, actor="cli", now=self.now)
            )

    @rule(which=ANY, owner=WHO)
    def work_on_case(self, which: int, owner: str) -> None:
        case_id = self.pick(Case, which)
        if case_id is not None:

            def work(uow: UnitOfWork) -> None:
                number = uow._session.get_one(Case, case_id).number
                change_case(
                    uow, number, CaseChange(owner, "hm"), by=Mover("p", "agent"), now=self.now
                )

            self.write(work)

    @rule(which=ANY, move=STAFF_MOVES)
    def move_case(self, which: int, move: str) -> None:
        case_id = self.pick(Case, which)
        if case_id is not None:

            def work(uow: UnitOfWork) -> None:
                number = uow._session.get_one(Case, case_id).number
                by, body = Mover("p", "agent"), BODIES.get(move)
                move_case(uow, number, move, by=by, now=self.now, body=body)

            with contextlib.suppress(BotError):  # what is not legal changes nothing
                self.write(work)

    @rule(which=ANY)
    def finish_task(self, which: int) -> None:
        task_id = self.pick(Task, which)
        if task_id is not None:
            change = TaskChange(state="done", result="ok")
            self.write(lambda uow: change_task(uow, task_id, change, actor="p", now=self.now))

    @rule(days=ANY)
    def time_passes(self, days: int) -> None:
        self.now += timedelta(days=days)
        self.write(lambda uow: note_overdue(uow, self.now))
        asyncio.run(self.watch())
        left = self.database.read(lambda uow: uow.promises.next_broken(self.now))
        assert left is None

    async def watch(self) -> None:
        notifier = FakeNotifier()
        work = watch_promises(
            self.database, self.now, book=self.book, owner_changed=notifier.publish
        )
        async for _ in work:
            pass

    @invariant()
    def every_answered_wish_has_one_promise_and_at_most_one_new_day(self) -> None:
        asked = Counter(
            row.turn_id
            for row in self.rows(Message)
            if row.text == "promise" and row.sender == "customer" and row.state == "done"
            if row.turn_id is not None
        )
        made = Counter((row.turn_id, row.renewal) for row in self.rows(Promise))
        assert {turn: count for (turn, renewal), count in made.items() if not renewal} == asked
        renewed = {turn: count for (turn, renewal), count in made.items() if renewal}
        assert all(count <= asked[turn] for turn, count in renewed.items())
        assert all(renewal in (0, 1) for _, renewal in made)

    @invariant()
    def figures_equal_a_recount(self) -> None:
        found = self.database.read(lambda uow: uow.counts.between("2000-01-01", "2100-01-01"))
        assert found == self.database.read(lambda uow: uow.counts.recount())

    @invariant()
    def every_conversation_has_one_owner(self) -> None:
        for row in self.rows(Conversation):
            assert row.owner in ("bot", "queue", "agent")
            assert (row.owner == "agent") == (row.agent_name is not None)
            assert row.owner == "bot" or row.queued_at is not None or row.agent_name

    @invariant()
    def events_of_a_case_are_in_order(self) -> None:
        for case in self.rows(Case):
            events = self.database.read(lambda uow, case=case: uow.cases.events_of(case.number))
            assert [each.ordinal for each in events] == list(range(1, len(events) + 1))
            assert events[0].verb == "opened"
            assert [e.created_at for e in events] == sorted(e.created_at for e in events)
            assert case.version == len(events)

    @invariant()
    def stage_of_a_case_is_the_last_that_an_event_names(self) -> None:
        for case in self.rows(Case):
            events = self.database.read(lambda uow, case=case: uow.cases.events_of(case.number))
            named = [each.body["stage"] for each in events if "stage" in each.body]
            assert case.stage == (named[-1] if named else "receipt")

    @invariant()
    def every_gravity_of_a_case_has_one_alarm(self) -> None:
        wanted = {
            f"case.alarm:{case.id}:{gravity}"
            for case in self.rows(Case)
            for gravity in gravities_of(case.severity, is_crisis=case.crisis)
        }
        raised = [f"case.alarm:{row.case_id}:{row.gravity}" for row in self.rows(CaseAlarm)]
        told = [row.key for row in self.rows(OutboxEvent) if row.kind == "case.alarm"]
        assert sorted(raised) == sorted(told)
        assert wanted <= set(told)  # what was taken back later had been told

    @invariant()
    def one_case_a_message_and_every_complaint_answered_has_one(self) -> None:
        sources = [case.source_message_id for case in self.rows(Case)]
        assert len(sources) == len(set(sources))
        answered = {
            row.id
            for row in self.rows(Message)
            if row.sender == "customer" and row.state == "done" and row.turn_id is not None
            if row.text.startswith("complaint")
        }
        assert answered == set(sources)

    @invariant()
    def numbers_of_a_conversation_have_no_gap(self) -> None:
        def read(uow: UnitOfWork) -> list[Any]:
            statement = select(func.count(), func.max(Message.seq)).group_by(
                Message.conversation_id
            )
            return list(uow._session.execute(statement))

        assert all(count == highest for count, highest in self.database.read(read))

    @invariant()
    def the_audit_trail_verifies(self) -> None:
        self.database.read(lambda uow: uow.audit.verify())

    def rows(self, model: Any) -> list[Any]:
        def read(uow: UnitOfWork) -> list[Any]:
            found = list(uow._session.execute(select(model)).scalars())
            uow._session.expunge_all()
            return found

        return self.database.read(read)


def test_invariants_hold_in_random_histories(migrated: Path, tmp_path: Path) -> None:
    numbers = itertools.count()

    class OnOneFile(Shop):
        def __init__(self) -> None:
            self.path = tmp_path / f"{next(numbers)}.db"
            shutil.copy(migrated, self.path)
            super().__init__()

    run_state_machine_as_test(
        OnOneFile,
        settings=settings(
            max_examples=20,
            stateful_step_count=30,
            derandomize=True,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
