"""How the order is asked for, and what may be named after it (D-SEL-9, 10; D-CUS-4)."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bot.dialogue.closing import CloseSituation, choose_close, course_of, settled_points
from bot.dialogue.hearing import heard_as
from bot.dialogue.opening import daytime_of
from bot.dialogue.related_goods import may_offer, offer_words, related_offer
from bot.dialogue.truth import believe
from bot.dialogue.turn import ConversationFacts, LedgerEntry, MessageAnalysis
from bot.knowledge.book import load_book
from bot.knowledge.shop import load_shop
from bot.settings import ROOT

BOOK = load_book()
SHOP = load_shop(ROOT / "shops" / "sample")
NOW = datetime(2026, 11, 22, 3, 0, tzinfo=timezone.utc)
PRODUCT = {"product": "x", "price": "1元", "feature": "f", "benefit": "b"}
ALL = {**PRODUCT, "promotion": "p", "comparison": "c", "backing": "r", "settled_points": "价格"}


def entry(kind: str, state: str) -> LedgerEntry:
    return LedgerEntry(1, kind, state, believe(BOOK.truth, kind, []), 1, "x")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("signals", "course", "style", "close"),
    [
        (["asks_who_else"], [], "", "reliability"),
        (["asks_what_is_special"], [], "", "comparison"),
        (["asks_when_it_comes"], [], "", "assumption"),
        (["takes"], [], "driver", "direct"),
        (["praise"], ["settled", "settled_price"], "", "summary"),
        (["saves"], ["settled", "settled_price"], "", "promotion"),
        (["praise"], [], "amiable", "trial"),
        (["asks_how_to_pay"], [], "", "direct"),
        (["praise"], [], "expressive", "request"),
    ],
)
def test_close_follows_signal_style_and_course(
    signals: list[str], course: list[str], style: str, close: str
) -> None:
    situation = CloseSituation(style, signals, course, ALL)  # type: ignore[arg-type]
    assert choose_close(BOOK, situation).close.id == close


@given(
    st.sets(st.sampled_from(["praise", "takes", "saves", "asks_who_else"])),
    st.sets(st.sampled_from(sorted(set(ALL) - set(PRODUCT)))),
)
def test_close_never_names_what_is_not_known(signals: set[str], known: set[str]) -> None:
    facts = {**PRODUCT, **{name: "x" for name in known}}
    choice = choose_close(BOOK, CloseSituation(signals=signals, facts=facts))
    assert set(choice.close.needs) <= set(facts)


def test_close_without_any_fact_asks_all_the_same() -> None:
    assert not choose_close(BOOK, CloseSituation()).close.needs


def test_same_close_is_not_put_twice_running() -> None:
    situation = CloseSituation("driver", ["takes"], (), ALL)
    first = choose_close(BOOK, situation).close.id
    said = [w.id for w in BOOK.replies["utter_close_sale"] if w.when["close"] == first][:1]
    again = CloseSituation("driver", ["takes"], (), ALL, said)
    assert choose_close(BOOK, again).close.id != first


def test_every_close_is_reached() -> None:
    reached = set()
    for style in ("", "analytical", "driver", "amiable", "expressive"):
        for signal in ("praise", "takes", "saves", "asks_who_else", "asks_how_to_pay",
                       "asks_what_is_special", "asks_when_it_comes"):  # fmt: skip
            for course in ([], ["settled"], ["settled", "settled_price"]):
                situation = CloseSituation(style, [signal], course, ALL)  # type: ignore[arg-type]
                choice = choose_close(BOOK, situation)
                reached |= {choice.close.id, choice.alternatives[0][0]}
    assert reached == {close.id for close in BOOK.closes.closes}


def test_course_and_summary_come_from_what_was_settled() -> None:
    ledger = [entry("price", "settled"), entry("service", "left")]
    assert course_of(BOOK, ledger, ()) == {"settled", "settled_price"}
    assert settled_points(BOOK, ledger) == BOOK.closes.points["price"]
    assert settled_points(BOOK, [entry("price", "left")]) == ""


def test_bundle_goes_before_related_goods_and_has_one_price() -> None:
    purifier = SHOP.product("air_purifier")
    assert purifier is not None
    offer = related_offer(SHOP, purifier, NOW)
    assert offer is not None and offer.bundle is not None
    words = offer_words(SHOP, BOOK.language, purifier, offer)
    assert words["bundle_price"] == "1018元"  # 899 + 199 - 80
    assert words["bundle_terms"] == offer.bundle.text


def test_bundle_is_not_told_when_a_part_of_it_is_gone_or_it_is_over() -> None:
    purifier = SHOP.product("air_purifier")
    assert purifier is not None
    goods = tuple(
        replace(each, stock=0) if each.id == "humidifier" else each for each in SHOP.products
    )
    offer = related_offer(replace(SHOP, products=goods), purifier, NOW)
    assert offer is not None and offer.bundle is None and offer.product.id == "dehumidifier"
    later = datetime(2027, 8, 1, tzinfo=timezone.utc)
    offer = related_offer(SHOP, purifier, later)
    assert offer is not None and offer.bundle is None


@pytest.mark.parametrize(
    ("facts", "ledger", "has_case", "was_refused", "may"),
    [
        ({}, [], False, False, True),
        ({}, [], True, False, False),
        ({}, [], False, True, False),
        ({"contact_refused": True}, [], False, False, False),
        ({"related_offered": True}, [], False, False, False),
        ({}, [entry("excuse", "left")], False, False, False),
        ({}, [entry("price", "settled")], False, False, True),
    ],
)
def test_related_goods_are_named_once_and_never_after_a_refusal_or_beside_a_case(
    facts: dict[str, bool],
    ledger: list[LedgerEntry],
    has_case: bool,
    was_refused: bool,
    may: bool,
) -> None:
    known = ConversationFacts("c", **facts)  # type: ignore[arg-type]
    assert may_offer(known, ledger, has_case=has_case, was_refused=was_refused) == may


@pytest.mark.parametrize(
    ("hour_utc", "is_open", "daytime"),
    [
        (1, True, "morning"),
        (4, False, "noon"),
        (7, True, "afternoon"),
        (11, True, "evening"),
        (14, False, "night"),
        (18, False, "night"),
        (22, False, "night"),
    ],
)
def test_time_of_day_is_the_shops(hour_utc: int, is_open: bool, daytime: str) -> None:
    moment = datetime(2026, 11, 23, hour_utc, 0, tzinfo=timezone.utc)
    assert daytime_of(moment, is_open=is_open) == daytime


ASKED = (BOOK.replies["utter_ask_use"][0].id,)


@pytest.mark.parametrize(
    ("intent", "text", "said", "confidence", "more", "heard"),
    [
        ("complaint_product", "屋里太干了", ASKED, 0.75, {}, "inform"),
        ("objection_product", "晚上怕吵", ASKED, 0.9, {}, "inform"),
        ("complaint_product", "屋里太干了", (), 0.75, {}, "complaint_product"),
        ("complaint_product", "买的机器太吵，退钱", ASKED, 0.95, {}, "complaint_product"),
        ("complaint_product", "吵", ASKED, 0.5, {"harm": ["bodily"]}, "complaint_product"),
        ("complaint_product", "吵", ASKED, 0.5, {"reaction": "angry"}, "complaint_product"),
        ("objection_product", "质量不行吧", ASKED, 0.9, {}, "objection_product"),
        ("objection_price", "太贵，还吵", ASKED, 0.9, {}, "objection_price"),
        ("nlu_fallback", "加购物车了", (), 0.5, {"buying_signals": ["saves"]}, "buying_signal"),
    ],
)
def test_trouble_that_was_asked_for_is_no_complaint(
    intent: str,
    text: str,
    said: tuple[str, ...],
    confidence: float,
    more: dict[str, object],
    heard: str,
) -> None:
    analysis = MessageAnalysis(1, intent, confidence, **more)  # type: ignore[arg-type]
    assert heard_as(BOOK, analysis, text, said, has_product=True) == heard


CONFIRMED = (BOOK.replies["utter_confirm_objection"][0].id,)


@pytest.mark.parametrize(
    ("intent", "confidence", "ranking", "said", "more", "heard"),
    [
        ("complaint_other", 0.5, [("affirm", 0.18)], CONFIRMED, {}, "affirm"),
        ("chitchat", 0.4, [("deny", 0.2), ("affirm", 0.1)], CONFIRMED, {}, "deny"),
        ("complaint_other", 0.5, [("affirm", 0.1)], CONFIRMED, {}, "complaint_other"),
        ("complaint_other", 0.9, [("affirm", 0.1)], CONFIRMED, {}, "complaint_other"),
        ("complaint_product", 0.5, [("affirm", 0.3)], CONFIRMED, {}, "complaint_product"),
        ("complaint_other", 0.5, [("affirm", 0.4)], (), {}, "complaint_other"),
        (
            "complaint_other",
            0.5,
            [("affirm", 0.4)],
            CONFIRMED,
            {"threats": ["media"]},
            "complaint_other",
        ),
    ],
)
def test_yes_or_no_in_other_words_answers_whether_it_is_settled(
    intent: str,
    confidence: float,
    ranking: list[tuple[str, float]],
    said: tuple[str, ...],
    more: dict[str, object],
    heard: str,
) -> None:
    analysis = MessageAnalysis(1, intent, confidence, ranking, **more)  # type: ignore[arg-type]
    assert heard_as(BOOK, analysis, "行 我信你们", said, has_product=False) == heard


@pytest.mark.parametrize(
    ("intent", "text", "busy", "heard"),
    [
        ("chitchat", "晚上脚冷睡不着", {}, "inform"),
        ("complaint_product", "这几天屋里返潮，墙都发霉了", {}, "inform"),
        ("complaint_product", "东西发霉了", {}, "complaint_product"),  # not their home
        ("complaint_product", "家里买的这台，用了就返潮", {}, "complaint_product"),
        ("complaint_service", "家里取暖没人管", {}, "complaint_service"),
        ("chitchat", "今天真开心", {}, "chitchat"),
        ("chitchat", "晚上脚冷睡不着", {"has_product": True}, "chitchat"),
        ("chitchat", "晚上脚冷睡不着", {"is_busy": True}, "chitchat"),
    ],
)
def test_whoever_begins_with_their_trouble_at_home_tells_a_need(
    intent: str, text: str, busy: dict[str, bool], heard: str
) -> None:
    analysis = MessageAnalysis(1, intent, 0.97)
    assert heard_as(BOOK, analysis, text, (), **{"has_product": False, **busy}) == heard


@pytest.mark.parametrize(("has_case", "heard"), [(True, "inform"), (False, "objection_service")])
def test_doubt_while_a_complaint_is_open_belongs_to_it(has_case: bool, heard: str) -> None:
    analysis = MessageAnalysis(1, "objection_service", 0.7)
    text = "还要我自己寄，太麻烦"
    assert heard_as(BOOK, analysis, text, (), has_product=True, has_case=has_case) == heard


@pytest.mark.parametrize(("confidence", "heard"), [(0.54, "inform"), (0.95, "objection_finance")])
def test_product_that_was_asked_for_is_no_new_doubt(confidence: float, heard: str) -> None:
    said = next(
        each.id
        for each in BOOK.replies["utter_probe_objection"]
        if each.when.get("asks") == "product"
    )
    product = [{"entity": "product", "value": "air_purifier"}]
    analysis = MessageAnalysis(1, "objection_finance", confidence, entities=product)
    assert heard_as(BOOK, analysis, "就那个空净啊 九百块", [said], has_product=False) == heard


@pytest.mark.parametrize(
    ("said", "text", "heard"),
    [
        ("utter_offer_related", "不用了，就這個", "deny"),
        ("utter_offer_related", "好，一起要", "affirm"),
        ("utter_close_sale", "不用了，就这个", "affirm"),
    ],
)
def test_no_to_what_goes_with_it_is_never_heard_as_a_yes(said: str, text: str, heard: str) -> None:
    last = [BOOK.replies[said][0].id]
    assert heard_as(BOOK, MessageAnalysis(1, "affirm", 0.7), text, last, has_product=True) == heard
    unsure = MessageAnalysis(1, "nlu_fallback", 0.5, buying_signals=["takes"])
    is_no = heard == "deny"
    found = heard_as(BOOK, unsure, text, last, has_product=True)
    assert found == ("deny" if is_no else "buying_signal")
