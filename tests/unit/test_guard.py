"""The wording guard: a labelled corpus, what gets round it, what is innocent, how fast."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from opencc import OpenCC

from bot.dialogue.amounts import unfounded_amounts
from bot.dialogue.guard import blocking, first_sayable, violations
from bot.dialogue.surface import SurfaceReader
from bot.dialogue.wording import choose_reply
from bot.errors import EngineError, ShopDataError
from bot.knowledge.book import BOOK_DIR, Wording, load_book
from bot.knowledge.forbidden import problem_of_pattern, read_forbidden

BOOK = load_book()
RULES = {rule.id: rule for rule in BOOK.forbidden.rules}
CASES = yaml.safe_load((Path(__file__).parents[1] / "data" / "guard_cases.yml").read_text("utf-8"))
VIOLATIONS: dict[str, str] = CASES["violations"]
INNOCENT: dict[str, str] = CASES["innocent"]
QUOTES = re.compile('[“”‘’「」『』《》"]')
NOISE = " \u3000\t\u200b\u200d\ufeff\u00ad*·-_~/|.^+#"
TO_TRADITIONAL = OpenCC("s2t")
LAW = re.compile("法|条|规定|指南|D-[A-Z]+-\\d+")
FULL_WIDTH = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
SAID = st.sampled_from(sorted(VIOLATIONS))
# Without a mark of their own: a mark between two characters would end a clause anew.
PLAIN = st.sampled_from(sorted(text for text in VIOLATIONS if text.isalnum()))


def found(text: str) -> set[str]:
    return {each.phrase_id for each in violations(BOOK, text)}


@pytest.mark.parametrize("text", VIOLATIONS)
def test_violation_is_found_with_its_rule_and_very_characters(text: str) -> None:
    by_rule = {each.phrase_id: each for each in violations(BOOK, text)}
    hit = by_rule[VIOLATIONS[text]]
    assert hit.quote == text[hit.start : hit.end] != ""
    rule = RULES[hit.phrase_id]
    expected = (rule.category, rule.severity, rule.source, rule.instead)
    assert (hit.category, hit.severity, hit.source, hit.instead) == expected


@pytest.mark.parametrize("text", INNOCENT)
def test_innocent_text_is_left_alone(text: str) -> None:
    assert violations(BOOK, text) == ()


def test_corpus_is_large_and_has_a_hit_and_a_near_miss_of_every_rule() -> None:
    assert min(len(VIOLATIONS), len(INNOCENT)) >= 220
    assert set(VIOLATIONS.values()) == set(RULES) == set(INNOCENT.values()) - {""}


def test_every_rule_names_an_article_or_an_item_and_a_rewrite_that_may_be_said() -> None:
    assert [rule.id for rule in RULES.values() if not LAW.search(rule.source)] == []
    assert [rule.id for rule in RULES.values() if violations(BOOK, rule.instead)] == []


# What does not get round it


@settings(deadline=None)
@given(SAID, st.data())
def test_noise_between_characters_hides_nothing(text: str, data: st.DataObject) -> None:
    noise = data.draw(st.lists(st.text(NOISE, max_size=2), min_size=len(text), max_size=len(text)))
    # a point between figures is a decimal point
    pieces = [
        f"{char}{between.replace('.', '')}" for char, between in zip(text, noise, strict=True)
    ]
    assert VIOLATIONS[text] in found("".join(pieces))


@settings(deadline=None)
@given(PLAIN, st.sampled_from("，。、！,;\n"))
def test_a_stop_behind_every_character_hides_nothing(text: str, stop: str) -> None:
    assert VIOLATIONS[text] in found(stop.join(text))


@settings(deadline=None)
@given(SAID)
def test_width_case_and_script_hide_nothing(text: str) -> None:
    assert VIOLATIONS[text] in found(text.translate(FULL_WIDTH))
    assert VIOLATIONS[text] in found(text.upper())
    assert VIOLATIONS[text] in found(TO_TRADITIONAL.convert(text))


@pytest.mark.parametrize(
    "text", ["蕞好的", "加薇信", "加ѵх", "最·佳", "第①品牌", "最，好的", "１００％正品"]
)
def test_twins_and_signs_hide_nothing(text: str) -> None:
    assert violations(BOOK, text)


@pytest.mark.parametrize(
    "text",
    [
        "我们是“最好的”",
        "我们说的“全网最低价”就是这个",
        "您说得对，“绝对正品”",
        "您说的“全网最低价”就是我们",
        "不要错过全网最低价",
        "不得不说这是最好的",
        "谁不知道我们是最好的，不骗您",
        "“您肯定弄错了”",
    ],
)
def test_quotation_marks_and_denials_of_something_else_acquit_nothing(text: str) -> None:
    assert violations(BOOK, text)


# What is innocent


@settings(deadline=None)
@given(st.sampled_from(sorted(text for text in VIOLATIONS if not QUOTES.search(text))))
def test_the_customers_own_words_in_quotation_marks_are_no_violation(text: str) -> None:
    for opening, closing in ("“”", "「」", '""'):
        assert violations(BOOK, f"您说的{opening}{text}{closing}，我记下了。") == ()


def test_words_of_the_customer_given_as_such_are_no_violation_whatever_marks_they_hold() -> None:
    words = "等”全网最低价“了再说"
    text = f"“{words}”，我记下了。"
    assert violations(BOOK, text)
    assert violations(BOOK, text, quoted=[words]) == ()
    assert violations(BOOK, f"{text}我们全国最强", quoted=[words])


# The shop's own facts


def test_a_promise_that_is_a_policy_may_be_said_in_its_words_only() -> None:
    policy = "查出来不是正品，我们退一赔三。"
    assert violations(BOOK, f"您放心：{policy}")
    assert violations(BOOK, f"您放心：{policy}", allowed=[policy]) == ()
    assert violations(BOOK, "不是正品的话，我们退一赔三，还一定退运费", allowed=[policy])


@pytest.mark.parametrize(
    "fact", ["全网最低价", "请把货款转到我个人微信", "规定就是这样", "可以治疗失眠"]
)
def test_what_even_a_policy_may_not_say_stays_a_violation(fact: str) -> None:
    assert violations(BOOK, f"店里写着{fact}", allowed=[fact])


def test_first_sayable_fact_is_taken() -> None:
    assert first_sayable(BOOK, ["全网最强吸力", "好收纳"]) == "好收纳"
    assert first_sayable(BOOK, ["终身免费维修"]) == "终身免费维修"
    assert first_sayable(BOOK, ["全网最强吸力"]) == ""


def test_a_warning_does_not_block() -> None:
    warned = violations(BOOK, "只剩3台了")
    assert warned
    assert blocking(warned) == ()


# Sums of money


@pytest.mark.parametrize(
    ("text", "facts", "unfounded"),
    [
        ("这款399元", ["399元"], ()),
        ("这款399元", ["299元"], ("399",)),
        ("1399元", ["399元"], ("1399",)),
        ("券后三百七十九块", ["399元", "379元"], ()),
        ("给您便宜50块", [], ("50",)),
        ("两款是199元到299元", ["199元", "299元"], ()),
        ("满199元减20元：现在全店单笔满199元减20元", ["现在全店单笔满199元减20元"], ()),
        ("打120，或者12315", [], ()),
        ("用3年，24个月保修", [], ()),
        ("价钱咱们拆成三块看", [], ()),
        ("价钱便宜三块", [], ("三",)),
    ],
)
def test_a_sum_that_no_fact_names_is_unfounded(
    text: str, facts: list[str], unfounded: tuple[str, ...]
) -> None:
    assert tuple(each.strip("元块") for each in unfounded_amounts(text, facts)) == unfounded


# The bot's own words


def reply_of(text: str, **facts: str) -> str:
    book = replace(BOOK, replies={"utter_x": (Wording(id="x", text=text),)})
    return choose_reply(book, "utter_x", facts, (), random.Random(0)).text


def test_the_bot_says_a_promise_of_a_policy_and_quotes_a_customer() -> None:
    assert reply_of("店里写明：{policy}", policy="正品，假一赔三。")
    assert reply_of("“{until}”，我记下了", until="等全网最低价200块的时候")


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("我们一定给您退", {}),
        ("它是{feature}", {"feature": "最强吸力"}),
        ("便宜您20元，{price}", {"price": "399元"}),
    ],
)
def test_the_bot_says_neither_what_is_forbidden_nor_a_sum_of_its_own(
    text: str, facts: dict[str, str]
) -> None:
    with pytest.raises(EngineError):
        reply_of(text, **facts)


# Time


HOSTILE = [
    "您" * 2_000,
    "您想要最" * 500,
    "一定给您退" * 400,
    "不敢说没有最" * 333,
    "“" * 2_000,
    "您说的“" * 500,
    "最，" * 1_000,
    "一定" * 1_000,
    "今天一定明天" * 333,
    "比别家的产品都" * 285,
    "\u200b" * 2_000,
    "全网" * 1_000,
    "加我的我的您您" * 285,
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:6])
@pytest.mark.timeout(30)
def test_no_text_of_2000_characters_hangs(text: str) -> None:
    violations(BOOK, text)


# How it reads a text


def test_surface_keeps_places_and_takes_false_stops_out() -> None:
    reader = SurfaceReader(("蕞最",), "，。\n", "好")
    joined, clauses = reader.read("這 蕞，好！的。Ok３.5")
    assert joined.text == "这最好的ok3.5"
    assert joined.written(1, 3) == (2, 5)
    assert clauses.text == "这最\n好的\nok3.5"
    assert reader.read("我说，最，好")[1].text == "我说最好"
    assert reader.read("您，好，的")[1].text == "您好的"


# The files


def test_pattern_that_could_hang_is_refused() -> None:
    assert problem_of_pattern("(a{0,4}b?){0,3}") == "a repeat stands inside a repeat"
    assert "upper bound" in problem_of_pattern("最.*好")
    assert "upper bound" in problem_of_pattern("(?=x+)")
    assert problem_of_pattern("(") != ""
    assert problem_of_pattern("(?:最(?:好|佳)?){0,2}[^\n]{0,8}") == ""


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("category: belittling", "category: rude", "category"),
        ("id: told_in_vain", "id: may_not_understand", "twice"),
        ("@you(?:可能", "@they(?:可能", "no macro 'they'"),
        ("(?:可能|大概", "(?:可能.*|大概", "upper bound"),
    ],
)
def test_bad_rule_is_named_with_file_and_line(
    tmp_path: Path, old: str, new: str, problem: str
) -> None:
    for path in (BOOK_DIR / "forbidden").glob("*.yml"):
        text = path.read_text(encoding="utf-8")
        if path.name == "manner.yml":
            assert old in text
            text = text.replace(old, new, 1)
        (tmp_path / path.name).write_text(text, encoding="utf-8")
    with pytest.raises(ShopDataError) as caught:
        read_forbidden(tmp_path)
    assert len(caught.value.problems) == 1
    assert re.match(rf".*manner\.yml:\d+: \w+: .*{problem}", caught.value.problems[0])
