"""What may be offered in a complaint, and who may grant it (D-CMP-4, 5, 6; design decision 9)."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.dialogue.remedies import Claim, Offer, RemedyPlan, plan_remedies
from bot.knowledge.case_rules import CauseOf
from bot.knowledge.remedy_rules import GRANTORS, Remedy, Wish, problems_of
from bot.knowledge.shop import Limit, Policy, load_shop
from bot.settings import ROOT

SHOP = load_shop(ROOT / "shops" / "sample")
FAULTY = Claim(
    causes=("product",),
    severity="slight",
    wish="exchange",
    product="空气炸锅",
    price_fen=29900,
    days_since=3,
)
SLOW = Claim(causes=("logistics",), severity="slight")
UNFRIENDLY = Claim(causes=("service",), severity="serious")


def plan(claim: Claim, *remedies: Remedy, limits: tuple[Limit, ...] = ()) -> RemedyPlan:
    """Plan with the sample's remedies, or with these."""
    return plan_remedies(remedies or SHOP.remedies, limits or SHOP.limits, SHOP.policies, claim)


def remedy(name: str, **values: Any) -> Remedy:
    given: dict[str, Any] = {"kind": "material", "meets": ["exchange"], "grants": "bot"}
    return Remedy(**{"id": name, "text": f"给您{name}", **given, **values})


def limit(max_fen: int | None, above: str = "supervisor") -> Limit:
    return Limit("cap", max_fen, "customer_day", above, "一天合计不超过这些。")  # type: ignore[arg-type]


def name_of(offer: Offer | None) -> str:
    return offer.remedy.id if offer else ""


def names_of(offers: tuple[Offer, ...]) -> list[str]:
    return [each.remedy.id for each in offers]


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        ("exchange", "exchange"),
        ("refund", "refund_of_faulty"),
        ("repair", "repair"),
        ("shipping", "return_shipping"),
        ("coupon", "coupon"),
        ("redelivery", "redelivery"),
        ("", "exchange"),
    ],
)
def test_remedies_what_the_customer_wants_comes_first(wish: str, expected: str) -> None:
    assert name_of(plan(replace(FAULTY, wish=wish)).at_once) == expected


@pytest.mark.parametrize("cause", get_args(CauseOf))
def test_remedies_an_open_wish_gets_the_natural_remedy_of_its_cause(cause: str) -> None:
    offer = plan(Claim(causes=(cause,), severity="slight")).at_once
    assert offer is not None
    assert cause in offer.remedy.causes


def test_remedies_the_dearer_one_is_offered_if_it_fits_better() -> None:
    dear = remedy("dear", value="price", limit="cap", meets=["refund"])
    cheap = remedy("cheap")
    found = plan(replace(FAULTY, wish="refund"), cheap, dear, limits=(limit(None),))
    assert (name_of(found.at_once), found.at_once and found.at_once.value_fen) == ("dear", 29900)


@pytest.mark.parametrize(
    ("days", "expected"), [(15, "exchange"), (16, "repair"), (None, "exchange")]
)
def test_remedies_the_day_of_receipt_decides_what_is_in_time(
    days: int | None, expected: str
) -> None:
    found = plan(replace(FAULTY, days_since=days))
    assert name_of(found.at_once) == expected
    assert name_of(found.later[0]) == "exchange_by_supervisor"


def test_remedies_an_unknown_day_is_looked_up_where_the_shop_says_so() -> None:
    claim = Claim(causes=("policy",), severity="slight", wish="price_difference")
    unknown, known = plan(claim), plan(replace(claim, days_since=10))
    assert name_of(known.at_once) == "price_difference"
    assert [(each.remedy.id, each.approver) for each in unknown.later][0] == (
        "price_difference",
        "front_line",
    )


def test_remedies_what_was_turned_down_is_not_offered_again_but_the_next() -> None:
    told: list[str] = []
    for _ in range(20):
        offer = plan(replace(FAULTY, turned_down=tuple(told))).at_once
        if offer is None:
            break
        assert offer.text not in told
        told.append(offer.text)
    assert len(told) >= 4


def test_remedies_what_was_turned_down_of_one_product_is_of_another_too() -> None:
    one = remedy("one", text="给您换一台新的{product}")
    claim = replace(FAULTY, turned_down=("给您换一台新的电饭煲",))
    assert plan(claim, one) == RemedyPlan(None, (), None)


