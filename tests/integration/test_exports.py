"""Exporting: what was exported comes in again as it was; what is personal is masked."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from bot.cli.app import app as prelude
from bot.crm.customers import CustomerFilter
from bot.crm.database import Database
from bot.crm.orders import OrderFilter
from bot.errors import UsageError
from bot.knowledge.table_columns import TableName, load_tables
from bot.services import exports
from bot.services.customers import CustomerChange, put_customer
from bot.services.exports import (
    ExportPage,
    ExportRequest,
    export_header,
    export_rows,
    read_page,
)
from bot.services.imports import ImportChunk, ImportReport, run_import, write_chunk
from bot.services.orders import OrderChange, OrderLineValue, put_order
from bot.services.table_files import TableRow, open_table
from bot.services.table_values import MASK
from bot.services.table_writer import write_table
from bot.settings import Settings
from tests.conftest import Play
from tests.fakes import START, FakeClock

SAID = "complaint 电话13800000009打不通"


def export(
    database: Database, name: TableName, path: Path, *, has_personal: bool
) -> list[dict[str, Any]]:
    """Export as the command does; return the rows by title."""
    pages: list[ExportPage] = []
    before_id = None
    while not pages or before_id is not None:
        request = ExportRequest(name, before_id, has_personal)
        told = json.loads(msgspec.json.encode(read_page(database, request, START)))
        pages.append(msgspec.convert(told, ExportPage))
        before_id = pages[-1].next_id
    header = export_header(name)
    write_table(path, header, (row for page in pages for row in export_rows(name, page)))
    with open_table(path) as table:
        return [
            dict(zip(header, (*row.cells, *[None] * len(header)), strict=False))
            for row in table.rows
            if isinstance(row, TableRow)
        ]


def import_again(
    database: Database, clock: FakeClock, shop_dir: Path, name: TableName, path: Path
) -> ImportReport:
    def send(message: dict[str, Any]) -> Any:
        chunk = msgspec.convert(json.loads(json.dumps(message)), ImportChunk)
        return msgspec.to_builtins(write_chunk(database, shop_dir, chunk, clock.now()))

    with open_table(path) as table:
        return run_import(name, table, send, is_dry_run=False, on_progress=lambda _: None)


def fill(database: Database) -> None:
    """Store two customers and an order of two lines."""
    customer = CustomerChange(
        name="张伟", city="上海", note='=cmd|"/c calc"!A1', needs=["order"], grade="vip"
    )
    order = OrderChange(
        phone="13800000001",
        placed_at=datetime(2026, 11, 1, 2, 0, 0, 250, tzinfo=timezone.utc),
        state="dispatched",
        dispatch_promised_on="2026-11-03",
        profit_fen=-105,
        lines=[
            OrderLineValue(product_id="kettle", quantity=2, price_fen=12901),
            OrderLineValue(product_id="gone", quantity=1, price_fen=1, product_name="-旧款"),
        ],
    )

    def write(uow: Any) -> None:
        more: Any = {"actor": "cli", "now": START}
        put_customer(
            uow, [("login", "a"), ("phone", "13800000001")], customer, source="api", **more
        )
        put_customer(uow, [("login", "b")], CustomerChange(), source="api", **more)
        put_order(uow, "A1", order, **more)

    database.write(write)


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
@pytest.mark.parametrize("name", ["customers", "orders", "products"])
def test_an_export_comes_in_again_unchanged(
    database: Database, clock: FakeClock, settings: Settings, tmp_path: Path, name: Any, suffix: str
) -> None:
    fill(database)
    path = tmp_path / f"a{suffix}"
    rows = export(database, name, path, has_personal=True)
    report = import_again(database, clock, settings.shop_dir, name, path)
    assert not report.problems
    assert report.outcomes == {"unchanged": {"customers": 2, "orders": 1, "products": 13}[name]}
    assert len(rows) == {"customers": 2, "orders": 2, "products": 13}[name]


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_an_export_fills_an_empty_shop(
    database: Database, clock: FakeClock, settings: Settings, tmp_path: Path, suffix: str
) -> None:
    fill(database)
    paths = {name: tmp_path / f"{name}{suffix}" for name in ("customers", "orders")}
    for name, path in paths.items():
        export(database, name, path, has_personal=True)  # type: ignore[arg-type]
    before = everything(database)
    database.write(forget_all)
    for name, path in paths.items():
        import_again(database, clock, settings.shop_dir, name, path)  # type: ignore[arg-type]
    assert everything(database) == before


def forget_all(uow: Any) -> None:
    """Empty the tables (a test may reach behind the repositories)."""
    from bot.crm.models import CustomerGrade, CustomerIdentity, Order, OrderLine
    from bot.crm.models.customers import Customer

    for model in (OrderLine, Order, CustomerGrade, CustomerIdentity, Customer):
        uow._session.query(model).delete()


def everything(database: Database) -> Any:
    """Return customers and orders, but for ids, versions and times of storing."""

    def read(uow: Any) -> Any:
        customers = uow.customers.page(CustomerFilter()).items
        known = {
            each.id: sorted((one.kind, one.value) for one in uow.customers.identities(each.id))
            for each in customers
        }
        hidden = {"id", "version", "created_at", "updated_at", "customer_id", "source"}
        return [
            *sorted(str((known[each.id], plain(each, hidden))) for each in customers),
            *(
                (plain(each, hidden), known[each.customer_id])
                for each in uow.orders.page(OrderFilter()).items
            ),
        ]

    return database.read(read)


def plain(record: Any, hidden: set[str]) -> dict[str, Any]:
    return {name: value for name, value in vars(record).items() if name not in hidden}


names = st.text(
    st.characters(blacklist_categories=("Cs", "Cc", "Zs", "Zl", "Zp")), min_size=1, max_size=40
)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30
)
@given(
    name=names,
    note=st.one_of(st.just("=1+1"), st.just("'=1"), st.just("'@x"), names),
    price_fen=st.integers(0, 2_000_000),
    placed_at=st.datetimes(
        datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(timezone.utc)
    ),
    suffix=st.sampled_from([".csv", ".xlsx"]),
)
def test_any_value_survives_export_and_import(
    database: Database, clock: FakeClock, tmp_path: Path, suffix: str, **values: Any
) -> None:
    customer = CustomerChange(name=values["name"], note=values["note"])
    line = OrderLineValue(
        product_id="kettle", quantity=1, price_fen=values["price_fen"], product_name=values["name"]
    )
    order = OrderChange(login="a", placed_at=values["placed_at"], lines=[line])
    more: Any = {"actor": "cli", "now": START}
    database.write(lambda uow: put_customer(uow, [("login", "a")], customer, source="x", **more))
    database.write(lambda uow: put_order(uow, "A1", order, **more))
    for table in ("customers", "orders"):
        path = tmp_path / f"{table}{suffix}"
        export(database, table, path, has_personal=True)  # type: ignore[arg-type]
        report = import_again(database, clock, tmp_path, table, path)  # type: ignore[arg-type]
        assert not report.problems
        assert report.outcomes == {"unchanged": 1}, report.fields


def test_personal_columns_are_masked_and_no_formula_leaves(
    database: Database, tmp_path: Path
) -> None:
    fill(database)
    path = tmp_path / "a.csv"
    customers = export(database, "customers", path, has_personal=False)
    told = path.read_text("utf-8-sig")
    assert not any(secret in told for secret in ("张伟", "13800000001", "calc", "上海"))
    assert [row["手机号"] or "" for row in customers] == ["", MASK]
    orders = export(database, "orders", path, has_personal=False)
    assert orders[0]["订单号"] == "A1" and orders[0]["姓名"] == MASK
    assert "13800000001" not in path.read_text("utf-8-sig")
    rows = export(database, "customers", path, has_personal=True)
    assert "\"'=cmd|" in path.read_text("utf-8-sig")
    assert [row["备注"] for row in rows if row["姓名"] == "张伟"] == ['=cmd|"/c calc"!A1']


def test_a_masked_file_is_not_taken_for_data(
    database: Database, clock: FakeClock, settings: Settings, tmp_path: Path
) -> None:
    fill(database)
    path = tmp_path / "a.csv"
    export(database, "customers", path, has_personal=False)
    report = import_again(database, clock, settings.shop_dir, "customers", path)
    assert report.refused_rows == 2 and "masked" in report.problems[0].reason


def test_only_a_personal_export_stands_in_the_audit_trail(
    database: Database, tmp_path: Path
) -> None:
    fill(database)
    before = database.read(lambda uow: uow.audit.verify())
    export(database, "customers", tmp_path / "a.csv", has_personal=False)
    assert database.read(lambda uow: uow.audit.verify()) == before
    export(database, "customers", tmp_path / "a.csv", has_personal=True)
    assert database.read(lambda uow: uow.audit.verify()) == before + 1


def test_the_command_writes_a_file_for_this_user_alone(tmp_path: Path, settings: Settings) -> None:
    environment = {"PRELUDE_VAR": str(settings.var_dir), "COLUMNS": "200"}
    path = tmp_path / "a.xlsx"
    done = CliRunner().invoke(prelude, ["export", "products", str(path)], env=environment)
    assert done.exit_code == 0 and "13 rows" in done.output, done.output
    assert path.stat().st_mode & 0o077 == 0
    done = CliRunner().invoke(prelude, ["export", "products", "a.pdf"], env=environment)
    assert isinstance(done.exception, UsageError)


def test_pages_give_every_row_once(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "PAGE_ROWS", 2)
    more: Any = {"actor": "cli", "source": "x", "now": START}
    for login in "abcde":
        database.write(
            lambda uow, login=login: put_customer(uow, [("login", login)], CustomerChange(), **more)
        )
    rows = export(database, "customers", tmp_path / "a.csv", has_personal=True)
    assert [row["会员号"] for row in rows] == list("edcba")


def test_cases_and_tasks_are_exported_in_the_words_of_the_book(play: Play, tmp_path: Path) -> None:
    conversation = play.start()
    play.say(conversation, SAID)
    play.app.database.write(
        lambda uow: uow.tasks.add(
            "call_back", START, contact="13800000001", note="=x", due_at=START
        )
    )
    cases = export(play.app.database, "cases", tmp_path / "a.csv", has_personal=False)
    assert cases[0]["投诉编号"].startswith("P261122-")
    assert (cases[0]["阶段"], cases[0]["原因"]) == ("已受理", "产品")
    tasks = export(play.app.database, "tasks", tmp_path / "a.csv", has_personal=False)
    assert tasks[0]["联系电话"] == MASK and tasks[0]["内容"] == MASK
    assert (tasks[0]["状态"], tasks[0]["期限"]) == ("未完成", "2026-11-22 11:00:00")


@pytest.mark.parametrize("name", get_args(TableName))
def test_every_column_is_filled_from_what_is_stored(
    database: Database, play: Play, name: TableName
) -> None:
    # a field that no record has would be an empty column for ever
    fill(database)
    play.say(play.start(), SAID)
    database.write(lambda uow: uow.tasks.add("call_back", START))
    found = database.read(lambda uow: list(exports._READERS[name](uow, None).rows))
    fields = {column.field for column in load_tables().tables[name].columns}
    assert fields <= set().union(*found)
