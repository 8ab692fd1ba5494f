"""Entities with values: what is found in a message, what it comes to, and what is left alone."""

from __future__ import annotations

import time
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.engine.context import analysis_of
from bot.errors import ShopDataError
from bot.knowledge.book import BOOK_DIR, load_entity_patterns, read_book
from bot.knowledge.shop import load_shop
from bot.language.dates import resolve_dates
from bot.language.document import MessageReader, brands_of, entities_of, product_names
from bot.language.entities import MOST, EntityFinder
from bot.language.values import NumberReader
from bot.settings import Settings

TODAY = date(2026, 11, 18)  # a Wednesday


@lru_cache(maxsize=1)
def reader() -> MessageReader:
    reader = MessageReader()
    reader.know_products(product_names(load_shop(Settings().shop_dir).products))
    return reader


@lru_cache(maxsize=1)
def finder() -> EntityFinder:
    return EntityFinder(load_entity_patterns())


def found_in(text: str, today: date = TODAY) -> list[dict[str, Any]]:
    return resolve_dates([each.as_dict() for each in entities_of(reader().read(text))], today)


def named(text: str, *labels: str) -> list[tuple[Any, ...]]:
    """Return label, value and what it comes to of the entities with these labels."""
    return [
        (each["entity"], each["value"], each["resolved"])
        if "resolved" in each
        else (each["entity"], each["value"])
        for each in found_in(text)
        if each["entity"] in labels
    ]


def between(low: float, high: float) -> dict[str, float]:
    return {"min": low, "max": high}


def period(first: str, last: str) -> dict[str, str]:
    return {"from": first, "to": last}


# Sums, in fen; value None: there is none.
AMOUNTS: list[tuple[str, list[tuple[str, Any]]]] = [
    ("能不能299块", [("299", 29900)]),
    ("299元包邮吗", [("299", 29900)]),
    ("1,299元太贵", [("1,299", 129900)]),
    ("¥199", [("199", 19900)]),
    ("￥ 299.50能开票吗", [("299.50", 29950)]),
    ("三百块行不行", [("三百", 30000)]),
    ("两百五卖不卖", [("两百五", 25000)]),
    ("两百零五块", [("两百零五", 20500)]),
    ("三千八太贵了", [("三千八", 380000)]),
    ("一万二买不起", [("一万二", 1200000)]),
    ("一万二千五百块", [("一万二千五百", 1250000)]),
    ("1万2太贵", [("1万2", 1200000)]),
    ("1千5能拿吗", [("1千5", 150000)]),
    ("1.5w太贵了", [("1.5w", 1500000)]),
    ("才2k", [("2k", 200000)]),
    ("控制在十万里头", [("十万", 10000000)]),
    ("落地十七万八不行", [("十七万八", 17800000)]),
    ("检测费60", [("60", 6000)]),
    ("二十多万的车", [("二十多万", between(20000000, 30000000))]),
    ("200多块的有吗", [("200多", between(20000, 30000))]),
    ("一百来块能买到吗", [("一百来", between(10000, 15000))]),
    ("十来块钱的东西", [("十来", between(1000, 1500))]),
    ("两三百的就行", [("两三百", between(20000, 30000))]),
    ("七八十块", [("七八十", between(7000, 8000))]),
    ("200到300块的", [("200到300", between(20000, 30000))]),
    ("三到五百块", [("三到五百", between(30000, 50000))]),
    ("几百块的小东西", [("几百", between(20000, 90000))]),
    ("百八十块就行", [("百八十", between(8000, 10000))]),
    ("千把块钱", [("千把", between(100000, 150000))]),
    ("35块多", [("35块多", between(3500, 3600))]),
    ("三块五一个", [("三块五", 350)]),
    ("九块九包邮", [("九块九", 990)]),
    ("5块5毛", [("5块5毛", 550)]),
    ("三块半", [("三块半", 350)]),
    ("三十九块五毛", [("三十九块五毛", 3950)]),
    ("十五块一平", [("十五", 1500)]),
    ("才五毛", [("五毛", 50)]),
    ("三毛五", [("三毛五", 35)]),
    ("8毛钱也计较", [("8毛钱", 80)]),
    ("京东才卖199", [("199", 19900)]),
    ("原价3999现价2999", [("3999", 399900), ("2999", 299900)]),
    ("便宜200行吗", [("200", 20000)]),
    ("退我五十", [("五十", 5000)]),
    ("我打12315投诉你们", []),
    ("12315见", []),
    ("打110报警", []),
    ("三星手机", []),
    ("质量一点也不好", []),
    ("二手的吧", []),
    ("百分百满意", []),
    ("百分之二十", []),
    ("第一次买", []),
    ("质量一般", []),
    ("十分满意", []),
    ("千万别发错", []),
    ("万一坏了呢", []),
    ("一块儿发吧", []),
    ("我们一块去", []),
    ("一块表", []),
    ("4k电视", []),
    ("65w快充", []),
    ("五百兆宽带", []),
    ("八十平的房子", []),
    ("三百毫升", []),
    ("说了一百遍", []),
    ("尾号1234", []),
    ("他就是二百五", []),
    ("千元机", []),
    ("十万火急", []),
    ("十八万公里", []),
    ("百搭吗", []),
    ("订单20261122001234", []),
    ("电话13812345678", []),
]


