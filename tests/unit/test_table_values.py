"""What cells mean: words, money, dates, and what is refused rather than guessed."""

from __future__ import annotations

from datetime import date, datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.crm.privacy_labels import is_personal
from bot.errors import ShopDataError, UsageError
from bot.knowledge.products import Product
from bot.knowledge.table_columns import (
    ColumnType,
    Heading,
    Table,
    load_tables,
    read_header,
    read_tables,
)
from bot.services.customers import CustomerChange
from bot.services.orders import OrderChange, OrderLineValue
from bot.services.table_files import Cell
from bot.services.table_values import MASK, read_cell, show_value

TABLES = load_tables()
NOON = datetime(2026, 11, 22, 4, 30, tzinfo=timezone.utc)


def heading(table: str, title: str) -> Heading:
    columns = TABLES.tables[table].columns  # type: ignore[index]
    return read_header(Table(columns), [title])[0]


def value(table: str, title: str, cell: Cell) -> Any:
    return read_cell(heading(table, title), cell, TABLES.signs)


@pytest.mark.parametrize(
    ("table", "title", "cell", "wanted"),
    [
        ("orders", "状态", "已发货", "dispatched"),
        ("orders", "Status", " Dispatched ", "dispatched"),
        ("orders", "单价", "299.00", 29900),
        ("orders", "单价（元）", "￥1,299.5", 129950),
        ("orders", "price", 299.9, 29990),
        ("orders", "price", 0.1 + 0.2, 30),
        ("orders", "price_fen", "29900", 29900),
        ("orders", "单价（分）", 29900.0, 29900),
        ("orders", "利润", "-5.00", -500),
        ("orders", "*订单号", 12345678901.0, "12345678901"),
        ("orders", "order no", "00123", "00123"),
        ("orders", "下单时间", "2026-11-22 12:30", NOON),
        ("orders", "下单时间", "2026/11/22 12:30:00", NOON),
        ("orders", "下单时间", "2026年11月22日 12:30", NOON),
        ("orders", "下单时间", "2026-11-22T04:30:00Z", NOON),
        ("orders", "下单时间", "2026-11-22T06:30:00.0+02:00", NOON),
        ("orders", "下单时间", datetime(2026, 11, 22, 12, 30), NOON),
        ("orders", "下单时间", 46348.520833333336, NOON),
        ("orders", "承诺发货日期", "2026/1/2", "2026-01-02"),
        ("orders", "承诺发货日期", date(2026, 1, 2), "2026-01-02"),
        ("orders", "承诺发货日期", 46348, "2026-11-22"),
        ("orders", "数量", "2.0", 2),
        ("customers", "生日", "5/17", "05-17"),
        ("customers", "生日", "1990年5月17日", "1990-05-17"),
        ("customers", "勿扰", "是", True),
        ("customers", "do not contact", "No", False),
        ("customers", "基本需求", "权力|security", ["power", "security"]),
        ("customers", "姓名", "  ", None),
        ("products", "别名", "炸锅｜ 空气炸锅 |", ["炸锅", "空气炸锅"]),
    ],
)
def test_a_cell_is_read(table: str, title: str, cell: Cell, wanted: Any) -> None:
    assert value(table, title, cell) == wanted


