"""What came of techniques: written when it becomes known, counted by cell, pinned and banned."""

from __future__ import annotations

import asyncio
import random
from datetime import datetime, timedelta, timezone
from typing import Any, get_args

import msgspec
import pytest

from bot.crm.database import Database
from bot.crm.techniques import quarter_of
from bot.crm.unit_of_work import UnitOfWork
from bot.dialogue.technique_values import Candidate, TechniqueValues, rank
from bot.dialogue.turn import (
    Belief,
    CellCounts,
    CellSetting,
    LedgerEntry,
    OpenObjection,
    Outcome,
    RecordOutcome,
    RecordTechnique,
    TurnRequest,
    TurnResult,
)
from bot.errors import BotError, NotFoundError, UsageError
from bot.knowledge.book import load_book
from bot.knowledge.technique_rules import Learning, load_learning
from bot.services.customers import recognise_login
from bot.services.operations import perform
from bot.services.orders import OrderChange, OrderLineValue, put_order
from bot.services.techniques import (
    evaluate_policy,
    first_quarter,
    give_up_waiting,
    list_techniques,
    set_technique,
)
from tests.conftest import Play
from tests.fakes import START, FakeComputer

HIDDEN_PRICE = Belief(0.1, 0.2, 0.7, "hidden")
IDLE = timedelta(hours=load_learning().idle_hours)
CHOICE = rank(
    [Candidate("breakdown", 0.6), Candidate("evidence", 0.5, 0.5)],
    "price",
    "hidden",
    values=TechniqueValues(Learning()),
    exploration=0.2,
    rng=random.Random(1),
)
assert CHOICE is not None
USE = CHOICE.as_use(1, "driver")


class UsingComputer(FakeComputer):
    """'too dear' opens an objection and answers it; an outcome's name records that outcome."""

    def turn(self, request: TurnRequest) -> TurnResult:
        result = super().turn(request)
        message = request.messages[-1]
        commands: tuple[Any, ...] = ()
        if message.text == "too dear":
            entry = LedgerEntry(
                1, "price", "answered", HIDDEN_PRICE, message.message_id, "too dear"
            )
            commands = (OpenObjection(entry), USE)
        elif message.text.startswith("again"):
            commands = (RecordTechnique(1, "evidence"), RecordOutcome(1, "repeated"))
        elif message.text in get_args(Outcome):
            commands = (RecordOutcome(1, msgspec.convert(message.text, Outcome)),)
        return msgspec.structs.replace(result, commands=commands)


@pytest.fixture
def talk(play: Play) -> str:
    play.engine.computer = UsingComputer()
    return play.start()


def uses(database: Database) -> list[Any]:
    """Return (technique, outcome) of every use, oldest first."""

    def read(uow: UnitOfWork) -> list[Any]:
        rows = uow._session.connection().exec_driver_sql(
            "SELECT technique, outcome FROM technique_use ORDER BY turn_id"
        )
        return [tuple(row) for row in rows]

    return database.read(read)


def counts(play: Play) -> tuple[CellCounts, ...]:
    return play.app.database.read(lambda uow: uow.techniques.counts("2000-Q1"))


def awaits(play: Play, talk: str) -> bool:
    (entry,) = play.app.database.read(lambda uow: uow.turns.ledger(talk))
    return entry.awaits_outcome


def figures_of(uow: UnitOfWork, quarter: str) -> list[tuple[int, int]]:
    rows = uow._session.connection().exec_driver_sql(
        "SELECT successes, failures FROM technique_count WHERE successes + failures > 0"
        f" AND quarter = '{quarter}'"  # noqa: S608
    )
    return [tuple(row) for row in rows]


def give_up(play: Play, now: datetime) -> None:
    async def run() -> None:
        async for _ in give_up_waiting(play.app.database, now):
            pass

    asyncio.run(run())


def decide(play: Play, *args: Any, mode: Any = "pin") -> None:
    book = load_book()
    play.app.database.write(
        lambda uow: set_technique(uow, book, args[:2], args[2], mode, actor="cli", now=START)
    )


def decided(play: Play) -> set[tuple[str, ...]]:
    settings = play.app.database.read(lambda uow: uow.techniques.settings())
    return {(each.kind, each.truth, each.technique, each.mode) for each in settings}


def test_use_waits_for_its_outcome_and_then_counts_in_its_cell(play: Play, talk: str) -> None:
    play.say(talk, "too dear")
    assert (awaits(play, talk), counts(play)) == (True, ())
    play.say(talk, "settled")
    assert awaits(play, talk) is False
    assert counts(play) == (CellCounts("breakdown", "price", "hidden", 1, 0),)


def test_turn_is_told_the_shops_outcomes_and_decisions(play: Play, talk: str) -> None:
    play.say(talk, "too dear", "left")
    decide(play, "price", "hidden", "evidence", mode="ban")
    play.say(play.start(), "hello")
    facts = play.engine.calls[-1][0].facts
    assert facts.technique_counts == (CellCounts("breakdown", "price", "hidden", 0, 1),)
    assert facts.technique_settings == (CellSetting("evidence", "price", "hidden", "ban"),)