@pytest.mark.parametrize(("text", "expected"), AMOUNTS)
def test_amounts_come_to_fen(text: str, expected: list[tuple[str, Any]]) -> None:
    assert named(text, "amount") == [("amount", *each) for each in expected]


@pytest.mark.parametrize(
    ("text", "resolved"),
    [
        ("预算就三百块", 30000),
        ("3000以内的", 300000),
        ("不超过两千五", 250000),
        ("最多出500", 50000),
        ("心理价位两千", 200000),
        ("预算十来万的样子", between(10000000, 15000000)),
        ("兜里就剩八十", 8000),
        ("控制在一万二", 1200000),
        ("2k以内", 200000),
        ("别家才卖199元", None),
        ("最多便宜20元", None),
        ("满300减50", None),
        ("三天以内", None),
    ],
)
def test_a_budget_is_an_amount_as_a_limit(text: str, resolved: Any) -> None:
    budgets = [each[1:] for each in named(text, "budget")]
    assert [each[1] for each in budgets] == ([] if resolved is None else [resolved])
    assert all(each in [amount[1:] for amount in named(text, "amount")] for each in budgets)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("要两个电饭煲", [("两个", 2)]),
        ("给我发三台", [("三台", 3)]),
        ("买俩水壶", [("俩", 2)]),
        ("再来仨", [("仨", 3)]),
        ("换一台新的", [("一台", 1)]),
        ("我要一个", [("一个", 1)]),
        ("拍两三件", [("两三件", between(2, 3))]),
        ("十来个就够", [("十来个", between(10, 15))]),
        ("十几箱", [("十几箱", between(11, 19))]),
        ("再来半斤", [("半斤", 0.5)]),
        ("两斤半", [("两斤半", 2.5)]),
        ("单位采购一百二十台", [("一百二十台", 120)]),
        ("两到三套", [("两到三套", between(2, 3))]),
        ("3件", [("3件", 3)]),
        ("两块表", [("两块", 2)]),
        ("三星的好", []),
        ("一点用都没有", []),
        ("第二个", []),
        ("哪一个好", []),
        ("每个多少钱", []),
        ("两个月了", []),
        ("三个小时", []),
        ("一个客服都没有", []),
        ("四件套", []),
        ("三只松鼠", []),
        ("零件坏了", []),
        ("我们俩", []),
        ("两个人用", []),
        ("几个", []),
    ],
)
def test_quantities_are_counts(text: str, expected: list[tuple[str, Any]]) -> None:
    assert named(text, "quantity") == [("quantity", *each) for each in expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("等了三天", [("三天", 3)]),
        ("等了半个月了", [("半个月", 15)]),
        ("一个半月还没退", [("一个半月", 45)]),
        ("两三天能到吗", [("两三天", between(2, 3))]),
        ("3到5天", [("3到5天", between(3, 5))]),
        ("四五天了", [("四五天", between(4, 5))]),
        ("20多天了", [("20多天", between(20, 30))]),
        ("十几天没动静", [("十几天", between(11, 19))]),
        ("好几天了", [("几天", between(2, 9))]),
        ("一个多月了", [("一个多月", between(30, 60))]),
        ("用了一年多", [("一年多", between(365, 730))]),
        ("一年半", [("一年半", 547.5)]),
        ("俩月没人管", [("俩月", 60)]),
        ("两个星期", [("两个星期", 14)]),
        ("三周", [("三周", 21)]),
        ("48小时没人回", [("48小时", 2)]),
        ("半小时", [("半小时", 0.0208)]),
        ("两个半小时", [("两个半小时", 0.1042)]),
        ("三个工作日", [("三个工作日", 3)]),
        ("七天无理由", [("七天", 7)]),
        ("几天能到", []),
        ("半天没人理", []),
        ("三天两头坏", []),
        ("一天到晚打电话", []),
        ("第三天", []),
        ("每天", []),
        ("三年级", []),
        ("一周年", []),
        ("天猫三天", [("三天", 3)]),
    ],
)
def test_durations_come_to_days(text: str, expected: list[tuple[str, Any]]) -> None:
    assert named(text, "duration") == [("duration", *each) for each in expected]


