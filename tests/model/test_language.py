"""Chinese text without Rasa: normalising, the Doc, entities, concepts, near-duplicates."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.language.completeness import is_unfinished
from bot.language.document import CONCEPTS, ENTITIES, MessageReader, ProductName, concepts_of
from bot.language.lexicon import ConceptMatcher, compile_construction
from bot.language.near_duplicates import find_duplicates
from bot.language.normalise import clean, find_phone, fold, fold_without_particles
from bot.language.signs import (
    find_buying_signals,
    find_outlets,
    find_refusal,
    find_style_cues,
    names_bodily_harm,
)


@pytest.fixture(scope="module")
def reader() -> MessageReader:
    reader = MessageReader()
    reader.know_products([ProductName("air_fryer", "空气炸锅"), ProductName("kettle", "水壶")])
    return reader


def entities(reader: MessageReader, text: str) -> list[tuple[str, str]]:
    doc = reader.read(text)
    return [(span.label_, span.id_) for span in doc.spans[ENTITIES]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("空氣炸鍋太貴了", [("product", "air_fryer")]),
        ("电话１３８１２３４５６７８", [("phone", "13812345678")]),
        ("订单号 AB20261122001 到哪了", [("order_number", "AB20261122001")]),
        ("能不能299块", [("amount", "299")]),
        ("下周三发工资再买水壶", [("date", "下周三"), ("product", "kettle")]),
        ("P261122-4K7QX2-H 怎么样了", [("case_number", "P261122-4K7QX2-H")]),
        ("你好", []),
    ],
)
def test_entities_are_found_with_their_values(
    reader: MessageReader, text: str, expected: list[tuple[str, str]]
) -> None:
    assert sorted(entities(reader, text)) == sorted(expected)


def test_document_text_is_the_cleaned_text_and_spans_lie_in_it(reader: MessageReader) -> None:
    doc = reader.read("這個​ 太貴了！ 便宜點")
    assert doc.text == "这个 太贵了! 便宜点"
    assert {span.text for span in doc.spans[CONCEPTS]} >= {"便宜点"}


@pytest.mark.parametrize(
    ("text", "concept", "is_there"),
    [
        ("别再推销了", "STOP_SELLING", True),
        ("水烫到手了", "HARM_BODILY", True),
        ("没有烫伤，就是碎了", "HARM_BODILY", False),
        ("我要打12315", "THREAT_AUTHORITY", True),
    ],
)
def test_concepts_know_negation(
    reader: MessageReader, text: str, concept: str, is_there: bool
) -> None:
    assert (concept in concepts_of(reader.read(text))) is is_there


@given(st.text(max_size=300))
def test_any_text_is_read_without_a_crash(text: str) -> None:
    doc = _READER.read(text)
    assert doc.text == clean(text, 2_000)
    for group in (CONCEPTS, ENTITIES):
        for span in doc.spans[group]:
            assert 0 <= span.start_char < span.end_char <= len(doc.text)


_READER = MessageReader()


@pytest.mark.parametrize("text", ["太贵了" * 3334, "1" * 10_000, "😀" * 5_000, "​" * 10_000])
def test_ten_thousand_characters_are_bounded(reader: MessageReader, text: str) -> None:
    started = time.process_time()
    doc = reader.read(text)
    assert len(doc.text) <= 2_000
    assert time.process_time() - started < 0.5


@pytest.mark.parametrize(
    ("text", "expected"),
    [("我想说，", True), ("因为", True), ("太贵了", False), ("好的。", False), ("", False)],
)
def test_unfinished_messages_are_seen(text: str, expected: bool) -> None:
    assert is_unfinished(text) is expected


def test_folding_makes_typings_of_one_text_equal() -> None:
    assert fold("轉 人工！") == fold("转人工")
    assert fold_without_particles("太贵了啊") == fold_without_particles("太贵")


def test_phone_numbers_are_found_in_all_their_spellings() -> None:
    assert find_phone("我的：138-1234-5678，谢谢") == "13812345678"
    assert find_phone("0571-88888888") == "057188888888"
    assert find_phone("订单20261122001234") is None


@pytest.mark.parametrize(
    ("concepts", "intent", "refusal"),
    [
        ({"STOP_SELLING"}, "greet", "stop"),
        ({"PLAIN_REFUSAL"}, "objection_need", "plain"),
        ({"PLAIN_REFUSAL"}, "complaint_product", "none"),
        (set(), "objection_need", "none"),
    ],
)
def test_refusal_is_read_off_concepts(concepts: set[str], intent: str, refusal: str) -> None:
    assert find_refusal(concepts, intent) == refusal


def test_signs_are_read_off_the_words_of_a_message(reader: MessageReader) -> None:
    def concepts(text: str) -> list[str]:
        return concepts_of(reader.read(text))

    assert names_bodily_harm(concepts("把手划破了手"))
    assert not names_bodily_harm(concepts("没有烫伤，就是碎了"))
    assert find_outlets(concepts("我要打12315，再发小红书曝光")) == ["authority", "media"]
    assert find_outlets(concepts("今天天气不错")) == []
    assert "asks_how_to_order" in find_buying_signals(concepts("怎么下单"), "buying_signal")
    assert "praise" in find_buying_signals(concepts("👍"), "affirm")
    assert find_buying_signals(concepts("挺好的，再便宜点就拍了"), "objection_price") == []
    assert find_buying_signals(concepts("怎么下单"), "complaint_service") == []
    assert "asks" in find_style_cues(concepts("不好意思，我想问一下，会不会不太合适呀"))
    assert "tells" in find_style_cues(concepts("马上给我处理，叫你们经理来"))


@pytest.mark.parametrize(
    ("pattern", "text", "is_there"),
    [
        ("都…了还[没不]", "都三天了还没发", True),
        ("都…了还[没不]", "都发了", False),
        ("都…了还[没不]", "都怪我,记错了还没说", False),
        ("(怎么|咋)还", "咋还不发", True),
        ("^不要$", "不要!", True),
        ("^不要$", "我不要了", False),
        ("说好…到现在", "说好" + "一" * 8 + "到现在", True),
        ("说好…到现在", "说好" + "一" * 9 + "到现在", False),
    ],
)
def test_construction_has_a_gap_of_eight_characters_without_a_stop(
    pattern: str, text: str, is_there: bool
) -> None:
    assert (compile_construction(pattern).search(text) is not None) is is_there


def test_longest_term_wins_and_a_negation_turns_it() -> None:
    matcher = ConceptMatcher(
        {"DEAR": ["贵"], "DISTINGUISHED": ["贵宾"], "FAULT": ["坏了"]}, {"Q": ["吗$"]}, ["不"]
    )
    found = [(match.concept, match.negated) for match in matcher.find("贵宾,不贵,坏不坏了吗")]
    assert found == [("DISTINGUISHED", False), ("DEAR", True), ("FAULT", True), ("Q", False)]
    assert [match.negated for match in matcher.find("会不会坏了")] == [False]


def test_near_duplicates_are_found_within_an_intent_and_equal_ones_anywhere() -> None:
    found = find_duplicates(
        [
            ("objection_price", "这个电饭煲实在太贵了吧"),
            ("objection_price", "这个电饭煲实在太贵了啊啊"),
            ("ask_price", "多少钱"),
            ("greet", "多少钱！"),
            ("ask_price", "水壶怎么卖的"),
        ]
    )
    assert [(each.first, each.second) for each in found] == [(0, 1), (2, 3)]
