"""What a shop had in its database before revision 0003 is found, counted and owned after it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import JSON, MetaData, insert

from bot.crm.cases import CaseFilter
from bot.crm.database import Database
from bot.crm.migrate import upgrade
from bot.services.case_moves import Mover
from bot.services.cases import move_case, note_overdue
from bot.services.shop import sync_shop
from tests.crash.test_migrations import connected, migrate
from tests.fakes import START

ROWS = Path(__file__).parents[1] / "data" / "rows_0002.json"  # as a shop of revision 0002 left them


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'prelude.db'}"


@pytest.fixture
def upgraded(url: str) -> Iterator[Database]:
    migrate(url, "0002")
    fill(url)
    upgrade(url)
    database = Database(url)
    yield database
    database.close()


def fill(url: str) -> None:
    with connected(url) as connection:
        known = MetaData()
        known.reflect(connection)
        for table in known.sorted_tables:
            for row in json.loads(ROWS.read_text(encoding="utf-8")).get(table.name, []):
                connection.execute(insert(table).values(**row_for(table, row)))
        if connection.dialect.name == "postgresql":  # as if the rows had come one by one
            for name in ("message", "turn", "objection", "complaint_case", "task"):
                connection.exec_driver_sql(
                    f"SELECT setval('{name}_id_seq', (SELECT max(id) FROM {name}))"  # noqa: S608
                )


def row_for(table: Any, row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with values as this database takes them."""
    values = {}
    for name, value in row.items():
        type_ = table.c[name].type
        if isinstance(value, str) and isinstance(type_, JSON):
            value = json.loads(value)
        elif isinstance(value, str) and type_.python_type is datetime:
            value = datetime.fromisoformat(value)
        elif isinstance(value, int) and type_.python_type is bool:
            value = bool(value)
        values[name] = value
    return values


def test_every_talk_has_its_customer(upgraded: Database) -> None:
    def read(uow: Any) -> list[Any]:
        return [uow.customers.get(each) for each in uow.customers.ids_after(0, 10)]

    customers = upgraded.read(read)
    assert sorted((each.name, each.contact_refused_at is not None) for each in customers) == [
        ("", False),
        ("", False),
        ("Wang", True),
    ]
    login = upgraded.read(lambda uow: uow.customers.find("login", "u1"))
    assert upgraded.read(lambda uow: uow.customers.get(login)).name == "Wang"
    for each in customers:
        assert len(upgraded.read(lambda uow, each=each: uow.customers.talks(each.id))) == 1


def test_figures_of_the_past_equal_a_recount(upgraded: Database) -> None:
    figures = upgraded.read(lambda uow: uow.counts.between("2026-11-01", "2026-11-30"))
    assert figures == upgraded.read(lambda uow: uow.counts.recount())
    assert figures["2026-11-22", "cases"] == 3
    assert figures["2026-11-22", "ratings.sum"] == 12


def test_cases_of_the_past_are_found_by_what_was_said(upgraded: Database) -> None:
    def found(query: str) -> int:
        return len(upgraded.read(lambda uow: uow.cases.search(query)).items)

    assert (found("杯子坏"), found("a45"), found("狗")) == (3, 3, 0)


def test_rows_that_come_after_get_numbers_of_their_own(upgraded: Database) -> None:
    def write(uow: Any) -> tuple[int, int]:
        now = uow.customers.get(1).created_at
        return uow.customers.add("web", now), uow.tasks.add("visit", now)

    assert upgraded.write(write) == (4, 2)


def test_evidence_of_the_past_is_read_with_its_message_and_no_weight(upgraded: Database) -> None:
    (row,) = json.loads(ROWS.read_text(encoding="utf-8"))["objection"]
    (entry,) = upgraded.read(lambda uow: uow.turns.ledger(row["conversation_id"]))
    (piece,) = entry.belief.evidence
    assert [piece.name] == json.loads(row["evidence"])
    assert piece.message_id == row["source_message_id"]
    assert piece.likelihoods == (1.0, 1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("state", "outcomes", "counted"),
    [
        ("open", ["repeated", None], [("breakdown", 0, 1)]),
        ("settled", ["repeated", "settled"], [("breakdown", 0, 1), ("evidence", 1, 0)]),
        ("left", ["repeated", "left"], [("breakdown", 0, 1), ("evidence", 0, 1)]),
    ],
)
def test_techniques_of_the_past_are_judged_by_the_ledger_and_count_for_their_kind(
    url: str, state: str, outcomes: list[str | None], counted: list[tuple[str, int, int]]
) -> None:
    migrate(url, "0002")
    fill(url)
    migrate(url, "0004")
    with connected(url) as connection:
        connection.exec_driver_sql(f"UPDATE objection SET state = '{state}'")  # noqa: S608
        connection.exec_driver_sql(
            "INSERT INTO technique_use (turn_id, objection_id, technique, alternatives, created_at)"
            " VALUES (2, 1, 'evidence', '[]', '2026-11-22 03:05:00')"
        )
    upgrade(url)
    database = Database(url)
    try:
        counts = database.read(lambda uow: uow.techniques.counts("2026-Q4"))
        assert [(c.technique, c.successes, c.failures) for c in counts] == counted
        assert {(c.kind, c.truth) for c in counts} == {("price", "unclear")}
        assert database.read(lambda uow: uow.techniques.counts("2027-Q1")) == ()
        # nothing is known of the chances, so no estimate is made from them
        assert database.read(lambda uow: uow.techniques.chosen_uses(START)) == []
        (row,) = json.loads(ROWS.read_text(encoding="utf-8"))["objection"]
        (entry,) = database.read(lambda uow: uow.turns.ledger(row["conversation_id"]))
        assert entry.awaits_outcome is (None in outcomes)
    finally:
        database.close()
    with connected(url) as connection:
        rows = connection.exec_driver_sql("SELECT outcome FROM technique_use ORDER BY turn_id")
        assert [row[0] for row in rows] == outcomes


def test_cases_that_were_open_are_watched_and_keep_their_deadline(upgraded: Database) -> None:
    def read(uow: Any) -> list[Any]:
        return list(uow.cases.page(CaseFilter()).items)

    cases = upgraded.read(read)
    assert cases
    for case in cases:
        is_open = case.stage == "receipt"
        assert case.watch_at == (case.deadline_at if is_open else None)
        assert (case.closed_at is None) == is_open
        assert (case.channel, case.outlets, case.recourse) == ("widget", {}, [])
        assert case.priority == {"slight": 0, "serious": 1, "bodily": 2}[case.severity]


def test_case_that_was_open_goes_on(upgraded: Database, shop_folder: Path) -> None:
    upgraded.write(lambda uow: sync_shop(uow, shop_folder))
    case = upgraded.read(lambda uow: uow.cases.page(CaseFilter(is_open=True)).items[0])
    by = Mover("a1", "agent", "Lin")
    now = case.deadline_at + timedelta(seconds=1)
    assert upgraded.write(lambda uow: note_overdue(uow, now)) > 0
    moved = upgraded.write(lambda uow: move_case(uow, case.number, "acknowledge", by=by, now=now))
    assert (moved.stage, moved.solution_due_at) == ("acknowledgement", None)
    assert moved.escalation_level == 1


@pytest.fixture
def shop_folder() -> Path:
    return Path(__file__).parents[2] / "shops" / "sample"