DATES: list[tuple[str, str, Any]] = [
    ("今天发货吗", "今天", "2026-11-18"),
    ("昨儿买的", "昨儿", "2026-11-17"),
    ("前天晚上八点下的单", "前天晚上八点", "2026-11-16"),
    ("明早到", "明早", "2026-11-19"),
    ("明天下午三点送", "明天下午三点", "2026-11-19"),
    ("大后天到", "大后天", "2026-11-21"),
    ("明后天能发吗", "明后天", period("2026-11-19", "2026-11-20")),
    ("下周三发工资", "下周三", "2026-11-25"),
    ("上周三下的单", "上周三", "2026-11-11"),
    ("这周五", "这周五", "2026-11-20"),
    ("下下周一再说", "下下周一", "2026-11-30"),
    ("上个礼拜天", "上个礼拜天", "2026-11-15"),
    ("这周末能到吗", "这周末", period("2026-11-21", "2026-11-22")),
    ("下周再说", "下周", period("2026-11-23", "2026-11-29")),
    ("周五能到吗", "周五", "2026-11-20"),
    ("周一能到吗", "周一", "2026-11-23"),
    ("周一买的", "周一", "2026-11-16"),
    ("周五就拍了", "周五", "2026-11-13"),
    ("下个月底", "下个月底", period("2026-12-27", "2026-12-31")),
    ("下个月15号发工资", "下个月15号", "2026-12-15"),
    ("上个月买的", "上个月", period("2026-10-01", "2026-10-31")),
    ("月底再买", "月底", period("2026-11-27", "2026-11-30")),
    ("年底再换", "年底", period("2026-12-01", "2026-12-31")),
    ("去年底买的", "去年底", period("2025-12-01", "2025-12-31")),
    ("明年五月", "明年五月", period("2027-05-01", "2027-05-31")),
    ("上半年买的", "上半年", period("2026-01-01", "2026-06-30")),
    ("9月3号买的", "9月3号", "2026-09-03"),
    ("9月3号搬家", "9月3号", "2027-09-03"),
    ("九月三号结婚", "九月三号", "2027-09-03"),
    ("12月3号到", "12月3号", "2026-12-03"),
    ("9月底交房", "9月底", period("2027-09-27", "2027-09-30")),
    ("三月份再说", "三月份", period("2027-03-01", "2027-03-31")),
    ("15号能到吗", "15号", "2026-12-15"),
    ("15号下单的", "15号", "2026-11-15"),
    ("31号能到吗", "31号", "2026-12-31"),
    ("2026年11月20日", "2026年11月20日", "2026-11-20"),
    ("2026-11-20前后", "2026-11-20", "2026-11-20"),
    ("25年3月买的", "25年3月", period("2025-03-01", "2025-03-31")),
    ("双十一再买", "双十一", "2027-11-11"),
    ("双11买的", "双11", "2026-11-11"),
    ("去年双十一买的", "去年双十一", "2025-11-11"),
    ("618的时候下单", "618", "2027-06-18"),
    ("618买的", "618", "2026-06-18"),
    ("国庆买的", "国庆", period("2026-10-01", "2026-10-07")),
    ("五一能便宜吗", "五一", period("2027-05-01", "2027-05-05")),
    ("五一的时候买的", "五一", period("2026-05-01", "2026-05-05")),
    ("十一放假再买", "十一", period("2027-10-01", "2027-10-07")),
    ("过年再买", "过年", period("2027-02-06", "2027-02-12")),
    ("年后再说", "年后", period("2027-02-13", "2027-03-08")),
    ("年前能到吗", "年前", period("2027-01-22", "2027-02-05")),
    ("正月十五", "正月十五", "2027-02-20"),
    ("中秋的月饼", "中秋", "2027-09-15"),
    ("春节后", "春节后", period("2027-02-13", "2027-02-19")),
    ("三天前买的", "三天前", "2026-11-15"),
    ("两周后出差", "两周后", "2026-12-02"),
    ("半年前买的", "半年前", "2026-05-18"),
    ("三个月前", "三个月前", "2026-08-18"),
    ("过几天再说", "过几天", period("2026-11-20", "2026-11-25")),
    ("前几天刚买", "前几天", period("2026-11-11", "2026-11-16")),
]


