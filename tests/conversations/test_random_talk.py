"""What holds in every talk, whatever the customer says (D-OBJ-9 to 11, D-CMP-8, D-SEL-9, 10).

`PRELUDE_RANDOM_TALKS` sets of how many talks each property is asked; a failing talk is printed as
it went. The same talks are drawn every time.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bot.dialogue.guard import blocking, violations
from bot.knowledge.shop import load_shop
from bot.settings import ROOT
from tests.conversations.random_talk import QUIET, Act, Scene, Talk, acts, play, scenes
from tests.conversations.runner import JourneyRunner
from tests.conversations.test_styles import AMOUNT, own_amounts

pytestmark = [pytest.mark.journeys, pytest.mark.timeout(600)]

TALKS = int(os.environ.get("PRELUDE_RANDOM_TALKS", "25"))
LONGEST, TAIL, MOST_STEPS = 9, 9, 8
SHOP = load_shop(ROOT / "shops" / "sample")
# What sells: it names goods as something to buy, asks for a need or for the order, or argues.
SELLING = {
    "utter_apply_technique",
    "utter_ask_use",
    "utter_close_sale",
    "utter_find_need",
    "utter_lead_forward",
    "utter_offer_bundle",
    "utter_offer_related",
    "utter_recommend",
    "utter_show_value",
    "utter_tell_order",
    "utter_take_related",
    "utter_tell_alternative",
}
# What answers, asks what is meant, mends, promises, says goodbye, or belongs to a case.
NOT_SELLING = set(
    """
    utter_accept_during_case utter_acknowledge_objection utter_affirm utter_agent_joined
    utter_agent_left utter_answer_policy utter_answer_price utter_after_order utter_answer_fact
    utter_answer_product utter_answer_special utter_answer_stock utter_apologise
    utter_ask_after_case utter_ask_after_fault utter_ask_after_resigned
    utter_ask_call_time utter_ask_cause utter_ask_contact utter_ask_problem utter_ask_refusal
    utter_ask_hesitation utter_ask_which_product utter_bodily_harm utter_bot_challenge
    utter_call_back_cancelled utter_call_back_corrected utter_call_back_noted utter_cannot_read
    utter_case_progress utter_chitchat utter_clarify utter_clarify_between
    utter_confirm_objection utter_contact_invalid utter_decline_related utter_defer_selling
    utter_deny utter_end_step utter_goodbye utter_greet utter_hand_over utter_hand_over_nobody
    utter_inform utter_invite_to_look utter_isolate_objection utter_keep_case utter_leave_open
    utter_let_go utter_list_products utter_listen_case utter_message_stale utter_no_case
    utter_offer_reminder utter_open_case utter_out_of_scope utter_probe_objection
    utter_product_corrected utter_promise_answer utter_promise_broken utter_promise_handed_over
    utter_rated utter_rated_low utter_rated_low_heard utter_remind utter_reminder_declined
    utter_reminder_noted
    utter_resume_bot utter_return_to_objection utter_say_again utter_say_anew
    utter_settle_objection utter_stop_selling utter_tell_decision
    utter_tell_difference utter_thank utter_open_again utter_answer_barrier
    utter_take_threat utter_acknowledge_case
    utter_ask_case_subject utter_ask_case_dealer utter_ask_case_detail utter_ask_case_since
    utter_confirm_case
    utter_ask_amend utter_ask_wish utter_propose_remedy utter_ask_missing utter_pass_on_case
    utter_summarise_case utter_return_to_case utter_noted_in_case utter_case_closed
    utter_turn_failed utter_waiting utter_welcome utter_what_would_change
    """.split()
)
# What shows no wish for goods: after it nobody starts to sell again.
UNINTERESTED = {*QUIET, "greet", "goodbye", "chitchat", "out_of_scope", "bot_challenge", "cancel"}

talks = st.lists(acts(), min_size=3, max_size=LONGEST)


def asked(times: int = 1) -> Callable[[Any], Any]:
    """Ask a property of so many talks; drawn the same every time, not shrunk for minutes."""
    return settings(
        max_examples=max(TALKS // times, 1),
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


def talk_of(runner: JourneyRunner, scene: Scene, drawn: list[Act], tail: int = 0) -> Talk:
    return asyncio.run(play(runner, scene, drawn, tail))


def test_every_response_sells_or_not() -> None:
    domain = yaml.safe_load((ROOT / "domain.yml").read_text(encoding="utf-8"))
    assert set(domain["responses"]) == SELLING | NOT_SELLING
    assert not SELLING & NOT_SELLING


def hold(is_so: bool, what: object, *talks: Talk) -> None:
    """Fail with the whole talk, which pytest would cut short."""
    if not is_so:
        pytest.fail("\n".join([f"{what}", *map(repr, talks)]), pytrace=False)


def test_whatever_is_said(runner: JourneyRunner) -> None:
    """No forbidden phrase, no technique twice, nothing beyond policy, the same answer again."""

    @asked()
    @given(scene=scenes(), drawn=talks)
    def ask(scene: Scene, drawn: list[Act]) -> None:
        talk = talk_of(runner, scene, drawn)
        assert_guarded(runner, talk)
        assert_no_technique_twice_running(talk)
        assert_concessions_lie_within_policy(talk)
        assert_nothing_is_sold_where_it_must_not_be(talk)
        assert_no_answer_is_repeated(talk)
        hold(not talk.unlike, talk.unlike, talk)
        hold(all(len(each.turn.step) <= MOST_STEPS for each in talk.happened), "steps", talk)

    ask()


def assert_guarded(runner: JourneyRunner, talk: Talk) -> None:
    looked_up = [each.text for each in SHOP.policies]
    for text in talk.replies:
        found = blocking(violations(runner.book, text, allowed=looked_up))
        hold(not found, (text, found), talk)
        hold(not re.search(r"[{}]", text), text, talk)


def assert_no_technique_twice_running(talk: Talk) -> None:
    used = talk.techniques
    hold(all(one != other for one, other in pairwise(used)), used, talk)


def assert_concessions_lie_within_policy(talk: Talk) -> None:
    known = {each.id for each in SHOP.material.concessions}
    hold(set(talk.granted) <= known, talk.granted, talk)
    caps = {each.id: each.max_fen for each in SHOP.limits}
    for limit, fen in talk.granted_fen.items():
        cap = caps[limit]
        hold(cap is None or fen <= cap, (limit, fen), talk)
    named = {each for text in talk.replies for each in AMOUNT.findall(text)}
    made_up = named - own_amounts() - told_amounts(talk)
    hold(not made_up, made_up, talk)


def told_amounts(talk: Talk) -> set[str]:
    """Return the numbers that the customer has named; the shop may say them back."""
    said = "\n".join(f"{each.act.first} {each.act.text}" for each in talk.happened)
    return set(re.findall(r"\d+", said))


def assert_nothing_is_sold_where_it_must_not_be(talk: Talk) -> None:
    """After a refusal, a true lack of need, or beside a case (D-OBJ-10, 11; design decision 8)."""
    is_over = False
    for each in talk.happened:
        sold = SELLING & set(each.responses)
        if each.has_case:
            hold(not sold, sold, talk)
        if each.intent not in UNINTERESTED:
            is_over = False
        if is_over:
            hold(not sold, (each.act, sold), talk)
        if "action_let_go" in each.turn.step or "action_stop_selling" in each.turn.step:
            is_over = True


def assert_no_answer_is_repeated(talk: Talk) -> None:
    """No wording of a technique comes twice, but for 'say it again', which says it as it was."""
    said = [wording for response, wording in talk.wordings if response == "utter_apply_technique"]
    again = any("again" in step for each in talk.happened for step in each.turn.step)
    hold(again or len(said) == len(set(said)), said, talk)


def test_whoever_wants_nothing_more_is_left_in_peace(runner: JourneyRunner) -> None:
    """After a few turns of yes, no and thanks, nothing is asked any more: a talk ends."""

    @asked(times=2)
    @given(scene=scenes(), drawn=talks)
    def ask(scene: Scene, drawn: list[Act]) -> None:
        talk = talk_of(runner, scene, drawn, TAIL)
        last = talk.happened[-len(QUIET) :]
        pressing = [r for each in last for r in each.responses if r in SELLING]
        hold(not pressing, pressing, talk)
        steps = {step for each in last for step in each.turn.step}
        hold(not steps & {"action_probe_objection", "action_isolate_objection"}, steps, talk)

    ask()


def test_grade_changes_not_a_word_but_of_need_and_style_no_money(runner: JourneyRunner) -> None:
    """A key customer is asked for a need by SPIN (D-SEL-4); else grades hear the very same."""

    @asked(times=2)
    @given(scene=scenes(), drawn=talks)
    def ask(scene: Scene, drawn: list[Act]) -> None:
        usual = talk_of(runner, replace(scene, grade="ordinary"), drawn)
        key = talk_of(runner, replace(scene, grade="vip"), drawn)
        assert_concessions_lie_within_policy(key)
        if not any("utter_find_need" in each.responses for each in usual.happened):
            hold(key.replies == usual.replies, "replies", usual, key)
            hold(key.granted_fen == usual.granted_fen, "granted", usual, key)
        for style in ("driver", "amiable"):
            other = talk_of(runner, replace(scene, grade="ordinary", style=style), drawn)
            assert_concessions_lie_within_policy(other)

    ask()