def test_outcome_of_a_turn_is_that_of_the_use_before_it(play: Play, talk: str) -> None:
    play.say(talk, "too dear", "again")
    assert uses(play.app.database) == [("breakdown", "repeated"), ("evidence", None)]


@pytest.mark.parametrize(
    ("first", "then", "kept"),
    [
        ("settled", "left", "settled"),
        ("left", "settled", "left"),
        ("moved_forward", "left", "moved_forward"),
        ("moved_forward", "settled", "settled"),
        ("moved_forward", "repeated", "repeated"),
    ],
)
def test_only_moving_forward_is_not_the_last_word(
    play: Play, talk: str, first: str, then: str, kept: str
) -> None:
    play.say(talk, "too dear", first)
    play.clock.advance(100 * 24 * 3600)  # another quarter
    assert awaits(play, talk) is (first == "moved_forward")
    play.say(talk, then)
    assert uses(play.app.database) == [("breakdown", kept)]
    is_success = kept != "repeated" and kept != "left"
    expected = CellCounts("breakdown", "price", "hidden", int(is_success), int(not is_success))
    assert counts(play) == (expected,)
    quarter = "2026-Q4" if kept == first else "2027-Q1"
    for each in ("2026-Q4", "2027-Q1"):
        found = play.app.database.read(lambda uow, q=each: figures_of(uow, q))
        assert found == ([(is_success, not is_success)] if each == quarter else [])


def test_counts_are_the_sums_of_the_uses(play: Play) -> None:
    play.engine.computer = UsingComputer()
    for outcome in ("settled", "left", "moved_forward", "settled"):
        play.say(play.start(), "too dear", "again", "again!", outcome)
    assert counts(play) == (
        CellCounts("breakdown", "price", "hidden", 0, 4),
        CellCounts("evidence", "price", "hidden", 3, 5),
    )


def test_outcomes_before_the_horizon_count_no_more(play: Play, talk: str) -> None:
    play.say(talk, "too dear", "settled")
    kept = first_quarter(Learning(horizon_quarters=4), START + timedelta(days=365))
    gone = first_quarter(Learning(horizon_quarters=3), START + timedelta(days=365))
    read = play.app.database.read
    assert len(read(lambda uow: uow.techniques.counts(kept))) == 1
    assert read(lambda uow: uow.techniques.counts(gone)) == ()


@pytest.mark.parametrize(
    ("moment", "quarter"),
    [
        (datetime(2026, 12, 31, 15, 59, tzinfo=timezone.utc), "2026-Q4"),
        (datetime(2026, 12, 31, 16, 0, tzinfo=timezone.utc), "2027-Q1"),
        (datetime(2026, 4, 2, tzinfo=timezone.utc), "2026-Q2"),
    ],
)
def test_quarter_is_of_the_shops_day(moment: datetime, quarter: str) -> None:
    assert quarter_of(moment) == quarter
    assert first_quarter(Learning(horizon_quarters=4), moment) == quarter.replace(
        quarter[:4], str(int(quarter[:4]) - 1)
    )


def test_silence_is_given_up_on_after_its_time_and_not_before(play: Play, talk: str) -> None:
    play.say(talk, "too dear")
    give_up(play, START + IDLE)
    assert uses(play.app.database) == [("breakdown", None)]
    give_up(play, START + IDLE + timedelta(seconds=1))
    assert uses(play.app.database) == [("breakdown", "left")]


def test_talk_that_goes_on_is_not_given_up(play: Play, talk: str) -> None:
    play.say(talk, "too dear")
    play.clock.advance(IDLE.total_seconds())
    play.say(talk, "hmm")
    give_up(play, START + IDLE + timedelta(hours=1))
    assert uses(play.app.database) == [("breakdown", None)]


@pytest.mark.parametrize(
    ("state", "hours", "outcome"),
    [("placed", 1, "settled"), ("cancelled", 1, "left"), ("placed", -1, "left")],
)
def test_order_since_the_use_settles_it_by_an_act(
    play: Play, talk: str, state: Any, hours: int, outcome: str
) -> None:
    play.say(talk, "too dear")

    def order(uow: UnitOfWork) -> None:
        recognise_login(uow, talk, "u1", "", START)
        customer_id = uow.conversations.get(talk).customer_id
        assert customer_id is not None
        uow.customers.identify(customer_id, "phone", "13800138000", START)
        change = OrderChange(
            phone="13800138000",
            state=state,
            placed_at=START + timedelta(hours=hours),
            lines=[OrderLineValue("kettle", 1, 9900)],
        )
        put_order(uow, "O1", change, actor="cli", now=START)

    play.app.database.write(order)
    give_up(play, START + 2 * IDLE)
    assert uses(play.app.database) == [("breakdown", outcome)]