@pytest.mark.parametrize(("text", "value", "resolved"), DATES)
def test_dates_come_to_the_day_they_mean(text: str, value: str, resolved: Any) -> None:
    assert named(text, "date") == [("date", value, resolved)]


@pytest.mark.parametrize(
    "text",
    [
        *("大一号", "5号电池", "1号线", "七号楼", "一号店", "每周三有活动", "一周一次", "三天两头"),
        *("十一点", "十一个", "以前天天用", "目前天气", "半天", "年糕", "月饼", "百日", "24月"),
        *("隔三差五", "双人床", "一月租", "6187块", "星期", "今后", "2月卡"),
    ],
)
def test_what_only_looks_like_a_date_is_none(text: str) -> None:
    assert named(text, "date") == []


def test_a_day_that_does_not_exist_stays_unresolved() -> None:
    assert named("2月30号", "date") == [("date", "2月30号")]
    assert "resolved" not in found_in("过年", date(2036, 3, 1))[0]
    assert "resolved" not in found_in("99999999天后")[0]


@pytest.mark.parametrize(
    ("text", "value", "resolved"),
    [
        ("三天内给我答复", "三天内", "2026-11-21"),
        ("限你们24小时内回复", "24小时内", "2026-11-19"),
        ("给你们三天时间", "三天", "2026-11-21"),
        ("今天必须发货", "今天", "2026-11-18"),
        ("今天之内给我处理", "今天之内", "2026-11-18"),
        ("今晚之前必须回复", "今晚之前", "2026-11-18"),
        ("周五之前能到吗", "周五之前", "2026-11-20"),
        ("最晚周五", "周五", "2026-11-20"),
        ("下个月底之前必须到", "下个月底之前", "2026-12-31"),
        ("月底前退给我", "月底前", "2026-11-30"),
        ("这周内解决", "这周内", "2026-11-22"),
        ("国庆前能到吗", "国庆前", "2027-10-01"),
        ("过年前必须送到", "过年前", "2027-02-06"),
        ("明天再不发我就退", "明天", "2026-11-19"),
        ("七天无理由退货", None, None),
        ("7天内无理由退换", None, None),
        ("一年内免费保修", None, None),
        ("三天之前买的", None, None),
        ("国庆前买的", None, None),
        ("说48小时内回电,今天第五天了", None, None),
        ("三天了还没到", None, None),
        ("国庆前就发了", None, None),
        ("上周二给我立的案", None, None),
        ("七天内能退吗", None, None),
        ("明天见", None, None),
        ("走路十分钟内", None, None),
    ],
)
def test_deadlines_are_what_the_customer_demands(text: str, value: Any, resolved: Any) -> None:
    expected = [] if value is None else [("deadline", value, resolved)]
    assert named(text, "deadline") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("我要问问老公", ["spouse"]),
        ("媳妇管钱", ["spouse"]),
        ("家里领导不同意", ["spouse"]),
        ("我妈不让买", ["parent"]),
        ("等我儿子回来看了再定", ["child"]),
        ("老板不批", ["boss"]),
        ("要跟领导请示", ["boss"]),
        ("财务要审批", ["finance"]),
        ("得问采购大姐", ["purchasing"]),
        ("合伙人还没点头", ["partner"]),
        ("跟家里人商量下", ["other"]),
        ("老板你好,便宜点", []),
        ("叫你们经理来", []),
        ("给我老婆买的", []),
        ("孩子用的", []),
        ("我妈生日", []),
        ("听朋友说不好", []),
    ],
)
def test_a_decision_maker_is_somebody_who_decides(text: str, expected: list[str]) -> None:
    assert [each[1] for each in named(text, "decision_maker")] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("我要退款", ["refund"]),
        ("把钱退给我", ["refund"]),
        ("不给退我就投诉", ["refund"]),
        ("给我换一台新的", ["exchange"]),
        ("能修吗", ["repair"]),
        ("你们要赔偿我的损失", ["compensation"]),
        ("少的那件补发给我", ["redelivery"]),
        ("必须给我道歉", ["apology"]),
        ("降价了退差价", ["price_difference"]),
        ("不要退款,给我换货", ["exchange"]),
        ("万一不合适能退吗", []),
        ("退款政策是什么", []),
        ("换个懂的人来", []),
        ("退货运费谁出", []),
        ("维修点在哪", []),
        ("多少钱", []),
    ],
)
def test_a_remedy_is_what_the_customer_wants(text: str, expected: list[str]) -> None:
    assert [each[1] for each in named(text, "remedy")] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("京东便宜", [("rival", "京东")]),
        ("pdd才卖一半", [("rival", "拼多多")]),
        ("三星的比你们便宜", [("rival", "三星")]),
        ("买iphone15去了", [("rival", "苹果")]),
        ("美的的比你好", [("rival", "美的")]),
        ("这是最美的", []),
        ("小米粥", []),
        ("放松下来", []),
        ("sjdk", []),
        ("三星级酒店", [("category", "酒店")]),
        ("柚岚这牌子没听过", [("brand", "柚岚")]),
        ("電飯鍋多大", [("product", "rice_cooker")]),
        ("洗衣机有吗", [("category", "洗衣机")]),
        ("水壶有吗", [("category", "电热水壶")]),
        ("手机号多少", []),
    ],
)
def test_names_of_goods_brands_and_rivals(text: str, expected: list[tuple[str, str]]) -> None:
    assert named(text, "rival", "brand", "product", "category") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("屏幕碎了", True),
        ("漏水漏得厉害", True),
        ("会不会漏水", False),
        ("怕漏水", False),
        ("没有漏水", False),
        ("多少钱", False),
    ],
)
def test_a_defect_is_a_fault_that_is_there(text: str, expected: bool) -> None:
    assert bool(named(text, "defect")) is expected