@pytest.mark.parametrize("grave", [{"severity": "bodily"}, {"is_crisis": True}])
@pytest.mark.parametrize("wish", ["", *get_args(Wish)])
def test_remedies_the_bot_never_bargains_over_harm_or_a_threat(
    grave: dict[str, Any], wish: str
) -> None:
    found = plan(replace(FAULTY, wish=wish, asked_fen=100, **grave))
    assert found.at_once is None
    assert found.later
    assert {each.approver for each in found.later} <= {"supervisor", "manager"}
    assert "call_by_manager" in [name_of(found.later[0]), name_of(found.moral)]


def test_remedies_what_is_for_the_hurt_is_offered_to_nobody_else() -> None:
    def ids(**more: Any) -> list[str]:
        return names_of(plan(replace(FAULTY, wish="compensation", **more)).later)

    assert ids(severity="bodily")[0] == "medical_costs"
    assert "medical_costs" not in [*ids(), *ids(is_crisis=True)]


def test_remedies_the_same_trouble_again_goes_one_level_up_and_to_the_manager() -> None:
    once, again = plan(FAULTY), plan(replace(FAULTY, is_again=True))
    assert again.at_once is None
    approvers = {each.remedy.id: each.approver for each in again.later}
    for each in (once.at_once, *once.later):
        assert each is not None
        level = GRANTORS.index(each.approver or "bot")
        assert approvers[each.remedy.id] == GRANTORS[min(level + 1, 3)]
    assert (name_of(again.moral), again.moral and again.moral.approver) == (
        "call_by_manager",
        "manager",
    )


@pytest.mark.parametrize(
    ("granted", "approver"), [(0, ""), (1000, ""), (1001, "supervisor"), (9999, "supervisor")]
)
def test_remedies_above_the_limit_of_the_day_somebody_approves(granted: int, approver: str) -> None:
    claim = replace(SLOW, wish="coupon", granted_fen={"coupon": granted})
    found = plan(claim)
    offers = [*([found.at_once] if found.at_once else []), *found.later]
    coupon = next(each for each in offers if each.remedy.id == "delivery_coupon")
    assert coupon.approver == approver


