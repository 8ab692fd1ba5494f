"""What is believed of an objection, from which evidence (D-OBJ-2, 3, 4)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bot.dialogue.ledger import Noted, current, hear, note, projected_state, react
from bot.dialogue.truth import believe, weigh
from bot.dialogue.turn import LedgerEntry, MessageAnalysis
from bot.knowledge.book import load_book

TABLE = load_book().truth
KINDS = sorted(TABLE.priors)
NAMES = sorted(TABLE.evidence)


def said(intent: str, *concepts: str, message_id: int = 1, **more: object) -> MessageAnalysis:
    return MessageAnalysis(message_id, intent, 0.9, concepts=list(concepts), **more)  # type: ignore[arg-type]


def entry(kind: str, state: str = "open", *evidence: str, number: int = 1) -> LedgerEntry:
    belief = believe(TABLE, kind, [weigh(TABLE, name, 1) for name in evidence])  # type: ignore[arg-type]
    return LedgerEntry(number, kind, state, belief, 1, "x")  # type: ignore[arg-type]


def raised(
    intent: str, *concepts: str, ledger: tuple[LedgerEntry, ...] = (), **more: object
) -> Noted:
    return note(TABLE, ledger, said(intent, *concepts, message_id=7, **more), "x")


def names_of(found: LedgerEntry | None) -> list[str]:
    assert found is not None
    return [piece.name for piece in found.belief.evidence]


@pytest.mark.parametrize("kind", KINDS)
@given(evidence=st.lists(st.sampled_from(NAMES), max_size=8))
def test_belief_is_a_distribution_and_an_excuse_is_never_true(
    kind: str, evidence: list[str]
) -> None:
    belief = entry(kind, "open", *evidence).belief
    assert abs(belief.true + belief.false + belief.hidden - 1) < 0.001
    assert 0 <= belief.unseen <= belief.false + 0.0001
    if kind != "need":
        assert belief.unseen == 0
    if kind == "excuse":
        assert belief.true == 0
        assert belief.label != "true"


@given(evidence=st.permutations(["concrete_detail", "said_again_after_probe", "nothing_else"]))
def test_belief_does_not_depend_on_the_order_of_evidence(evidence: list[str]) -> None:
    belief, ordered = (entry("need", "open", *each).belief for each in (evidence, sorted(evidence)))
    assert (belief.true, belief.unseen, belief.label) == (ordered.true, ordered.unseen, "true")


def test_every_update_says_which_evidence_from_which_message_and_how_much() -> None:
    found = raised("objection_need", "HAS_ONE").entry.belief.evidence
    named = [(piece.name, piece.message_id) for piece in found]
    assert named == [("concrete_detail", 7), ("has_no_use_for_it", 7)]
    assert found[0].likelihoods == TABLE.evidence["concrete_detail"].likelihoods


def test_need_with_a_reason_is_true_and_without_one_unclear() -> None:
    with_reason = raised("objection_need", "HAS_ONE").entry
    bare = raised("objection_need").entry
    assert (with_reason.belief.label, bare.belief.label) == ("true", "unclear")


def test_lack_of_need_beside_trouble_with_what_they_have_is_a_need_unseen() -> None:
    found = raised("objection_need", "FAULT_SOUND", "HAS_ONE").entry
    assert found.belief.label == "unseen"
    assert found.belief.unseen > 0.5


def test_questions_about_the_goods_beside_a_brush_off_show_that_something_hides() -> None:
    found = raised("objection_excuse", also=["ask_price"]).entry
    assert found.belief.label == "hidden"


def test_fault_named_together_with_a_bargain_is_hidden() -> None:
    found = raised("objection_product", "BARGAIN_ASK").entry
    assert found.belief.hidden >= TABLE.decide_at


def test_bargain_right_after_a_fault_makes_the_fault_a_pretext_for_the_price() -> None:
    noted = raised("objection_price", "MONEY_CHEAPER_ASK", ledger=(entry("product", "answered"),))
    assert noted.before is not None
    assert (noted.before.belief.label, noted.before.state) == ("hidden", "left")
    assert noted.before.linked_to == noted.entry.number
    assert noted.entry.belief.label == "true"


def test_price_without_a_bargain_after_a_fault_leaves_the_fault_as_it_was_meant() -> None:
    believed = entry("product", "answered", "concrete_detail")
    noted = raised("objection_price", "MONEY_DEAR", ledger=(believed,))
    assert noted.before is not None
    assert noted.before.linked_to is None
    assert noted.before.state == "left"


def test_real_objection_behind_an_excuse_is_linked_to_its_pretext() -> None:
    noted = raised("objection_price", ledger=(entry("excuse", "probed"),))
    assert noted.is_new
    assert noted.entry.belief.label == "true"
    assert noted.before is not None
    assert (noted.before.state, noted.before.linked_to) == ("left", noted.entry.number)


def test_second_true_objection_after_a_probe_leaves_the_first_one_waiting() -> None:
    first = entry("price", "probed", "concrete_detail", "said_again_after_probe", "nothing_else")
    noted = raised("objection_service", "REASON", ledger=(first,))
    assert noted.before is not None
    assert (noted.before.state, noted.before.linked_to) == ("open", None)
    assert current([noted.before, noted.entry]) == noted.entry


def test_same_dodge_again_is_believed_false_and_opens_nothing_new() -> None:
    noted = raised("objection_excuse", ledger=(entry("excuse", "probed"),))
    assert not noted.is_new
    assert noted.entry.belief.label == "false"


def test_answered_objection_that_comes_again_is_reopened_and_shows_as_open() -> None:
    noted = raised("objection_price", ledger=(entry("price", "answered"),))
    assert noted.entry.state == "reopened"
    assert projected_state([noted.entry])[0] == "open"


def test_other_objection_after_an_answer_casts_doubt_on_the_answered_one() -> None:
    answered = entry("company", "answered")
    noted = raised("objection_authority", ledger=(answered,))
    assert noted.before is not None
    assert names_of(noted.before) == ["replaced_after_answer"]
    assert noted.before.belief.true < answered.belief.true


def test_piece_of_evidence_counts_once_however_often_it_shows() -> None:
    question = "how does it work"
    once = hear(TABLE, entry("excuse", "probed"), said("ask_product"), question)
    twice = hear(TABLE, once, said("ask_product", message_id=2), question)
    assert names_of(once) == ["goes_on_asking"]
    assert twice == once


def test_message_that_shows_nothing_leaves_the_entry_as_it_is() -> None:
    before = entry("price", "answered")
    assert hear(TABLE, before, said("greet"), "x") is before


def test_length_of_a_reply_to_a_probe_is_its_tone() -> None:
    probed = entry("product", "probed")
    short = hear(TABLE, probed, said("chitchat"), "x")
    long = hear(TABLE, probed, said("chitchat"), "x" * 30)
    assert (names_of(short), names_of(long)) == (["answers_in_a_word"], ["writes_at_length"])
    assert short.belief.false > probed.belief.false > long.belief.false
    assert hear(TABLE, probed, said("deny"), "x") is probed
    assert hear(TABLE, entry("product", "answered"), said("chitchat"), "x").belief.evidence == ()


def test_reaction_to_a_probe_is_weighed() -> None:
    sole = react(TABLE, entry("product", "probed", "concession_asked_later"), "nothing_else", 4)
    assert sole.belief.true > entry("product", "probed", "concession_asked_later").belief.true
    assert sole.belief.evidence[-1].message_id == 4


def test_reason_and_what_would_change_it_are_kept_in_the_customers_words() -> None:
    text = "家里有一台了，等旧的坏了再说"
    analysis = said("objection_need", "HAS_ONE", "UNTIL_C")
    found = note(TABLE, [], analysis, text).entry
    assert found.reason == text
    assert found.until == "等旧的坏了再说"


def test_kind_whose_belief_is_no_better_than_the_base_rate_is_probed_before_it_is_decided() -> None:
    table = replace(TABLE, only_probe=["price"])
    entry = note(table, [], said("objection_price", "REASON"), "x").entry
    assert entry.belief.label == "unclear"
    assert note(table, [], said("objection_service"), "x").entry.belief.label == "true"
    probed = react(table, replace(entry, state="probed"), "nothing_else", 2)
    assert probed.belief.label == "true"
