"""The process of a complaint case: its data is whole, and every guard holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.dialogue.case_process import (
    CaseFacts,
    complaint_level,
    is_same_trouble,
    legal_moves,
    obstacle_to,
    priority_of,
    severity_of,
)
from bot.errors import ShopDataError
from bot.knowledge.book import load_book
from bot.knowledge.case_rules import PROCESS, Fact, Role, load_case_process, read_case_process
from bot.services.case_bodies import BODIES
from bot.services.case_moves import EFFECTS

RULES = load_case_process()
ALL: frozenset[Any] = frozenset(get_args(Fact))
ROLES = get_args(Role)
facts = st.builds(
    CaseFacts,
    stage=st.sampled_from(RULES.stages),
    known=st.frozensets(st.sampled_from(sorted(ALL))),
    is_grave=st.booleans(),
)


def test_every_move_has_its_body_and_says_what_it_writes() -> None:
    assert set(RULES.moves) == set(BODIES) == set(EFFECTS)


def test_customers_are_told_every_stage_in_their_words() -> None:
    assert set(load_book().complaints.stage_names) == set(RULES.stages)


def test_every_stage_but_those_at_the_end_leads_on() -> None:
    for stage in RULES.stages:
        leads = {move.to for move in RULES.moves.values() if stage in move.from_ and move.to}
        assert (leads - {stage}) or stage == "merged", stage


def test_closing_is_one_move_and_needs_all_of_it() -> None:
    (closing,) = [move for move in RULES.moves.values() if move.to == "closed"]
    assert {"acknowledged", "decision", "accepted|ended", "remedied", "level"} <= set(closing.needs)
    assert not {"bot", "customer", "server", "program"} & set(closing.by)


@pytest.mark.parametrize("name", RULES.moves)
def test_move_is_refused_to_others_elsewhere_and_without_what_it_needs(name: str) -> None:
    move = RULES.moves[name]
    stage, role = move.from_[0], move.by[-1]
    assert obstacle_to(RULES, name, CaseFacts(stage, ALL), role) is None
    for other in set(RULES.stages) - set(move.from_):
        refused = obstacle_to(RULES, name, CaseFacts(other, ALL), role)
        assert refused is not None and not refused.is_role and other in refused.text
    for other in set(ROLES) - set(move.by):
        refused = obstacle_to(RULES, name, CaseFacts(stage, ALL), other)
        assert refused is not None and refused.is_role and other in refused.text
    for need in move.needs:
        either = need.split("|")
        for fact in either:
            known: frozenset[Any] = (ALL - set(either)) | {fact}
            assert obstacle_to(RULES, name, CaseFacts(stage, known), role) is None
        refused = obstacle_to(RULES, name, CaseFacts(stage, ALL - set(either)), role)
        assert refused is not None and RULES.facts[either[0]] in refused.text  # type: ignore[index]


@given(facts, st.sampled_from(ROLES))
def test_what_is_listed_as_legal_is_what_is_not_refused(known: CaseFacts, role: Role) -> None:
    listed = set(legal_moves(RULES, known, role))
    for name, move in RULES.moves.items():
        is_refused = obstacle_to(RULES, name, known, role, move.gives) is not None
        assert (name in listed) is not is_refused


@given(facts, st.sampled_from(ROLES))
def test_grave_case_never_lets_more_people_do_something(known: CaseFacts, role: Role) -> None:
    plain, grave = (CaseFacts(known.stage, known.known, each) for each in (False, True))
    assert set(legal_moves(RULES, grave, role)) <= set(legal_moves(RULES, plain, role))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("from: [receipt]\n", "from: [cellar]\n", "moves.acknowledge.from: there is no stage"),
        ("needs: [waiting]", "needs: [weather]", "moves.approve.needs: there is no fact"),
        ("by_grave: [supervisor, manager]", "by_grave: [customer]", "by_grave: 'customer' may not"),
        ("after_minutes: 240", "after_minutes: 0", "escalation: every level must be later"),
        ("{number}升级到主管", "{nobody}", "may use {number} and {why}"),
        ("final: [closed, merged]", "final: [cellar]", "final: there is no stage"),
        ("    slight: {minutes: 660}\n", "", "clocks.first_answer: 'slight' is missing"),
        ("  owed: no", "  ow: no", "facts"),
        ("    verb: noted", "    verb: noted\n    cost: 3", "moves.note"),
    ],
)
def test_mistake_in_the_data_is_named_with_file_and_line(
    tmp_path: Path, old: str, new: str, told: str
) -> None:
    text = PROCESS.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "case_process.yml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ShopDataError) as refused:
        read_case_process(path)
    assert told in str(refused.value)
    assert f"{path}:" in str(refused.value)


@pytest.mark.parametrize(
    ("degrees", "more", "severity"),
    [
        ({}, {}, "slight"),
        ({"bodily": "none", "economic": "slight"}, {}, "slight"),
        ({"economic": "serious"}, {}, "serious"),
        ({"mental": "slight"}, {}, "serious"),
        ({"bodily": "slight"}, {}, "bodily"),
        ({}, {"is_crisis": True}, "serious"),
        ({}, {"is_angry": True}, "serious"),
    ],
)
def test_severity_follows_the_degrees_of_harm(
    degrees: dict[str, str], more: dict[str, bool], severity: str
) -> None:
    assert severity_of(degrees, **{"is_crisis": False, **more}) == severity


def test_priority_rises_with_harm_threats_anger_and_many_small_ones() -> None:
    plain = {"is_crisis": False, "is_angry": False, "small_ones": False}
    assert priority_of("slight", **plain) == 0
    assert priority_of("slight", **{**plain, "small_ones": True}) == 1
    assert priority_of("slight", **{**plain, "is_angry": True}) == 1
    assert priority_of("serious", **plain) == 1
    assert priority_of("slight", **{**plain, "is_crisis": True}) == 2
    assert priority_of("bodily", **plain) == 2


def test_complaint_is_formal_once_it_was_told_to_an_authority() -> None:
    assert complaint_level({"authority": "threatened", "spread": "used"}) == "complaint"
    assert complaint_level({"media": "used"}) == "formal"


def test_unknown_cause_is_no_same_trouble() -> None:
    assert is_same_trouble(["product", "unknown"], ["product"])
    assert not is_same_trouble(["unknown"], ["unknown"])
