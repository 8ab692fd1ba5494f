"""`./prelude bench crm` on a small shop: what it writes holds together, and it measures all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from bot.bench import crm
from bot.bench.crm import (
    AIMS,
    KEY_READ,
    EngineFigures,
    Job,
    Size,
    percentile,
    ratios_of,
    usual_mean,
)
from bot.bench.crm_data import END, RARE_CASES, Shop, Speech, fill, make_speech
from bot.bench.crm_import import ImportFigures
from bot.crm.cases import CaseFilter
from bot.crm.database import Database
from bot.services.customers import read_card
from bot.services.queue import list_waiting

MESSAGES, CASES = 10_000, 1_000


def no_progress(done: int) -> None:
    pass


@pytest.fixture(scope="module")
def speech() -> Speech:
    return make_speech(CASES, no_progress)


@pytest.fixture
def shop(database: Database, speech: Speech) -> Shop:
    return fill(database.url, speech, MESSAGES, CASES, no_progress)


def test_frequent_words_are_in_every_third_case_and_rare_ones_in_ten(
    database: Database, shop: Shop, speech: Speech
) -> None:
    def cases_with(words: str) -> int:
        return len(database.read(lambda uow: uow.cases.search(words, limit=CASES)).items)

    assert 0.2 * CASES < cases_with(speech.frequent[0]) < 0.4 * CASES
    assert 0.7 * RARE_CASES <= cases_with(speech.rare[0]) <= 1.3 * RARE_CASES
    assert cases_with(speech.sentence) > 0.1 * CASES
    assert [cases_with(word) > 0.1 * CASES for word in speech.apart.split()] == [True, True]
    assert cases_with(speech.apart) == 0
    newest = database.read(lambda uow: uow.cases.search(speech.frequent[0])).items
    assert [each.id for each in newest] == sorted((each.id for each in newest), reverse=True)
    assert len(newest) == 50


def test_filled_shop_is_one_that_services_could_have_written(
    database: Database, shop: Shop
) -> None:
    talk, customer_id = shop.talks[0], shop.customers_of_talks[0]
    said = database.read(lambda uow: uow.messages.events_after(talk, 0))
    assert [each.seq for each in said] == list(range(1, 11))
    assert {each.sender for each in said} == {"customer", "bot"}
    card = database.read(lambda uow: read_card(uow, customer_id))
    assert card.customer.id == customer_id and card.talks and len(card.identities) == 2
    waiting = database.read(list_waiting)
    assert waiting and all(each.last_text for each in waiting)
    opened = database.read(lambda uow: uow.cases.page(CaseFilter(is_open=True), limit=CASES)).items
    assert 0 < len(opened) < 0.1 * CASES
    assert database.read(lambda uow: uow.cases.find(opened[0].number)) == opened[0]


def test_services_write_on_where_the_bench_has_left_off(database: Database, shop: Shop) -> None:
    """The next number of every table is free."""
    crm_job = crm._message_in(shop.talks[3], "next")
    accepted: Any = database.write(crm_job)
    assert (accepted.message.seq, accepted.message.id) == (11, MESSAGES + 1)


@pytest.mark.parametrize(
    "job",
    [
        list_waiting,
        lambda uow: uow.conversations.queued(),
        lambda uow: uow.conversations.queue_length_before(END, "f"),
        lambda uow: uow.conversations.head(uow.conversations.queued()[0], END),
    ],
    ids=["list", "queued", "place", "turn"],
)
def test_nobody_looks_through_all_conversations_for_those_that_wait(
    database: Database, shop: Shop, job: Job
) -> None:
    """Every turn counts who waits; SQLite takes a partial index only if its words are said."""
    run: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        run.append((statement, values))

    event.listen(database.read_engine, "before_cursor_execute", note)
    database.read(job)
    event.remove(database.read_engine, "before_cursor_execute", note)
    plan = []
    with database.read_engine.connect() as connection:
        for statement, values in run:
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
            plan += [str(row[-1]) for row in rows]
    assert any("ix_conversation_waiting" in step for step in plan), plan
    scans = [step for step in plan if step.startswith(("SCAN conversation", "SCAN waiting"))]
    assert [step for step in scans if "INDEX" not in step] == []


def test_same_seed_writes_the_same_shop(database: Database, shop: Shop, speech: Speech) -> None:
    assert make_speech(CASES, no_progress) == speech


def test_run_measures_everything_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(crm, "READS", 4)
    monkeypatch.setattr(crm, "WRITES", 4)
    crm.run(tmp_path / "told.json", Size(1000, 100, 40), None, ("sqlite",))
    told = json.loads((tmp_path / "told.json").read_text())
    measured = {each["what"] for each in told["times"]}
    assert measured >= {KEY_READ, "message in, small", "message in, large", *AIMS}
    (imported,) = told["imports"]
    assert (imported["orders"], imported["refused_rows"]) == (40, 0)
    assert imported["rows"] > 40 and imported["day counts equal a recount"]
    assert 20 < imported["peak_mib"] < 300
    assert len(told["ratios"]) == len(AIMS) + 3
    assert list((tmp_path / "temporary").iterdir()) == []


def test_ratios_say_which_aim_is_missed() -> None:
    figures = EngineFigures(
        seconds={
            KEY_READ: [0.001, 0.001],
            **dict.fromkeys(AIMS, [0.010, 0.010]),
            "customer card": [0.011, 0.011],
            "message in, small": [0.010, 0.010],
            "message in, large": [0.012, 0.016],
        },
        imported=ImportFigures(rows=2, refused_rows=0, orders=1, seconds=1.0, peak_mib=301.0),
    )
    missed = [each.name for each in ratios_of(figures, "sqlite") if not each.is_met]
    assert missed == [
        "sqlite: customer card p95 / key read p95",
        "sqlite: message in p95, large / small",
        "sqlite: memory of the import, MiB",
    ]


def test_usual_mean_leaves_the_slowest_twentieth_out() -> None:
    assert usual_mean([1.0] * 10 + [2.0] * 9 + [100.0]) == pytest.approx(28 / 19)


def test_percentile_lies_between_its_neighbours() -> None:
    assert percentile([1.0, 2.0, 3.0], 50) == 2.0
    assert 2.9 <= percentile([1.0, 2.0, 3.0], 95) <= 3.0