@pytest.mark.parametrize(
    ("asked", "approver"), [(3000, "front_line"), (3001, "supervisor"), (500_000, "supervisor")]
)
def test_remedies_a_sum_goes_to_whoever_may_with_the_best_there_is_at_once(
    asked: int, approver: str
) -> None:
    found = plan(replace(UNFRIENDLY, asked_fen=asked))
    assert (found.later[0].remedy.id, found.later[0].approver) == ("small_compensation", approver)
    assert found.later[0].value_fen == asked
    assert str(asked // 100) in found.later[0].text
    assert name_of(found.at_once) == "one_owner"  # no coupon for who asks for money


def test_remedies_a_sum_that_nobody_knows_is_never_the_bots_under_a_cap() -> None:
    priced = remedy("priced", value="price", limit="cap")
    unknown = replace(FAULTY, price_fen=None)
    assert plan(FAULTY, priced, limits=(limit(30_000),)).at_once is not None
    found = plan(unknown, priced, limits=(limit(30_000, "front_line"),))
    assert (found.at_once, found.later[0].approver) == (None, "front_line")


def test_remedies_what_cannot_be_said_without_its_facts_is_said_openly_or_not_at_all() -> None:
    named = remedy("named", text="给您换一台新的{product}")
    open_ = remedy("open", text="补您{money}", open_text="补您一些", value="asked", limit="cap")
    found = plan(replace(FAULTY, product=""), named, open_, limits=(limit(None),))
    assert (found.at_once and found.at_once.text, found.later) == ("补您一些", ())


def test_remedies_the_reason_is_the_shops_own() -> None:
    policy = next(each.text for each in SHOP.policies if each.topic == "exchange")
    offer = plan(FAULTY).at_once
    assert offer is not None
    assert offer.reason == policy
    own = plan(FAULTY, remedy("own", reason="该我们换。", policy="exchange")).at_once
    assert own is not None
    assert own.reason == "该我们换。"
    assert plan(FAULTY, remedy("bare", limit="cap"), limits=(limit(None),)).at_once is not None


def test_remedies_somebody_who_wants_an_apology_gets_one_with_something_at_once() -> None:
    found = plan(replace(UNFRIENDLY, wish="apology"))
    assert name_of(found.later[0]) == "apology_by_phone"
    assert name_of(found.at_once) == "one_owner"
    assert found.moral is not None
    assert found.moral.remedy.kind == "moral"


def test_remedies_no_grade_and_no_style_decides() -> None:
    assert {each.name for each in fields(Claim)} == {
        *("causes", "severity", "is_crisis", "wish", "asked_fen", "product", "price_fen"),
        *("days_since", "is_again", "turned_down", "granted_fen"),
    }


WISHES, CAUSES = st.sampled_from(get_args(Wish)), st.sampled_from(get_args(CauseOf))
FEN = st.integers(0, 5000)
LIMITS = {
    "cap": Limit("cap", 3000, "customer_day", "supervisor", "不超过30元。"),
    "small": Limit("small", 100, "order", "front_line", "不超过1元。"),
    "free": Limit("free", None, "order", "manager", "不限。"),
}
TEXTS = st.sampled_from(
    ["给您办", "给您{money}", "给您换{product}", "给您换{product}，再补{money}"]
)
POLICIES: tuple[Policy, ...] = ()


@st.composite
def remedies(draw: st.DrawFn) -> Remedy:
    """Draw a remedy that `./prelude check` would pass."""
    value = draw(st.sampled_from(["fixed", "asked", "price", "nothing"]))
    within = draw(st.none() | st.none() | st.integers(1, 30))
    made = Remedy(
        id=draw(st.sampled_from("abcdefghij")),
        kind=draw(st.sampled_from(["material", "material", "moral"])),
        meets=draw(st.lists(WISHES, min_size=1, max_size=3)),
        grants=draw(st.sampled_from(["bot", "bot", "bot", *GRANTORS])),
        text=draw(TEXTS),
        causes=draw(st.just([]) | st.lists(CAUSES, max_size=2, unique=True)),
        limit=draw(st.sampled_from(["cap", *LIMITS, ""])),
        value=value,  # type: ignore[arg-type]
        value_fen=draw(st.integers(1, 5000)) if value == "fixed" else 0,
        within_days=within,
        needs_day=within is not None and draw(st.booleans()),
        grave=draw(st.booleans()),
        open_text=draw(st.sampled_from(["", "看着办"])),
    )
    return made


CAPS = {name: each.max_fen for name, each in LIMITS.items()}
LISTS = st.lists(remedies().filter(lambda each: not problems_of(each, CAPS)), max_size=8)
TURNED_DOWN = st.sampled_from(["给您办", "给您20元", "给您换水壶", "看着办", "别的话"])
CLAIMS = st.builds(
    Claim,
    causes=st.lists(CAUSES, max_size=2, unique=True).map(tuple),
    severity=st.sampled_from(["slight", "serious", "serious", "bodily"]),
    is_crisis=st.sampled_from([False, False, True]),
    wish=st.just("") | WISHES,
    asked_fen=st.none() | FEN,
    product=st.sampled_from(["", "水壶"]),
    price_fen=st.none() | FEN,
    days_since=st.none() | st.integers(0, 40),
    is_again=st.booleans(),
    turned_down=st.lists(TURNED_DOWN, max_size=3).map(tuple),
    granted_fen=st.fixed_dictionaries({"cap": FEN, "small": FEN, "free": FEN}),
)


@settings(max_examples=300)
@given(LISTS, CLAIMS)
def test_remedies_of_any_shop_keep_to_the_rules(listed: list[Remedy], claim: Claim) -> None:
    found = plan_remedies(listed, list(LIMITS.values()), POLICIES, claim)
    first, moral = found.at_once, found.moral
    offers = [*filter(None, (first, moral)), *found.later]
    for each in offers:
        assert each.text not in claim.turned_down
        assert not {"{", "}"} & set(each.text)
        assert each.remedy in listed
        in_time = (
            each.remedy.within_days is None or (claim.days_since or 0) <= each.remedy.within_days
        )
        assert in_time
        if each.approver == "":
            assert each.remedy.grants == "bot"
            assert not (claim.is_grave or claim.is_again)
            cap = CAPS.get(each.remedy.limit)
            granted = claim.granted_fen.get(each.remedy.limit, 0)
            assert cap is None or granted + each.value_fen <= cap
            assert each.value_fen == 0 or each.remedy.limit
    assert first is None or first.approver == ""
    assert all(each.approver in GRANTORS[1:] for each in found.later)
    assert moral is None or moral.remedy.kind == "moral"
    wanted = [claim.wants in each.remedy.meets for each in found.later]
    assert wanted == sorted(wanted, reverse=True)
