"""What other policies would have brought, judged from a log (`bot.dialogue.off_policy`)."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.dialogue.off_policy import estimate, wilson
from bot.dialogue.technique_policies import POLICIES, estimates_of, fold_of, policy_of
from bot.dialogue.technique_values import Candidate, TechniqueValues, rank
from bot.dialogue.turn import CellTruth, RankedTechnique
from bot.knowledge.technique_rules import Learning

LEARNING = Learning()
CHANCES = {"breakdown": 0.3, "comparison": 0.6, "evidence": 0.45}


@dataclass(frozen=True)
class Use:
    conversation_id: str
    technique: str
    ranked: tuple[RankedTechnique, ...]
    is_success: bool
    kind: str = "price"
    truth: CellTruth = "true"


def log_of(count: int, exploration: float, seed: int = 1) -> list[Use]:
    """Return uses of the book's order with so much exploration, one a conversation."""
    rng = random.Random(seed)
    fits = [Candidate("breakdown", 0.8), Candidate("comparison", 0.5), Candidate("evidence", 0.4)]
    uses = []
    for number in range(count):
        ranking = rank(
            fits,
            "price",
            "true",
            values=TechniqueValues(LEARNING),
            exploration=exploration,
            rng=rng,
        )
        assert ranking is not None
        won = rng.random() < CHANCES[ranking.technique]
        uses.append(Use(f"talk {number}", ranking.technique, ranking.ranked, won))
    return uses


def test_policy_is_estimated_from_a_log_of_another() -> None:
    uses = log_of(8000, exploration=0.5)
    for technique, chance in CHANCES.items():
        found = estimate(uses, lambda use, name=technique: {name: 1.0})  # type: ignore[misc]
        assert found.value == pytest.approx(chance, abs=0.04)
    even = estimates_of(uses, "uniform", LEARNING)["all"]
    assert even.value == pytest.approx(sum(CHANCES.values()) / 3, abs=0.04)


def test_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    covered = 0
    for seed in range(200):
        found = estimate(log_of(300, 0.5, seed), lambda use: {"comparison": 1.0})
        assert found.low is not None and found.high is not None
        covered += found.low <= CHANCES["comparison"] <= found.high
    assert 182 <= covered


@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.1, 1.0]))
def test_policy_that_logged_brings_what_it_brought(seed: int, exploration: float) -> None:
    uses = log_of(30, exploration, seed)
    found = estimates_of(uses, "logged", LEARNING)["all"]
    assert found.overlap == 1.0
    assert found.value == pytest.approx(sum(use.is_success for use in uses) / len(uses))
    assert found.talks == pytest.approx(len(uses))


@pytest.mark.parametrize("policy", ["uniform", "best_fixed", "learned"])
def test_log_without_exploration_says_no_overlap_instead_of_a_number(policy: str) -> None:
    uses = log_of(400, exploration=0.0)
    rigged = [Use(u.conversation_id, u.technique, u.ranked, is_success=False) for u in uses]
    found = estimates_of(rigged, policy, LEARNING)["all"]  # type: ignore[arg-type]
    assert found.overlap < 0.5
    assert (found.value, found.low, found.high) == (None, None, None)


def test_policy_that_would_have_done_the_same_has_overlap_without_exploration() -> None:
    assert estimates_of(log_of(100, 0.0), "prior", LEARNING)["all"].value is not None


def test_few_talks_say_nothing_however_many_uses() -> None:
    uses = [Use("one talk", u.technique, u.ranked, u.is_success) for u in log_of(100, 0.5)]
    found = estimate(uses, lambda use: {"comparison": 1.0})
    assert found.talks == pytest.approx(1.0)
    assert found.value is None


def test_empty_log_is_no_error() -> None:
    assert {each: estimates_of([], each, LEARNING)["all"].value for each in POLICIES} == (
        dict.fromkeys(POLICIES)
    )


def test_policies_are_what_their_names_say() -> None:
    uses = log_of(600, exploration=1.0)
    use = uses[0]
    chances = {each: policy_of(each, uses, LEARNING)(use) for each in POLICIES}
    assert chances["prior"] == {"breakdown": 1.0}
    assert chances["learned"] == chances["best_fixed"] == {"comparison": 1.0}
    assert set(chances["uniform"].values()) == {1 / 3}
    for each in chances.values():
        assert sum(each.values()) == pytest.approx(1.0)


def test_learnt_policy_is_not_judged_by_what_it_learnt_from() -> None:
    """The breakdown wins in one part of the log only: what learnt elsewhere does not take it."""
    lucky = {"breakdown": lambda part, number: part == 0, "comparison": lambda *_: False}
    lucky["evidence"] = lambda part, number: part != 0 and number % 5 == 0
    uses = [
        Use(u.conversation_id, u.technique, u.ranked, lucky[u.technique](fold_of(u), number))
        for number, u in enumerate(log_of(3000, exploration=1.0))
    ]
    together = estimate(uses, policy_of("learned", uses, LEARNING))
    assert together.value is not None and together.value > 0.1
    assert estimates_of(uses, "learned", LEARNING)["all"].value == 0.0


def test_wilson_interval_by_hand() -> None:
    low, high = wilson(0.5, 100)
    assert (round(low, 4), round(high, 4)) == (0.4038, 0.5962)
    assert wilson(1.0, 20)[1] == 1.0 and wilson(1.0, 20)[0] == pytest.approx(0.8389, abs=1e-3)