@pytest.mark.parametrize(
    ("table", "title", "cell", "reason"),
    [
        ("orders", "状态", "飞走了", "not one of"),
        ("orders", "单价", "299.001", "no amount in yuan"),
        ("orders", "price_fen", "299.5", "no whole number of fen"),
        ("orders", "单价", "1e400", "no number"),
        ("orders", "单价", "nan", "no number"),
        ("orders", "数量", "1.5", "no whole number"),
        ("orders", "数量", True, "no number"),
        ("orders", "下单时间", "22.11.2026", "no date"),
        ("orders", "下单时间", "11/22/2026", "no date"),
        ("orders", "下单时间", "2026-02-30", "of the calendar"),
        ("orders", "下单时间", "0026-11-22", "cannot be meant"),
        ("orders", "下单时间", 7, "no date"),
        ("orders", "订单号", 1234567890123456789.0, "rounded"),
        ("orders", "订单号", "#N/A", "error of the spreadsheet"),
        ("customers", "姓名", MASK, "masked"),
        ("customers", "勿扰", "maybe", "neither"),
        ("customers", "备注", datetime(2026, 1, 1), "format the column as text"),
    ],
)
def test_what_cannot_be_meant_is_refused(table: str, title: str, cell: Cell, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        value(table, title, cell)


@given(st.one_of(st.text(max_size=20), st.floats(), st.integers(), st.datetimes(), st.booleans()))
def test_any_cell_is_read_or_refused_with_a_reason(cell: Cell) -> None:
    for column in TABLES.tables["orders"].columns + TABLES.tables["customers"].columns:
        try:
            read_cell(Heading(column.titles[0], column, False), cell, TABLES.signs)
        except (ValueError, OverflowError) as error:
            assert str(error)


@given(st.integers(-(10**11), 10**11))
def test_money_is_shown_and_read_without_a_fen_lost(fen: int) -> None:
    column = heading("orders", "利润")
    shown = show_value(column.column, fen, TABLES.signs)
    assert shown == Decimal(fen) / 100
    assert read_cell(column, str(shown), TABLES.signs) == fen
    assert read_cell(column, float(shown), TABLES.signs) == fen  # type: ignore[arg-type]


@given(st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(timezone.utc)))
def test_a_time_is_shown_in_shanghai_and_read_back(moment: datetime) -> None:
    column = heading("orders", "下单时间")
    shown = show_value(column.column, moment.isoformat(), TABLES.signs)
    assert read_cell(column, shown, TABLES.signs) == moment


def test_an_unknown_title_is_refused_with_the_nearest_known_one() -> None:
    with pytest.raises(UsageError) as caught:
        read_header(TABLES.tables["orders"], ["订单编码", "电话", "手机", "天气"])
    told = str(caught.value)
    assert "'订单编码' is not known; did you mean '订单编号'?" in told
    assert "'订单号' (number) is missing" in told
    assert "'电话' and '手机' are the same column" in told
    assert "column 4: '天气' is not known" in told


def test_a_customer_file_needs_one_of_its_keys() -> None:
    with pytest.raises(UsageError, match=r"\(login\) or '手机号' \(phone\) is missing"):
        read_header(TABLES.tables["customers"], ["姓名"])


# The book and the code fit together


def test_every_column_that_is_imported_is_a_field_of_what_is_written() -> None:
    keys = {"login", "phone"}
    order = set(OrderChange.__struct_fields__) - {"lines"} | {"number"}
    fields = {
        "customers": set(CustomerChange.__struct_fields__) | keys,
        "orders": order | set(OrderLineValue.__struct_fields__),
        "products": set(Product.__struct_fields__),
    }
    for name, wanted in fields.items():
        columns = TABLES.tables[name].columns  # type: ignore[index]
        assert {each.field for each in columns if not each.export_only} == wanted


def test_the_words_of_a_column_are_the_values_that_are_stored() -> None:
    for name, type_ in (("customers", CustomerChange), ("orders", OrderChange)):
        for column in TABLES.tables[name].columns:  # type: ignore[index]
            if column.words and not column.export_only:
                wanted = literals(get_type_hints(type_)[column.field])
                assert set(column.words) == set(wanted)


def literals(type_: Any) -> list[str]:
    args = get_args(type_)
    return [each for arg in args for each in ([arg] if isinstance(arg, str) else literals(arg))]


def test_every_column_has_a_privacy_label_and_every_type_is_used() -> None:
    columns = [column for table in TABLES.tables.values() for column in table.columns]
    labels = {column.source: is_personal(column.source) for column in columns}
    assert labels["customer.name"] and labels["customer_identity.value"] and labels["task.note"]
    assert not labels["shop_order.number"] and not labels["product.price_fen"]
    assert {column.type for column in columns} == set(get_args(ColumnType))


def test_a_title_that_names_two_columns_is_an_error_of_the_book(tmp_path: Path) -> None:
    path = tmp_path / "tables.yml"
    path.write_text(
        "signs: {date: {}, money: [], true_words: [], false_words: []}\n"
        "tables:\n  tasks:\n    keys: [none]\n    columns:\n"
        "      - {field: a, type: text, source: task.id, titles: [x]}\n"
        "      - {field: b, type: text, source: task.id, titles: [X]}\n",
        encoding="utf-8",
    )
    with pytest.raises(ShopDataError) as caught:
        read_tables(path)
    assert f"{path}:7: titles: 'X' names two columns" in caught.value.problems
    assert any("no column 'none'" in each for each in caught.value.problems)
