"""The book's rules about customers: they load, say nothing forbidden, and touch no money."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bot.dialogue.guard import violations
from bot.errors import ShopDataError
from bot.knowledge.book import BOOK_DIR, load_book
from bot.knowledge.customer_rules import (
    DEADLINES,
    CustomerRules,
    load_customer_rules,
    read_customer_rules,
)

FILE = BOOK_DIR / "customers.yml"
CJK = re.compile("[\u4e00-\u9fff]")
# A grade changes order and way of service, never money (design decision 9).
MONEY_OFFERED = re.compile(r"\d+(\.\d+)?\s*[元块折%％]|打折|折扣|降价|便宜|减免|返现|优惠")
SELLING = re.compile(r"优惠|促销|打折|新品|上新|下单|购买|推荐|券|活动|特价")


@pytest.fixture(scope="module")
def rules() -> CustomerRules:
    return load_customer_rules()


def texts_of(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from texts_of(each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from texts_of(each)


def chinese_texts(rules: CustomerRules) -> list[str]:
    return [text for text in texts_of(msgspec.to_builtins(rules)) if CJK.search(text)]


def test_every_text_passes_the_guard(rules: CustomerRules) -> None:
    texts = chinese_texts(rules)
    assert len(texts) > 30
    assert [text for text in texts if violations(load_book(), text)] == []


def test_no_text_offers_money(rules: CustomerRules) -> None:
    assert [text for text in chinese_texts(rules) if MONEY_OFFERED.search(text)] == []


def test_better_terms_of_key_customers_are_published_benefits_only(rules: CustomerRules) -> None:
    assert "只限公开的会员权益" in rules.value.strategies["key"]


def test_a_silent_complainer_is_asked_and_offered_nothing(rules: CustomerRules) -> None:
    defection = rules.defection
    said = [defection.script, *defection.questions]
    assert [text for text in said if SELLING.search(text)] == []
    assert [text for text in defection.questions if not text.endswith("？")] == []


def test_the_calendar_has_all_of_the_domain(rules: CustomerRules) -> None:
    events = {rule.event for rule in rules.aftercare}
    assert events == {
        "placed",
        "dispatch_promised",
        "dispatched",
        "delivered",
        "warranty_ends",
        "runs_out",
        "birthday",
    }


def test_thanks_come_the_next_day_with_the_promised_dispatch_date(rules: CustomerRules) -> None:
    (thanks,) = (rule for rule in rules.aftercare if rule.event == "placed")
    assert thanks.offset_days == 1
    assert any("{dispatch_on}" in script for script in thanks.scripts)


def test_every_follow_up_asks_at_least_two_questions(rules: CustomerRules) -> None:
    follow_ups = [rule for rule in rules.aftercare if rule.kind == "follow_up"]
    assert len(follow_ups) >= 3
    for rule in follow_ups:
        assert len(rule.questions) >= 2
        assert [text for text in rule.questions if not text.endswith("？")] == []


def test_only_the_thanks_are_said_while_a_complaint_is_open(rules: CustomerRules) -> None:
    said = {rule.id for rule in rules.aftercare if "no_open_case" not in rule.needs}
    assert said == {"thanks"}


def test_every_rule_has_a_script_that_needs_only_what_its_event_surely_knows(
    rules: CustomerRules,
) -> None:
    known = {
        "placed": {"greeting", "order_number", "ordered_on", "products"},
        "birthday": {"greeting"},
    }
    known["dispatch_promised"] = known["placed"]
    for event in ("dispatched", "delivered"):
        known[event] = known["placed"] | {f"{event}_on"}
    for event in DEADLINES:
        known[event] = {"greeting", "order_number", "ordered_on", "product", "ends_on"}
    silent = {
        rule.id
        for rule in rules.aftercare
        if not any(
            set(re.findall(r"\{(\w+)\}", script)) <= known[rule.event] for script in rule.scripts
        )
    }
    assert silent == set()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[1, 30000, 100000", "[1, 300000, 100000", r":\d+: value\.buys_now_fen: must ascend"),
        ("[1, 30000, 100000", "[1, 100000", r":\d+: value\.buys_now_fen: .*length >= 4"),
        ("new_interests: [1, 3]", "new_interests: [3, 1]", r":\d+: value\.new_interests: must"),
        ("assumed_margin: 0.25", "assumed_margin: 25", r":\d+: value\.assumed_margin: "),
        ("profit_fen: 50000", "profit_fen: 500000", r":\d+: value\.grades: profit_fen must fall"),
        ("客户, profit_fen: 3000,", "客户,", r":\d+: value\.grades: profit_fen must fall"),
        ("{id: vip,", "{id: gold,", r":\d+: value\.grades\[0\]\.id: .*'gold'"),
        ("id: many_returns", "id: dependence", r":\d+: value\.warnings\[2\]: dependence: .*twice"),
        ("    small: 小客户", "    key: 小客户", r":\d+: value\.strategies: lacks 'small'"),
        ("id: works", "id: thanks", r":\d+: aftercare\[2\]: thanks: the id stands twice"),
        ("id: works", "id: works_for_how_long_now", r":\d+: aftercare\[2\]\.id: "),
        ("{ordered_on}下单", "{price}下单", r":\d+: aftercare\[0\]\.scripts\[0\]: .*\{price\}"),
        ("{ordered_on}下单", "{ordered_on下单", r":\d+: aftercare\[0\]\.scripts\[0\]: "),
        ("{ends_on}。需要", "{delivered_on}。需要", r":\d+: aftercare\[5\]\.scripts\[0\]: unknown"),
        ("offset_days: -5", "offset_days: 5", r":\d+: aftercare\[5\]: refill: may come after"),
        ("unsolved_case: 投诉还没解决", "", r":\d+: defection\.incidents: lacks 'unsolved_case'"),
        ("（此前{incident}）", "（{order}）", r":\d+: defection\.title: .*\{order\}"),
        ("event: birthday", "event: name_day", r":\d+: aftercare\[6\]\.event: .*'name_day'"),
        ("durable_years: 1", "durable_years: 1\ncolour: red", r":1: .*`colour`"),
    ],
)
def test_a_mistake_is_named_with_file_line_and_field(
    old: str, new: str, message: str, tmp_path: Path
) -> None:
    text = FILE.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "customers.yml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ShopDataError) as caught:
        read_customer_rules(path)
    (problem,) = caught.value.problems
    assert re.match(re.escape(str(path)) + message, problem), problem


def test_every_mistake_is_named_at_once(tmp_path: Path) -> None:
    text = FILE.read_text(encoding="utf-8")
    for old, new in (
        ("new_interests: [1, 3]", "new_interests: [3, 1]"),
        ("id: works", "id: thanks"),
    ):
        text = text.replace(old, new, 1)
    path = tmp_path / "customers.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ShopDataError) as caught:
        read_customer_rules(path)
    assert len(caught.value.problems) == 2
