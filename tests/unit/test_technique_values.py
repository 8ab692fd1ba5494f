"""The choice among eligible techniques by what came of them (`bot.dialogue.technique_values`)."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.dialogue.technique_values import (
    CELLS,
    POOLED,
    Candidate,
    Ranking,
    TechniqueValues,
    cell_truth,
    rank,
)
from bot.dialogue.turn import CellCounts, CellSetting
from bot.knowledge.technique_rules import Learning

LEARNING = Learning(prior_strength=8.0, cell_strength=8.0)
IDS = ["breakdown", "comparison", "evidence", "question", "whole_picture"]
PRICE = ("price", "true")

candidates = st.lists(
    st.builds(
        Candidate,
        st.sampled_from(IDS),
        st.floats(0.05, 0.95),
        st.sampled_from([0.25, 0.5, 1.0, 1.5]),
    ),
    min_size=1,
    unique_by=lambda each: each.technique,
)
counts = st.lists(
    st.builds(
        CellCounts,
        st.sampled_from(IDS),
        st.sampled_from(["price", "need"]),
        st.sampled_from(["unclear", "true", "false", "hidden"]),
        st.integers(0, 40),
        st.integers(0, 40),
    ),
    max_size=12,
)
settings = st.lists(
    st.builds(
        CellSetting,
        st.sampled_from(IDS),
        st.sampled_from(["price", "need"]),
        st.sampled_from(["true", "hidden"]),
        st.sampled_from(["pin", "ban"]),
    ),
    max_size=4,
    unique_by=lambda each: (each.technique, each.kind, each.truth),
)
shares = st.sampled_from([0.0, 0.05, 0.5])


def choose(
    eligible: list[Candidate],
    counted: list[CellCounts] | None = None,
    decided: list[CellSetting] | None = None,
    share: float = 0.0,
    seed: int = 0,
) -> Ranking | None:
    return rank(
        eligible,
        *PRICE,
        values=TechniqueValues(LEARNING, counted or []),
        settings=decided or [],
        exploration=share,
        rng=random.Random(seed),
    )


def order(values: TechniqueValues, eligible: list[Candidate], truth: str) -> list[str]:
    ranking = rank(eligible, "price", truth, values=values, rng=random.Random(0))  # type: ignore[arg-type]
    assert ranking is not None
    return [each.technique for each in ranking.ranked]


def pin(technique: str) -> CellSetting:
    return CellSetting(technique, *PRICE, "pin")  # type: ignore[arg-type]


def ban(technique: str) -> CellSetting:
    return CellSetting(technique, *PRICE, "ban")  # type: ignore[arg-type]


def test_there_are_twenty_six_cells_and_no_true_excuse() -> None:
    assert len(CELLS) == len(set(CELLS)) == 26
    assert ("excuse", "true") not in CELLS


@pytest.mark.parametrize(
    ("kind", "label", "truth"),
    [
        ("price", "true", "true"),
        ("need", "unseen", "false"),
        ("product", "hidden", "hidden"),
        ("price", "unclear", POOLED),
        ("excuse", "true", POOLED),
    ],
)
def test_label_belongs_to_its_cell(kind: str, label: str, truth: str) -> None:
    assert cell_truth(kind, label) == truth


def test_without_outcomes_the_book_and_the_situation_choose() -> None:
    eligible = [Candidate("breakdown", 0.8, 0.5), Candidate("evidence", 0.45)]
    ranking = choose(eligible)
    assert ranking is not None
    assert (ranking.technique, ranking.policy) == ("evidence", "prior")
    assert ranking.scores == {"evidence": 0.45, "breakdown": 0.4}


def test_outcomes_turn_the_books_order_round() -> None:
    eligible = [Candidate("breakdown", 0.8), Candidate("evidence", 0.5)]
    seen = [CellCounts("breakdown", *PRICE, 0, 8), CellCounts("evidence", *PRICE, 8, 0)]  # type: ignore[arg-type]
    ranking = choose(eligible, seen)
    assert ranking is not None
    assert (ranking.technique, ranking.policy) == ("evidence", "learned")


def test_value_of_a_cell_is_the_beta_binomial_by_hand() -> None:
    seen = [CellCounts("evidence", *PRICE, 3, 1), CellCounts("evidence", "price", "false", 1, 3)]  # type: ignore[arg-type]
    values = TechniqueValues(LEARNING, seen)
    assert values.value("evidence", 0.5, "price", POOLED) == (4 + 4, 4 + 4)
    assert values.value("evidence", 0.5, *PRICE) == (4 + 3, 4 + 1)  # type: ignore[arg-type]


def test_cells_of_a_kind_differ_when_their_outcomes_do() -> None:
    eligible = [Candidate("breakdown", 0.5), Candidate("evidence", 0.5)]
    values = TechniqueValues(LEARNING)
    for _ in range(10):
        values.learn("breakdown", "price", "true", is_success=True)
        values.learn("breakdown", "price", "hidden", is_success=False)
        values.learn("evidence", "price", "true", is_success=False)
        values.learn("evidence", "price", "hidden", is_success=True)
    assert order(values, eligible, "true") == ["breakdown", "evidence"]
    assert order(values, eligible, "hidden") == ["evidence", "breakdown"]


def test_all_banned_leaves_nothing() -> None:
    assert choose([Candidate("evidence", 0.5)], decided=[ban("evidence")]) is None


def test_pin_of_the_technique_used_last_yields() -> None:
    """What was used last is not among the eligible."""
    ranking = choose(
        [Candidate("evidence", 0.3), Candidate("question", 0.4)], decided=[pin("breakdown")]
    )
    assert ranking is not None
    assert (ranking.technique, ranking.policy) == ("question", "prior")


def test_pin_and_ban_of_another_cell_count_for_nothing() -> None:
    elsewhere = [
        CellSetting("evidence", "price", "hidden", "pin"),
        CellSetting("question", "need", "true", "ban"),
    ]
    ranking = choose([Candidate("evidence", 0.3), Candidate("question", 0.4)], decided=elsewhere)
    assert ranking is not None and ranking.technique == "question"


def test_exploration_tries_others_as_often_as_it_says() -> None:
    eligible = [Candidate(each, 0.5) for each in IDS]
    rng = random.Random(7)
    values = TechniqueValues(LEARNING)
    drawn: Counter[str] = Counter()
    for _ in range(5000):
        ranking = rank(eligible, *PRICE, values=values, exploration=0.2, rng=rng)  # type: ignore[arg-type]
        assert ranking is not None
        assert ranking.is_exploring is (ranking.technique != IDS[0])
        drawn[ranking.technique] += 1
    for technique, chance in ranking.propensities.items():
        assert drawn[technique] / 5000 == pytest.approx(chance, abs=0.02)


def test_without_exploration_the_random_generator_is_left_alone() -> None:
    rng = random.Random(3)
    rank([Candidate("evidence", 0.5)], *PRICE, values=TechniqueValues(LEARNING), rng=rng)  # type: ignore[arg-type]
    assert rng.random() == random.Random(3).random()


@given(candidates, counts, settings, shares, st.integers(0, 9))
def test_chances_sum_to_one_and_the_chosen_had_one(
    eligible: list[Candidate],
    counted: list[CellCounts],
    decided: list[CellSetting],
    share: float,
    seed: int,
) -> None:
    ranking = choose(eligible, counted, decided, share, seed)
    if ranking is None:
        return
    assert sum(ranking.propensities.values()) == pytest.approx(1.0)
    assert ranking.propensities[ranking.technique] > 0
    use = ranking.as_use(1)
    assert use.propensity == ranking.propensities[ranking.technique]
    assert {use.technique, *use.alternatives} == ranking.propensities.keys()


@given(candidates, counts, settings, shares, st.integers(0, 9), st.randoms())
def test_same_state_gives_the_same_answer_in_whatever_order_it_is_told(
    eligible: list[Candidate],
    counted: list[CellCounts],
    decided: list[CellSetting],
    share: float,
    seed: int,
    mixer: random.Random,
) -> None:
    first = choose(eligible, counted, decided, share, seed)
    for each in (eligible, counted, decided):
        mixer.shuffle(each)
    assert choose(eligible, counted, decided, share, seed) == first


@given(candidates, counts, settings, shares, st.integers(0, 9))
def test_banned_is_never_chosen_and_pinned_always_is(
    eligible: list[Candidate],
    counted: list[CellCounts],
    decided: list[CellSetting],
    share: float,
    seed: int,
) -> None:
    here = {each.technique: each.mode for each in decided if (each.kind, each.truth) == PRICE}
    may = {each.technique for each in eligible}
    ranking = choose(eligible, counted, decided, share, seed)
    chosen = ranking.technique if ranking else ""
    assert here.get(chosen) != "ban"
    pinned = {each for each, mode in here.items() if mode == "pin"} & may
    assert not pinned or chosen in pinned
    assert bool(chosen) is bool(may - {each for each, mode in here.items() if mode == "ban"})


@given(
    candidates,
    counts,
    st.sampled_from(IDS),
    st.sampled_from(["unclear", "true", "hidden"]),
    st.sampled_from(["unclear", "true", "hidden"]),
)
def test_one_more_success_never_lowers_the_rank(
    eligible: list[Candidate], counted: list[CellCounts], lucky: str, asked: str, where: str
) -> None:
    before = order(TechniqueValues(LEARNING, counted), eligible, asked)
    if lucky not in before:
        return
    more = [*counted, CellCounts(lucky, "price", where, 1, 0)]  # type: ignore[arg-type]
    after = order(TechniqueValues(LEARNING, more), eligible, asked)
    assert after.index(lucky) <= before.index(lucky)


@given(candidates, counts)
def test_cell_without_outcomes_ranks_as_its_kind(
    eligible: list[Candidate], counted: list[CellCounts]
) -> None:
    elsewhere = [each for each in counted if each.truth != "true"]
    values = TechniqueValues(LEARNING, elsewhere)
    assert order(values, eligible, "true") == order(values, eligible, POOLED)
