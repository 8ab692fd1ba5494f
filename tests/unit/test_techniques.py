"""Which techniques may answer, which one does, and when an answer waits (D-OBJ-6, 9)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timezone
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from bot.dialogue.conceding import grant, possible_concession
from bot.dialogue.ledger import note
from bot.dialogue.style import length_for
from bot.dialogue.techniques import Situation, eligible_techniques, obstacle_to
from bot.dialogue.timing import signals_of, timing_of
from bot.dialogue.turn import LedgerEntry, MessageAnalysis
from bot.knowledge.book import FACT_NAMES, load_book
from bot.knowledge.objection_rules import Technique
from bot.knowledge.products import Product
from bot.knowledge.shop import Shop, load_shop
from bot.settings import ROOT

BOOK = load_book()
NOW = datetime(2026, 11, 23, 3, 0, tzinfo=timezone.utc)
KINDS = sorted(BOOK.truth.priors)
TRUTHS = ("unclear", "true", "false", "unseen", "hidden")
FEEDBACK = ("", "indifference", "misunderstanding", "doubt", "shortcoming")
STYLES = ("", "analytical", "driver", "amiable", "expressive")
ALL_FACTS = {**dict.fromkeys(FACT_NAMES, "x"), "day": "open"}


def technique(name: str) -> Technique:
    return next(each for each in BOOK.techniques if each.id == name)


class Choice(NamedTuple):
    """What the book alone would choose, before any outcome."""

    technique: Technique
    excluded: tuple[tuple[str, str], ...]


def choose_technique(situation: Situation) -> Choice | None:
    found = eligible_techniques(BOOK, situation)
    ranked = sorted(found.candidates, key=lambda each: (-each.fit * each.factor, each.technique))
    return Choice(technique(ranked[0].technique), found.excluded) if ranked else None


def raised(kind: str, text: str, *concepts: str, state: str = "open") -> LedgerEntry:
    analysis = MessageAnalysis(1, f"objection_{kind}", 0.9, concepts=list(concepts))
    return replace(note(BOOK.truth, (), analysis, text).entry, state=state)


@pytest.fixture(scope="module")
def shop() -> Shop:
    return load_shop(ROOT / "shops" / "sample")


situations = st.builds(
    Situation,
    kind=st.sampled_from(KINDS),
    truth=st.sampled_from(TRUTHS),
    feedback=st.sampled_from(FEEDBACK),
    style=st.sampled_from(STYLES),
    facts=st.just(ALL_FACTS),
    signals=st.sets(st.sampled_from(["bargains", "names_rival", "answered_before"])),
)


@settings(deadline=None)
@given(situations)
def test_never_the_same_technique_twice_running_and_never_a_forbidden_one(
    start: Situation,
) -> None:
    tried: list[str] = []
    for _ in range(12):
        situation = Situation(
            start.kind, start.truth, start.feedback, start.style, start.facts, tuple(tried),
            tried[-1] if tried else None, start.signals,
        )  # fmt: skip
        choice = choose_technique(situation)
        if choice is None:
            return
        assert not tried or choice.technique.id != tried[-1]
        for each in choice.technique.forbidden:
            named: list[tuple[Sequence[str], str]] = [
                (each.truths, start.truth),
                (each.feedback, start.feedback),
                (each.styles, start.style),
            ]
            assert any(values and value not in values for values, value in named)
        assert choose_technique(situation) == choice
        tried.append(choice.technique.id)


@settings(deadline=None)
@given(situations)
def test_used_techniques_give_way_to_others(start: Situation) -> None:
    first = choose_technique(start)
    assert first is not None
    again = Situation(
        start.kind, start.truth, start.feedback, start.style, start.facts,
        (first.technique.id, "other"), None, start.signals,
    )  # fmt: skip
    second = choose_technique(again)
    assert second is not None
    if second.technique.id == first.technique.id:
        rivals = eligible_techniques(BOOK, start).candidates
        others = [each for each in rivals if each.technique != first.technique.id]
        best = first.technique.fits[start.kind]  # type: ignore[index]
        assert all(each.fit * each.factor <= best for each in others)


def test_technique_whose_facts_are_missing_is_out_and_says_which() -> None:
    choice = choose_technique(Situation("price"))
    assert choice is not None
    assert choice.technique.id == "question"
    assert (
        "breakdown",
        "facts missing: product, price, price_per_day, life_years",
    ) in choice.excluded


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_technique_that_needs_no_facts(kind: str) -> None:
    assert choose_technique(Situation(kind, facts={"day": "open"})) is not None


def test_technique_with_no_new_words_is_out() -> None:
    said = [w.id for w in BOOK.replies["utter_apply_technique"]]
    situation = Situation("price", facts=ALL_FACTS, said=said)
    assert obstacle_to(BOOK, technique("breakdown"), situation) == "nothing left to say"
    assert choose_technique(situation) is None


def test_second_evidence_comes_after_the_first() -> None:
    second = technique("second_evidence")
    assert "only after" in obstacle_to(BOOK, second, Situation("product", facts=ALL_FACTS))
    later = Situation("product", facts=ALL_FACTS, tried=("evidence", "guarantee"))
    assert obstacle_to(BOOK, second, later) == ""


def test_concession_waits_for_a_bargain_or_a_first_answer_and_is_none_for_a_pretext() -> None:
    concession = technique("limited_concession")
    plain = Situation("price", "true", facts=ALL_FACTS)
    assert "only with" in obstacle_to(BOOK, concession, plain)
    bargain = Situation("price", "true", facts=ALL_FACTS, signals={"bargains"})
    assert obstacle_to(BOOK, concession, bargain) == ""
    pretext = Situation("price", "false", facts=ALL_FACTS, signals={"bargains"})
    assert "forbidden" in obstacle_to(BOOK, concession, pretext)


def test_who_bargains_is_told_what_may_be_given_before_what_it_is_worth() -> None:
    found = choose_technique(Situation("price", "true", facts=ALL_FACTS, signals={"bargains"}))
    assert found is not None
    assert found.technique.id in ("promotion_offer", "limited_concession")


# When

TODAY = date(2026, 11, 22)
PRODUCT = load_shop(ROOT / "shops" / "sample").products[0]
OUT_OF_DATE = replace(PRODUCT, valid_until="2026-11-21")


def when(
    entry: LedgerEntry,
    text: str,
    *,
    concepts: Sequence[str] = (),
    said: Sequence[str] = (),
    product: Product | None = PRODUCT,
) -> str:
    return timing_of(BOOK, entry, text, concepts=concepts, said=said, product=product, today=TODAY)


@pytest.mark.parametrize(
    ("kind", "text", "concepts", "said", "expected"),
    [
        ("price", "有点贵", (), [], "later"),
        ("price", "有点贵", (), ["answer_price"], "now"),
        ("price", "便宜点", ("BARGAIN_ASK",), [], "now"),
        ("price", "别家才199", ("CHEAPER_ELSEWHERE",), [], "now"),
        ("product", "颜色好丑哈哈哈", (), [], "never"),
        ("product", "颜色好丑", (), [], "now"),
        ("price", "贵得我要卖肾了哈哈哈", (), ["answer_price"], "now"),
        ("price", "太贵啦，开个玩笑", (), [], "never"),
        ("finance", "穷哈哈哈", (), [], "now"),
    ],
)
def test_timing_of_an_answer(
    kind: str, text: str, concepts: tuple[str, ...], said: list[str], expected: str
) -> None:
    shown = [BOOK.replies["utter_answer_price"][0].id] if said else []
    entry = raised(kind, text, *concepts)
    assert when(entry, text, concepts=concepts, said=shown) == expected


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("price", "fact_missing"), ("product", "fact_missing"), ("company", "now")],
)
def test_what_lacks_the_facts_of_today_is_put_off(kind: str, expected: str) -> None:
    entry = raised(kind, "有点贵")
    assert when(entry, "有点贵", product=OUT_OF_DATE) == expected
    assert when(entry, "有点贵", product=None) == "now"


def test_what_is_said_again_is_answered_now() -> None:
    assert when(raised("price", "有点贵", state="probed"), "贵") == "now"


def test_signals_name_a_bargain_a_rival_and_an_answer_before() -> None:
    entry = replace(raised("price", "x"), techniques=("breakdown",))
    assert signals_of(BOOK, entry, ["BARGAIN_ASK"], ["x"]) == {
        "bargains", "names_rival", "answered_before",
    }  # fmt: skip
    assert signals_of(BOOK, raised("price", "x"), [], []) == frozenset()


@pytest.mark.parametrize(
    ("style", "text", "expected"),
    [
        ("driver", "x" * 60, "short"),
        ("analytical", "x", "full"),
        ("", "太贵", "short"),
        ("", "x" * 15, ""),
        ("", "x" * 40, "full"),
    ],
)
def test_length_follows_the_style_or_else_the_customers_own(
    style: str, text: str, expected: str
) -> None:
    assert length_for(style, text) == expected


# Giving way


@settings(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["coupon", "gift", "price_discount"]), st.integers(0, 5000), max_size=3
    )
)
def test_concession_never_passes_its_limit_on_a_day(granted: dict[str, int]) -> None:
    shop = load_shop(ROOT / "shops" / "sample")
    found = possible_concession(
        shop, shop.product("air_fryer"), NOW, offered=(), granted_fen=granted
    )
    if found is not None:
        command = grant(shop, found)
        assert command.cap_fen is not None
        assert granted.get(command.limit, 0) + command.value_fen <= command.cap_fen


def test_concessions_run_out_within_a_conversation(shop: Shop) -> None:
    offered: list[str] = []
    while True:
        found = possible_concession(
            shop, shop.product("air_fryer"), NOW, offered=offered, granted_fen={}
        )
        if found is None:
            break
        assert found.id not in offered
        offered.append(found.id)
    assert len(offered) == len(shop.material.concessions)


def test_nothing_is_conceded_where_no_product_is_known(shop: Shop) -> None:
    assert possible_concession(shop, None, NOW, offered=(), granted_fen={}) is None
