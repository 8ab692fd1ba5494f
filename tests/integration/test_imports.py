"""Importing files: good rows are kept, bad ones named, and twice is as good as once."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import msgspec
import pytest
from openpyxl import Workbook
from typer.testing import CliRunner

from bot.bootstrap import sole_process
from bot.cli.app import app as prelude
from bot.crm.customers import CustomerFilter
from bot.crm.database import Database
from bot.crm.orders import OrderFilter
from bot.errors import BotError, ShopDataError, StorageUnavailableError, UsageError
from bot.knowledge.shop import load_shop
from bot.services.imports import CHUNK_ROWS, ImportChunk, ImportReport, run_import, write_chunk
from bot.services.shop import sync_shop
from bot.services.table_files import open_table
from bot.settings import Settings
from tests.fakes import FakeClock
from tests.integration.served import ServedShop

ORDER_HEADER = "订单号,手机号,状态,下单时间,商品编号,数量,单价（元）"


class Shelf:
    """Files beside a database, imported as the command does it."""

    def __init__(
        self, settings: Settings, database: Database, clock: FakeClock, folder: Path
    ) -> None:
        self.settings, self.database, self.clock, self.folder = settings, database, clock, folder
        self.chunks = 0
        self.before_chunk: Callable[[int], None] = lambda number: None

    def send(self, message: dict[str, Any]) -> Any:
        self.chunks += 1
        self.before_chunk(self.chunks)
        chunk = msgspec.convert(json.loads(json.dumps(message)), ImportChunk)
        now = self.clock.now()
        return msgspec.to_builtins(write_chunk(self.database, self.settings.shop_dir, chunk, now))

    def put(self, *lines: str, encoding: str = "utf-8") -> Path:
        path = self.folder / "rows.csv"
        path.write_text("\n".join(lines) + "\n", encoding=encoding)
        return path

    def run(self, name: Any, *lines: str, is_dry_run: bool = False, **more: Any) -> ImportReport:
        return self.run_file(name, self.put(*lines, **more), is_dry_run=is_dry_run)

    def run_file(self, name: Any, path: Path, *, is_dry_run: bool = False) -> ImportReport:
        with open_table(path) as table:
            return run_import(
                name, table, self.send, is_dry_run=is_dry_run, on_progress=lambda _: None
            )

    def customers(self) -> dict[str, Any]:
        """Return customers by their first identity."""
        return {
            each.identities[0].value: each
            for each in self.database.read(
                lambda uow: [
                    Known(row, uow.customers.identities(row.id))
                    for row in uow.customers.page(CustomerFilter(), limit=1000).items
                ]
            )
        }

    def orders(self) -> dict[str, Any]:
        page = self.database.read(lambda uow: uow.orders.page(OrderFilter(), limit=1000))
        return {each.number: each for each in page.items}


class Known:
    def __init__(self, row: Any, identities: list[Any]) -> None:
        self.row, self.identities = row, identities


@pytest.fixture
def shelf(settings: Settings, database: Database, clock: FakeClock, tmp_path: Path) -> Shelf:
    return Shelf(settings, database, clock, tmp_path)


def problems(report: ImportReport) -> list[tuple[int, str, str]]:
    return [(each.line, each.column, each.reason) for each in report.problems]


def test_customers_come_in_and_coming_again_changes_nothing(shelf: Shelf) -> None:
    lines = [
        "手机号,姓名,城市,等级,基本需求,生日",
        "13800000001,张伟,上海,VIP客户,安全|秩序,5月17日",
        "138-0000-0002,李娜,,,,",
    ]
    first = shelf.run("customers", *lines, encoding="gb18030")
    assert first.outcomes == {"new": 2} and not first.problems
    known = shelf.customers()
    assert set(known) == {"13800000001", "13800000002"}
    row = known["13800000001"].row
    assert (row.name, row.city, row.grade, row.grade_is_pinned) == ("张伟", "上海", "vip", True)
    assert (row.needs, row.birthday, row.source) == (["security", "order"], "05-17", "import")
    assert known["13800000002"].row.city is None
    assert shelf.run("customers", *lines, encoding="gb18030").outcomes == {"unchanged": 2}
    assert shelf.customers()["13800000001"].row.version == row.version


def test_an_empty_cell_leaves_what_is_known(shelf: Shelf) -> None:
    shelf.run("customers", "phone,name,city", "13800000001,张伟,上海")
    report = shelf.run("customers", "phone,name,city", "13800000001,张大伟,")
    assert report.outcomes == {"changed": 1} and report.fields == {"name": 1}
    row = shelf.customers()["13800000001"].row
    assert (row.name, row.city) == ("张大伟", "上海")


def test_a_dry_run_tells_the_same_and_writes_nothing(shelf: Shelf) -> None:
    shelf.run("customers", "phone,name", "13800000001,张伟")
    audited = shelf.database.read(lambda uow: uow.audit.verify())
    lines = ["phone,name", "13800000001,张大伟", "13800000002,李娜", "12,x"]
    tried = shelf.run("customers", *lines, is_dry_run=True)
    assert set(shelf.customers()) == {"13800000001"}
    assert shelf.customers()["13800000001"].row.name == "张伟"
    assert shelf.database.read(lambda uow: uow.audit.verify()) == audited
    assert asdict(tried) == asdict(shelf.run("customers", *lines))
    assert tried.outcomes == {"changed": 1, "new": 1} and tried.refused_rows == 1


def test_every_bad_row_is_named_and_every_good_one_kept(shelf: Shelf) -> None:
    report = shelf.run(
        "customers",
        "手机号,会员号,姓名,家庭人数,风格,生日",
        "13800000001,a1,好,3,温和型,1990-05-17",
        "12345,,短,,,",
        ",,无,,,",
        "13800000004,,坏,三,粗鲁型,",
        "13800000005,,大,100,,",
        "13800000006,,宽,,,,,x",
        "13800000007,,末,,,1990-02-30",
        "13800000008,,好,,,",
        '"13800000009,,引,,,',
    )
    assert [(line, column) for line, column, _ in problems(report)] == [
        (3, "手机号"),
        (4, "手机号"),
        (5, "家庭人数"),
        (5, "风格"),
        (6, "家庭人数"),
        (7, ""),
        (8, "生日"),
        (10, ""),
    ]
    assert all(reason for _, _, reason in problems(report))
    assert {each.row.name for each in shelf.customers().values()} == {"好"}
    assert report.outcomes == {"new": 2} and report.refused_rows == 7 and report.rows == 9


def test_a_row_that_only_the_database_refuses_stops_no_other_of_its_chunk(shelf: Shelf) -> None:
    shelf.run("customers", "login,phone", "a,13800000001", "b,13800000002")
    report = shelf.run(
        "customers", "会员号,手机号,姓名", "c,,一", "a,13800000002,二", "d,13800000004,三"
    )
    assert report.outcomes == {"new": 2}
    assert [(line, column) for line, column, _ in problems(report)] == [(3, "手机号")]
    assert "two customers" in problems(report)[0][2]
    assert "d" in shelf.customers() and shelf.customers()["b"].row.name == ""


def test_a_key_that_stands_twice_is_named_with_the_first_line(shelf: Shelf) -> None:
    report = shelf.run(
        "customers", "login,phone", "a,13800000001", "b,138 0000 0001", "a,13800000003"
    )
    assert problems(report) == [
        (3, "phone", "stands on line 2 already"),
        (4, "login", "stands on line 2 already"),
    ]
    assert report.outcomes == {"new": 1}


def test_an_order_is_one_or_more_rows_that_stand_together(shelf: Shelf) -> None:
    report = shelf.run(
        "orders",
        ORDER_HEADER,
        "A1,13800000001,已付款,2026-11-01 10:00,kettle,1,129.00",
        "A1,,,,air_fryer,2,299",
        "A2,13800000001,dispatched,2026/11/02,desk_lamp,1,159",
    )
    assert report.outcomes == {"new": 2} and report.rows == 3 and not report.problems
    order = shelf.orders()["A1"]
    assert [(line.product_id, line.quantity, line.price_fen) for line in order.lines] == [
        ("kettle", 1, 12900),
        ("air_fryer", 2, 29900),
    ]
    assert order.total_fen == 72700 and order.state == "paid"
    assert order.placed_at == datetime(2026, 11, 1, 2, 0, tzinfo=timezone.utc)
    assert order.customer_id == shelf.orders()["A2"].customer_id is not None


def test_an_order_with_a_bad_row_is_left_out_whole(shelf: Shelf) -> None:
    report = shelf.run(
        "orders",
        ORDER_HEADER,
        "A1,13800000001,已付款,2026-11-01,kettle,1,129",
        "A1,,,,air_fryer,many,299",
        "A2,13800000002,已付款,2026-11-01,kettle,1,129",
        "A3,13800000003,已付款,2026-11-01,kettle,1,129",
        "A3,13800000003,已取消,2026-11-01,kettle,1,129",
        "A4,13800000004,已付款,2026-11-01,kettle,,129",
        "A5,13800000005,已付款,2026-11-01,kettle,1,129",
        "A5,x,y,z,1,2,3,4,5",
        "A5,13800000005,已付款,2026-11-01,air_fryer,1,299",
        ",13800000006,已付款,2026-11-01,kettle,1,129",
        "A2,13800000002,已付款,2026-11-01,desk_lamp,1,159",
    )
    assert set(shelf.orders()) == {"A2"}  # a part of an order would look like the whole
    assert [(line, column) for line, column, _ in problems(report)] == [
        (3, "数量"),
        (6, "状态"),
        (7, "数量"),
        (9, ""),
        (10, ""),
        (11, "订单号"),
        (12, "订单号"),
    ]
    assert len(shelf.orders()["A2"].lines) == 1
    assert report.rows == 11 and report.refused_rows == 10


def test_a_file_of_states_moves_known_orders_and_refuses_unknown_ones(shelf: Shelf) -> None:
    shelf.run("orders", ORDER_HEADER, "A1,13800000001,已付款,2026-11-01,kettle,1,129")
    moves = ["订单号,订单状态,发货时间", "A0,已发货,", "A1,已发货,2026-11-02 09:00"]
    report = shelf.run("orders", *moves)
    assert report.outcomes == {"changed": 1}
    assert report.fields == {"state": 1, "dispatched_at": 1}
    assert problems(report)[0][:2] == (2, "placed_at")
    order = shelf.orders()["A1"]
    assert order.state == "dispatched" and len(order.lines) == 1
    assert shelf.customers().keys() == {"13800000001"}


def test_lines_need_product_quantity_and_price_columns(shelf: Shelf) -> None:
    with pytest.raises(UsageError, match="quantity, price_fen"):
        shelf.run("orders", "订单号,商品编号", "A1,kettle")


def many(count: int) -> list[str]:
    rows = [f"{13800000000 + number},n{number}" for number in range(count)]
    return ["phone,name", *rows]


def test_what_was_killed_half_way_is_run_again_and_comes_to_the_same(shelf: Shelf) -> None:
    lines = many(CHUNK_ROWS * 2 + 5)

    def die(number: int) -> None:
        if number == 2:
            raise StorageUnavailableError("the database is gone")

    shelf.before_chunk = die
    with pytest.raises(UsageError, match=f"up to line {CHUNK_ROWS + 1} is kept; run the same"):
        shelf.run("customers", *lines)
    assert shelf.database.read(lambda uow: uow.customers.count()) == CHUNK_ROWS
    again = shelf.run("customers", *lines)
    assert again.outcomes == {"unchanged": CHUNK_ROWS, "new": CHUNK_ROWS + 5}
    assert shelf.database.read(lambda uow: uow.customers.count()) == CHUNK_ROWS * 2 + 5


@contextmanager
def locked(shelf: Shelf) -> Iterator[None]:
    """Somebody else holds the database."""
    if shelf.database.is_sqlite:
        other = sqlite3.connect(shelf.settings.var_dir / "prelude.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        yield
        other.close()
    else:
        with shelf.database.write_engine.connect() as connection:
            connection.exec_driver_sql("LOCK TABLE customer IN EXCLUSIVE MODE")
            yield


def test_a_locked_database_is_told_and_nothing_is_half_written(shelf: Shelf) -> None:
    with (
        locked(shelf),
        pytest.raises(UsageError, match=r"cannot be written.*nothing was changed"),
    ):
        shelf.run("customers", *many(3))
    assert shelf.database.read(lambda uow: uow.customers.count()) == 0


@pytest.mark.parametrize(
    ("pragma", "reason"), [("query_only=ON", "readonly"), ("max_page_count=1", "full")]
)
def test_a_database_that_takes_no_more_is_told_and_holds_whole_chunks(
    shelf: Shelf, pragma: str, reason: str
) -> None:
    with shelf.database.write_engine.connect() as connection:  # the one that writes
        connection.exec_driver_sql(f"PRAGMA {pragma}")
    with pytest.raises(UsageError, match=rf"{reason}.*(nothing was changed|is kept)"):
        shelf.run("customers", *many(CHUNK_ROWS * 10))
    assert shelf.database.read(lambda uow: uow.customers.count()) % CHUNK_ROWS == 0
    assert shelf.database.read(lambda uow: uow.customers.count()) < CHUNK_ROWS * 10


def test_a_header_that_does_not_fit_is_refused_before_anything_is_written(shelf: Shelf) -> None:
    with pytest.raises(UsageError, match="did you mean '手机号'"):
        shelf.run("customers", "手机号吗,姓名", "13800000001,张伟")
    assert shelf.chunks == 0


def test_xlsx_comes_in_as_csv_does(shelf: Shelf) -> None:
    book = Workbook()
    for row in (
        ["订单号", "手机号", "下单时间", "商品编号", "数量", "单价"],
        [10001, 13800000001, datetime(2026, 11, 1, 10, 0), "kettle", 1, 129],
        [10002, 13800000001, 46327.5, "kettle", 2.0, 129.5],
    ):
        book.active.append(row)
    book.save(shelf.folder / "a.xlsx")
    report = shelf.run_file("orders", shelf.folder / "a.xlsx")
    assert report.outcomes == {"new": 2}, report.problems
    assert shelf.orders()["10002"].placed_at == datetime(2026, 11, 1, 4, 0, tzinfo=timezone.utc)
    assert shelf.orders()["10001"].placed_at == datetime(2026, 11, 1, 2, 0, tzinfo=timezone.utc)
    assert shelf.orders()["10002"].total_fen == 25900


# Products: the shop's folder is the source of truth


@pytest.fixture
def stall(shelf: Shelf) -> Shelf:
    """A shelf whose shop may be changed."""
    folder = shelf.folder / "shop"
    shutil.copytree(shelf.settings.shop_dir, folder)
    shelf.settings = replace(shelf.settings, shop_dir=folder)
    return shelf


def product_of(shelf: Shelf, product_id: str) -> dict[str, Any]:
    rows = shelf.database.read(lambda uow: uow.catalogue.products())
    return next((row for row in rows if row["id"] == product_id), {})


NEW_PRODUCT = "商品编号,商品名称,分类,价格,使用年限,保修月数,库存,特点,优点,好处,相关商品"
MUG = "mug,双层玻璃杯,杯壶,59.9,3,0,20,双层玻璃|350毫升,不烫手|够喝一会儿,舒服|少倒水,kettle"


def test_products_are_merged_into_the_shops_file_and_loaded(stall: Shelf) -> None:
    file = stall.settings.shop_dir / "products.csv"
    before = file.read_bytes()
    report = stall.run("products", NEW_PRODUCT, MUG, "kettle,,,139,,,,,,,")
    assert report.outcomes == {"new": 1, "changed": 1} and report.fields == {"price_fen": 1}
    assert (file.parent / "products.csv.bak").read_bytes() == before
    shop = load_shop(file.parent)
    assert [each.id for each in shop.products][-1] == "mug" and len(shop.products) == 14
    kettle = shop.product("kettle")
    assert kettle is not None and kettle.price_fen == 13900 and kettle.warranty_months == 12
    assert product_of(stall, "mug")["features"] == ["双层玻璃", "350毫升"]
    assert product_of(stall, "kettle")["price_fen"] == 13900
    written = file.read_bytes()
    again = stall.run("products", NEW_PRODUCT, MUG, "kettle,,,139,,,,,,,")
    assert again.outcomes == {"unchanged": 2} and file.read_bytes() == written


def test_bad_products_are_named_and_the_good_ones_kept(stall: Shelf) -> None:
    report = stall.run(
        "products",
        NEW_PRODUCT,
        MUG.replace("kettle", "teapot"),
        MUG.replace("mug,", "Mug 2,"),
        MUG.replace("mug,", "cup,").replace("|够喝一会儿", ""),
        "lamp2,灯,,,,,,,,,",
        "desk_lamp,,,0,,,,,,,",
        "kettle,,,,,,99,,,,",
        "kettle,,,,,,98,,,,",
    )
    assert report.outcomes == {"changed": 1}
    assert [(line, column) for line, column, _ in problems(report)] == [
        (2, "相关商品"),
        (3, "商品编号"),
        (4, "特点"),
        (5, "分类"),
        (6, "价格"),
        (8, "商品编号"),
    ]
    assert product_of(stall, "kettle")["stock"] == 99
    assert product_of(stall, "desk_lamp")["price_fen"] == 15900


def test_a_product_that_claims_what_may_not_be_said_is_refused_with_a_rewrite(
    stall: Shelf,
) -> None:
    report = stall.run(
        "products",
        NEW_PRODUCT,
        MUG.replace("不烫手|", "全网最强隔热|"),
        "kettle,,,,,,97,,,,",
    )
    assert report.outcomes == {"changed": 1} and report.refused_rows == 1
    [(line, column, reason)] = problems(report)
    assert (line, column) == (2, "优点") and "广告法" in reason and "rather" in reason
    assert product_of(stall, "mug") == {} and product_of(stall, "kettle")["stock"] == 97


def test_a_dry_run_of_products_leaves_the_file(stall: Shelf) -> None:
    file = stall.settings.shop_dir / "products.csv"
    before = file.read_bytes()
    assert stall.run("products", NEW_PRODUCT, MUG, is_dry_run=True).outcomes == {"new": 1}
    assert file.read_bytes() == before and not file.with_name("products.csv.bak").exists()


def test_a_shop_that_is_wrong_already_is_told_and_left(stall: Shelf) -> None:
    (stall.settings.shop_dir / "hours.yml").write_text("weekly: {mon: [x]}\n")
    with pytest.raises(UsageError, match="hours.yml"):
        stall.run("products", NEW_PRODUCT, MUG)
    with pytest.raises(ShopDataError):
        load_shop(stall.settings.shop_dir)
    assert "mug" not in (stall.settings.shop_dir / "products.csv").read_text(encoding="utf-8")


def test_new_columns_join_the_shops_file(stall: Shelf) -> None:
    report = stall.run("products", "id,每件用量,每人每天用量", "kettle,100,2.5")
    assert report.fields == {"content_units": 1, "daily_use_per_person": 1}
    assert product_of(stall, "kettle")["daily_use_per_person"] == 2.5
    stall.database.write(lambda uow: sync_shop(uow, stall.settings.shop_dir))


# The command


def command(settings: Settings, *words: str, stdin: str = "") -> tuple[int, str]:
    environment = {"PRELUDE_VAR": str(settings.var_dir), "COLUMNS": "200"}
    done = CliRunner().invoke(prelude, list(words), input=stdin, env=environment)
    if isinstance(done.exception, BotError):
        return 1, f"error: {done.exception}"
    return done.exit_code, done.output


def test_the_command_asks_before_it_writes_and_fails_when_rows_were_refused(
    tmp_path: Path, settings: Settings
) -> None:
    path = tmp_path / "people.csv"
    path.write_text("phone,name\n13800000001,张伟\n1,x\n", encoding="utf-8")
    words = ("import", "customers", str(path))
    code, told = command(settings, *words, "--dry-run")
    assert code == 1 and f"{path}:3: phone: " in told and "would be" in told
    code, told = command(settings, *words, stdin="n\n")
    assert code == 1 and "were" not in told
    code, told = command(settings, *words, stdin="y\n")
    assert code == 1 and "were" in told and "rows/s" in told
    path.write_text("phone,name\n13800000001,张伟\n", encoding="utf-8")
    code, told = command(settings, *words, "--yes")
    assert code == 0 and "unchanged" in told
    code, told = command(settings, "import", "customers", str(tmp_path / "none.csv"), "--yes")
    assert code == 1 and "cannot be read" in told


def test_a_running_server_writes_what_the_command_reads(tmp_path: Path, served: ServedShop) -> None:
    # one process on SQLite: a command that opened the database itself would be refused
    path = tmp_path / "people.csv"
    path.write_text("\n".join(many(CHUNK_ROWS + 1)) + "\nx,y\n", encoding="utf-8")

    async def scenario() -> None:
        access = {"url": f"http://127.0.0.1:{served.port}", "token": "a" * 43, "pid": os.getpid()}
        (served.settings.var_dir / "admin.json").write_text(json.dumps(access))
        with sole_process(served.settings):
            words = ("import", "customers", str(path), "--yes")
            code, told = await asyncio.to_thread(command, served.settings, *words)
            assert code == 1 and f"{path}:{CHUNK_ROWS + 3}: phone: " in told, told
            out = tmp_path / "out.xlsx"
            words = ("export", "customers", str(out), "--personal")
            code, told = await asyncio.to_thread(command, served.settings, *words)
            assert code == 0 and f"{CHUNK_ROWS + 1} rows" in told, told
        with open_table(out) as table:
            assert len(list(table.rows)) == CHUNK_ROWS + 1

    served.run(scenario)
    assert served.database.read(lambda uow: uow.customers.count()) == CHUNK_ROWS + 1