def test_pin_takes_the_place_of_another_and_ban_does_not(play: Play) -> None:
    decide(play, "price", "true", "breakdown")
    decide(play, "price", "true", "comparison", mode="ban")
    decide(play, "price", "true", "whole_picture")
    assert decided(play) == {
        ("price", "true", "comparison", "ban"),
        ("price", "true", "whole_picture", "pin"),
    }
    decide(play, "price", "true", "comparison", mode="clear")
    assert decided(play) == {("price", "true", "whole_picture", "pin")}


def test_all_truths_of_a_kind_are_decided_at_once(play: Play) -> None:
    decide(play, "excuse", "all", "question", mode="ban")
    assert {truth for _, truth, _, _ in decided(play)} == {"unclear", "false", "hidden"}


def test_decisions_are_kept_in_the_audit_trail(play: Play) -> None:
    decide(play, "price", "true", "breakdown")
    decide(play, "price", "true", "breakdown", mode="clear")
    entries = play.app.database.read(
        lambda uow: uow.audit.newest(("technique", "price/true/breakdown"), limit=9)
    )
    assert [entry.verb for entry in entries] == ["technique.cleared", "technique.pinned"]


@pytest.mark.parametrize(
    ("words", "mode", "error", "names"),
    [
        (("colour", "true", "breakdown"), "pin", NotFoundError, "colour"),
        (("excuse", "true", "question"), "pin", NotFoundError, "true"),
        (("price", "true", "hypnosis"), "ban", NotFoundError, "hypnosis"),
        (("authority", "true", "breakdown"), "pin", UsageError, "does not fit"),
        (("price", "true", "breakdown"), "clear", NotFoundError, "nothing is decided"),
    ],
)
def test_decision_about_nothing_is_refused(
    play: Play, words: tuple[str, ...], mode: str, error: type[BotError], names: str
) -> None:
    with pytest.raises(error, match=names):
        decide(play, *words, mode=mode)
    assert decided(play) == set()


def test_list_shows_every_cell_with_what_is_known_and_decided(play: Play, talk: str) -> None:
    play.say(talk, "too dear", "settled")
    decide(play, "price", "hidden", "breakdown")
    book = load_book()
    rows = play.app.database.read(lambda uow: list_techniques(uow, book, START, "price"))
    of_breakdown = {row.truth: row for row in rows if row.technique == "breakdown"}
    assert set(of_breakdown) == {"unclear", "true", "false", "hidden"}
    hidden, true = of_breakdown["hidden"], of_breakdown["true"]
    assert (hidden.outcomes, hidden.successes, hidden.mode) == (1, 1, "pin")
    assert (true.outcomes, true.mode) == (0, "")
    means = [row.alpha / (row.alpha + row.beta) for row in (hidden, true)]
    assert means[0] > means[1] > true.fit


def test_operations_reach_it_all(play: Play, talk: str) -> None:
    play.say(talk, "too dear", "settled")
    ask = {"kind": "price", "truth": "hidden", "technique": "breakdown", "mode": "ban"}
    play.run(lambda: perform(play.app, "technique.set", ask))
    rows = play.run(lambda: perform(play.app, "technique.list", {"kind": "price"}))
    assert [row["mode"] for row in rows if row["outcomes"] and row["truth"] == "hidden"] == ["ban"]
    told = play.run(lambda: perform(play.app, "technique.evaluate", {"policy": "logged"}))
    assert set(told) == {"all", "price"}
    with pytest.raises(NotFoundError, match="guess"):
        play.run(lambda: perform(play.app, "technique.evaluate", {"policy": "guess"}))


def test_log_holds_what_an_estimate_needs(play: Play) -> None:
    play.engine.computer = UsingComputer()
    for outcome in ["settled"] * 15 + ["left"] * 5:
        play.say(play.start(), "too dear", outcome)
    found = play.app.database.read(
        lambda uow: {
            policy: evaluate_policy(uow, policy, START)["all"] for policy in ("logged", "uniform")
        }
    )
    assert found["logged"].value == pytest.approx(0.75)
    assert found["logged"].uses == 20
    # both had a chance, yet only one was ever used: its weight is the same in every talk
    assert found["uniform"].value == pytest.approx(0.75)


def test_use_of_a_step_without_a_choice_is_not_evaluated(play: Play, talk: str) -> None:
    play.say(talk, "too dear", "again", "settled")
    found = play.app.database.read(lambda uow: uow.techniques.chosen_uses(START))
    assert [use.technique for use in found] == ["breakdown"]


def test_erasure_forgets_the_style_and_keeps_the_figures(play: Play, talk: str) -> None:
    play.say(talk, "too dear", "settled")
    before = counts(play)

    def erase(uow: UnitOfWork) -> None:
        uow.privacy.erase("conversation", talk, START)

    play.app.database.write(erase)
    styles = play.app.database.read(
        lambda uow: (
            uow._session.connection()
            .exec_driver_sql("SELECT style FROM technique_use")
            .scalars()
            .all()
        )
    )
    assert (list(styles), counts(play)) == ([""], before)
