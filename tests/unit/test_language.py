"""Chinese text without Rasa: normalising, the Doc, entities, concepts, near-duplicates."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.language.completeness import is_unfinished
from bot.language.document import CONCEPTS, ENTITIES, MessageReader, ProductName, concepts_of
from bot.language.near_duplicates import find_duplicates
from bot.language.normalise import clean, find_phone, fold, fold_without_particles
from bot.language.signs import find_harm, find_reaction, find_refusal


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
        ("我要打12315", "THREAT", True),
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


def test_signs_belong_to_complaints_only() -> None:
    assert find_reaction({"ANGRY"}, "complaint_product") == "angry"
    assert find_reaction(set(), "complaint_product") == "calm"
    assert find_reaction({"ANGRY"}, "ask_price") is None
    assert find_harm({"HARM_BODILY"}, "complaint_product") == ["bodily"]
    assert find_refusal({"STOP_SELLING"}, "greet") == "stop"
    assert find_refusal({"PLAIN_REFUSAL"}, "objection_need") == "plain"
    assert find_refusal({"PLAIN_REFUSAL"}, "complaint_product") == "none"


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