def test_the_fault_that_says_more_wins_and_one_character_has_one_defect() -> None:
    faults = [("FAULT_GENERAL", 0, 4), ("FAULT_LEAK", 1, 3), ("FAULT_AFTER_USE", 0, 9)]
    found = finder().find("坏漏水了,不能用啊", faults)
    assert [each.value for each in found if each.label == "defect"] == ["FAULT_LEAK"]


def test_numbers_of_orders_cases_and_phones_win_over_amounts() -> None:
    text = "花了订单号20261122001234,电话13812345678,P261122-4K7QX2-H,0571-88888888"
    assert named("打138 1234 5678块", "amount") == []
    labels = [each["entity"] for each in found_in(text)]
    assert labels == ["order_number", "phone", "case_number", "phone"]


def test_brands_stand_before_the_models_of_several_products() -> None:
    assert brands_of(["柚岚YL-A", "柚岚YL-B", "家用LED灯", "苏泊尔电饭煲"]) == {"柚岚"}


def test_a_brand_of_ones_own_is_no_rival() -> None:
    own = EntityFinder(load_entity_patterns())
    own.know({}, ["美的"])
    assert [each.label for each in own.find("美的好用")] == ["brand"]


def test_the_graph_says_the_same_on_every_day_and_the_analysis_knows_the_day() -> None:
    entities = [each.as_dict() for each in entities_of(reader().read("周五之前送到"))]
    assert all("resolved" not in each for each in entities)
    parse = {"intent": {"name": "ask_delivery", "confidence": 0.9}, "entities": entities}
    for today, friday in ((TODAY, "2026-11-20"), (TODAY + timedelta(days=7), "2026-11-27")):
        for entity in analysis_of(parse, 1, today).entities:
            assert entity["resolved"] == friday
            assert set(entity) == {"entity", "value", "start", "end", "resolved"}


@given(st.integers(0, 9999))
def test_numerals_are_read_as_they_are_spelt(number: int) -> None:
    low_high = NumberReader(load_entity_patterns().numerals).read(spelt(number))
    assert low_high == (number, number)


def spelt(number: int) -> str:
    """Spell a number below 10,000 in full, as a cheque does (十二 for 12)."""
    if number == 0:
        return "零"
    text, needs_zero = "", False
    for unit, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit, number = divmod(number, unit)
        if digit:
            text += ("零" if needs_zero and text else "") + "零一二三四五六七八九"[digit] + name
            needs_zero = False
        else:
            needs_zero = bool(text)
    return text


PIECES = (
    "一二两三四五六七八九十百千万半几俩多来块元毛个月天周年号前后之内不超过到.-,0123456789kw"
    "京东退款老公说了算İ\0 "
)


@given(st.one_of(st.text(max_size=200), st.text(PIECES, max_size=60)), st.dates())
def test_any_text_is_read_and_every_span_lies_in_it(text: str, today: date) -> None:
    found = finder().find(text, [("FAULT_LEAK", 0, len(text))] if text else [])
    taken: dict[str, set[int]] = {}
    for entity in found:
        assert 0 <= entity.start < entity.end <= len(text)
        places = set(range(entity.start, entity.end))
        assert not taken.setdefault(entity.label, set()) & places
        taken[entity.label] |= places
    for entity in resolve_dates([each.as_dict() for each in found], today):
        assert "when" not in entity


@pytest.mark.parametrize(
    ("text", "ahead", "behind"),
    [
        ("11月10日购买", "2027-11-10", "2026-11-10"),
        ("5号", "2026-12-05", "2026-11-05"),
        ("昨天", "2026-11-21", "2026-11-21"),
        ("明天", "2026-11-23", "2026-11-23"),
    ],
)
def test_told_what_happened_a_day_without_a_year_lies_behind(
    text: str, ahead: str, behind: str
) -> None:
    found = [each.as_dict() for each in entities_of(reader().read(text))]
    today = date(2026, 11, 22)
    days = [resolve_dates(found, today, is_past=each)[0]["resolved"] for each in (False, True)]
    assert days == [ahead, behind]


@given(st.text(PIECES, min_size=1, max_size=8))
def test_long_repeated_texts_stay_bounded(piece: str) -> None:
    text = (piece * 10_000)[:10_000]
    started = time.process_time()
    found = finder().find(text)
    assert time.process_time() - started < 0.25  # 20 ms is the aim; the machine may be busy
    assert len(found) <= 14 * MOST


def test_a_letter_that_grows_when_lowered_moves_no_span() -> None:
    text = "İİİ要三台电热水壶"
    (count, kind) = (each for each in found_in(text) if each["entity"] in ("quantity", "product"))
    assert text[count["start"] : count["end"]] == "三台"
    assert text[kind["start"] : kind["end"]] == "电热水壶"


def test_entities_of_one_kind_are_limited_and_no_number_outgrows_the_database() -> None:
    assert len(finder().find("京东" * 5_000)) == MOST
    assert named("亿亿亿亿块", "amount") == []
    assert named("九千亿块", "amount")[0][2] < 2**63


def test_a_bad_pattern_or_macro_of_the_book_is_told_with_its_line(tmp_path: Any) -> None:
    for path in BOOK_DIR.rglob("*.yml"):
        copy = tmp_path / path.relative_to(BOOK_DIR)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    entities = tmp_path / "entities.yml"
    text = entities.read_text(encoding="utf-8")
    broken = text.replace("\ndates:\n", "\ndates:\n  - '@nowhere'\n  - '('\n", 1)
    entities.write_text(broken.replace("few: '", "few: '(", 1), encoding="utf-8")
    with pytest.raises(ShopDataError) as caught:
        read_book(tmp_path)
    told = [each.partition("entities.yml:")[2] for each in caught.value.problems]
    line = text.split("\ndates:\n")[0].count("\n") + 3
    assert [each.split(": ")[0] for each in told][:2] == [str(line), str(line + 1)]
    assert "no macro @nowhere" in told[0] and "contexts[few]" in told[2]
