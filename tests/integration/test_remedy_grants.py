"""What the bot may grant in a case: what the shop's remedies.yml says, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.crm.cases import CaseFilter
from bot.crm.records import CaseRecord
from bot.crm.unit_of_work import UnitOfWork
from bot.dialogue import turn as t
from bot.dialogue.remedies import Claim, Offer, plan_remedies
from bot.errors import NotAllowedError, StaleTurnError, UsageError
from bot.knowledge.remedy_rules import Remedy
from bot.knowledge.shop import Shop
from bot.services.cases import move_case
from bot.services.commands import apply_command
from bot.services.promise_keeping import withdraw_owed
from bot.services.shop import read_shop
from bot.services.turns import load_turn
from tests.conftest import Play
from tests.fakes import START
from tests.integration.test_cases import (
    AGENT,
    BOSS,
    BOT,
    CUSTOMER,
    DECISION,
    MANAGER,
    Desk,
    complaint,
)
from tests.unit.test_remedies import CLAIMS, LIMITS, LISTS


@pytest.fixture
def desk(play: Play) -> Desk:
    return Desk(play)


def list_remedies(uow: UnitOfWork, remedies: list[Remedy]) -> None:
    """Let the shop grant these alone, within the limits of the unit tests."""
    shop = read_shop(uow)
    changed = msgspec.structs.replace(
        shop, remedies=tuple(remedies), limits=(*shop.limits, *LIMITS.values())
    )
    products = [msgspec.structs.asdict(each) for each in shop.products]
    uow.catalogue.replace(shop_hash=uuid4().hex, products=products, documents=changed.documents())


def shop_of(desk: Desk) -> Shop:
    return desk.database.read(read_shop)


def decided_by_bot(desk: Desk, cause: str = "product", **more: Any) -> CaseRecord:
    case = desk.enter(causes=[cause], **more)
    desk.move(case, "acknowledge", BOT)
    desk.move(case, "assess", BOT, causes=[cause], account="盖子合不上，昨天收到的")
    desk.move(case, "investigate", BOT, finding="收到三天，盖子合不上")
    return desk.move(case, "decide", BOT, **DECISION)


def body_of(offer: Offer) -> dict[str, Any]:
    remedy = offer.remedy
    values = {"kind": remedy.kind, "limit": remedy.limit, "value_fen": offer.value_fen}
    return {**values, "text": offer.text, "remedy": remedy.id}


def exchange_of(desk: Desk, **claim: Any) -> Offer:
    shop = shop_of(desk)
    given = {"causes": ("product",), "severity": "slight", "wish": "exchange", "price_fen": 29900}
    offer = plan_remedies(shop.remedies, shop.limits, shop.policies, Claim(**{**given, **claim}))
    assert offer.at_once is not None
    return offer.at_once


def test_bot_grants_what_the_shop_lets_it_and_it_is_owed_from_then_on(desk: Desk) -> None:
    case = decided_by_bot(desk)
    desk.move(case, "propose", BOT, **body_of(exchange_of(desk)))
    desk.move(case, "communicate", BOT)
    desk.move(case, "accept", CUSTOMER, words="好的")
    (row,) = desk.proposals(case)
    assert (row.state, row.made_by, row.approver, row.limit_id) == (
        *("accepted", "bot", ""),
        "exchange",
    )
    promise = desk.database.read(lambda uow: uow.promises.get(row.promise_id or 0))
    assert (promise.kind, promise.state, promise.text) == ("remedy", "open", row.text)
    events = desk.database.read(lambda uow: uow.cases.events_of(case.number))
    said = {each.verb: each.body for each in events}
    assert said["assessed"]["account"] == "盖子合不上，昨天收到的"
    assert said["proposed"]["remedy"] == "exchange"


@pytest.mark.parametrize(
    ("change", "error", "told"),
    [
        ({"remedy": ""}, NotAllowedError, "only what remedies.yml lists"),
        ({"remedy": "moon"}, UsageError, "remedies.yml has no 'moon'"),
        ({"remedy": "exchange_by_supervisor"}, NotAllowedError, "granted by supervisor"),
        ({"limit": "coupon"}, UsageError, "counts against 'exchange'"),
        ({"limit": ""}, UsageError, "counts against 'exchange'"),
        ({"kind": "moral"}, UsageError, "is material"),
        ({"remedy": "repair"}, UsageError, "counts against no limit"),
        ({"remedy": "chase_parcel", "limit": "", "value_fen": 0}, NotAllowedError, "not for prod"),
        ({"remedy": "coupon", "limit": "coupon"}, UsageError, "costs 2000"),
    ],
)
def test_bot_is_refused_what_no_remedy_of_the_shop_covers(
    desk: Desk, change: dict[str, Any], error: Any, told: str
) -> None:
    case = decided_by_bot(desk)
    body = {**body_of(exchange_of(desk)), **change}
    with pytest.raises(error, match=told):
        desk.move(case, "propose", BOT, **body)
    assert desk.proposals(case) == []


def test_bot_is_refused_what_passes_the_limit_of_the_customers_day(desk: Desk) -> None:
    coupon = {"kind": "material", "limit": "coupon", "value_fen": 2000, "text": "一张20元的券"}
    case = decided_by_bot(desk)
    desk.move(case, "propose", BOT, **coupon, remedy="coupon")
    with pytest.raises(NotAllowedError, match="supervisor approves it"):
        desk.move(case, "propose", BOT, **coupon, remedy="coupon")
    assert desk.move(case, "propose", AGENT, **coupon, remedy="coupon")
    assert [each.state for each in desk.proposals(case)] == ["ready", "waiting"]


def test_bot_is_refused_the_same_trouble_again_and_a_dealers_sale(desk: Desk) -> None:
    case, earlier = decided_by_bot(desk), desk.enter(causes=["service"])

    def become(**values: Any) -> None:
        desk.database.write(
            lambda uow: uow.cases.change(
                case.id, values, actor="x", verb="noted", body={}, now=START
            )
        )

    become(follows_id=earlier.id)
    with pytest.raises(NotAllowedError, match="same trouble again"):
        desk.move(case, "propose", BOT, **body_of(exchange_of(desk)))
    become(follows_id=None, causes=["product", "dealer"])
    with pytest.raises(NotAllowedError, match="'exchange' is not for product, dealer"):
        desk.move(case, "propose", BOT, **body_of(exchange_of(desk)))
    become(causes=["product"])
    assert desk.move(case, "propose", BOT, **body_of(exchange_of(desk)))


def test_promise_of_a_remedy_ends_in_its_case_alone(desk: Desk) -> None:
    case = decided_by_bot(desk)
    desk.move(case, "propose", BOT, **body_of(exchange_of(desk)))
    desk.move(case, "communicate", BOT)
    desk.move(case, "accept", CUSTOMER)
    (row,) = desk.proposals(case)
    owed = row.promise_id or 0
    withdraw = partial(withdraw_owed, promise_id=owed, why="no matter", actor="a1", now=START)
    with pytest.raises(UsageError, match=f"a remedy of case {case.number}"):
        desk.database.write(withdraw)
    desk.move(case, "counter", CUSTOMER, words="还是退钱吧")
    assert desk.database.read(lambda uow: uow.promises.get(owed)).state == "withdrawn"


@pytest.mark.parametrize("grave", [{"harm": {"bodily": "slight"}}, {"outlets": {"media": "used"}}])
@pytest.mark.parametrize("move", ["investigate", "decide", "propose", "communicate"])
def test_bot_stays_out_of_harm_and_threats(desk: Desk, grave: dict[str, Any], move: str) -> None:
    case = desk.decided(**grave)
    bodies = {"decide": DECISION, "propose": body_of(exchange_of(desk)), "investigate": {}}
    if move == "communicate":
        desk.move(case, "propose", BOSS, kind="moral", text="sorry")
    with pytest.raises(NotAllowedError, match="with bodily harm or a threat: not for bot"):
        desk.move(case, move, BOT, **bodies.get(move, {}))


def test_bot_never_declines_and_never_overrules_a_person(desk: Desk) -> None:
    case = decided_by_bot(desk)
    declined = {**DECISION, "outcome": "decline"}
    with pytest.raises(NotAllowedError, match="a person declines"):
        desk.move(case, "decide", BOT, **declined)
    assert desk.move(case, "decide", BOT, **DECISION).decided_by == "bot"
    desk.move(case, "decide", AGENT, **declined)
    with pytest.raises(NotAllowedError, match="a person has decided"):
        desk.move(case, "decide", BOT, **DECISION)


def test_persons_offer_of_a_remedy_waits_for_whoever_the_shop_says(desk: Desk) -> None:
    case = desk.decided()
    special = {"kind": "material", "limit": "exchange", "text": "换一台"}
    special |= {"remedy": "exchange_by_supervisor"}
    call = {"kind": "moral", "text": "店长回电", "remedy": "call_by_manager"}
    for by, body, approver in (
        (AGENT, special, "supervisor"),
        (BOSS, special, ""),
        (BOSS, call, "manager"),
        (MANAGER, call, ""),
    ):
        desk.move(case, "propose", by, **body)
        assert desk.proposals(case)[-1].approver == approver


def test_listed_word_of_apology_is_owed_until_somebody_has_called(desk: Desk) -> None:
    case = desk.decided()
    call = {"kind": "moral", "text": "店长亲自给您回电", "remedy": "call_by_manager"}
    desk.move(case, "propose", MANAGER, **call)
    desk.move(case, "communicate")
    desk.move(case, "accept", CUSTOMER)
    (row,) = desk.proposals(case)
    assert row.state == "accepted"
    promise = desk.database.read(lambda uow: uow.promises.get(row.promise_id or 0))
    assert (promise.state, promise.text) == ("open", "店长亲自给您回电")


class UndoneError(Exception):
    """So that nothing of an example stays."""


def state_offered(desk: Desk, remedies: list[Remedy], claim: Claim, offer: Offer) -> str:
    """Return what becomes of the bot's offer in a case of this claim; nothing of it stays."""
    case = desk.read(decided_once(desk))
    state = ""

    def write(uow: UnitOfWork) -> None:
        nonlocal state
        list_remedies(uow, remedies)
        causes = {"causes": list(claim.causes)}
        uow.cases.change(case.id, causes, actor="x", verb="noted", body={}, now=START)
        granted = {"made_by": "a1", "kind": "material", "text": "x", "approver": ""}
        for limit_id, fen in claim.granted_fen.items():
            spent = {**granted, "limit_id": limit_id, "value_fen": fen, "state": "done"}
            uow.proposals.add(case.id, START, **spent)
        move_case(uow, case.number, "propose", by=BOT, now=START, body=body_of(offer))
        state = uow.proposals.of_case(case.id)[-1].state
        raise UndoneError

    with pytest.raises(UndoneError):
        desk.database.write(write)
    return state


def decided_once(desk: Desk) -> CaseRecord:
    """Return the one case, the same for every example."""
    cases = desk.database.read(lambda uow: uow.cases.page(CaseFilter())).items
    return cases[0] if cases else decided_by_bot(desk)


@settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much],
)
@given(LISTS, CLAIMS, st.sampled_from(["product", "service", "logistics"]))
def test_whatever_the_planner_lets_the_bot_grant_the_services_let_it_too(
    desk: Desk, remedies: list[Remedy], claim: Claim, cause: str
) -> None:
    asked = replace(claim, causes=(cause,), severity="slight", is_crisis=False, is_again=False)
    unique = list({each.id: each for each in remedies}.values())
    found = plan_remedies(unique, list(LIMITS.values()), (), asked)
    if found.at_once is not None:
        assert state_offered(desk, unique, asked, found.at_once) == "ready"
    if found.moral is not None and not found.moral.approver:
        assert state_offered(desk, unique, asked, found.moral) == "ready"


def conceded(desk: Desk, talk: str, value_fen: int) -> None:
    """Give way on a price in a talk, as a turn does."""
    command = t.GrantConcession("two_pieces", "coupon", value_fen, 3000)
    desk.database.write(lambda uow: apply_command(uow, command, talk, 1, START))


def test_concessions_and_remedies_of_a_day_count_together(desk: Desk) -> None:
    talk, case = complaint(desk)
    for move, body in (
        ("acknowledge", {}),
        ("assess", {"causes": ["product"]}),
        ("investigate", {"finding": "late"}),
        ("decide", DECISION),
    ):
        desk.move(case, move, BOT, **body)
    conceded(desk, talk, 500)
    coupon = {"kind": "material", "limit": "coupon", "value_fen": 2000, "text": "一张20元的券"}
    desk.move(case, "propose", BOT, **coupon, remedy="coupon")
    desk.play.app.runner.wake = lambda _: None  # type: ignore[assignment,method-assign]
    desk.play.run(lambda: desk.play.send(talk, "more"))
    loaded = desk.database.read(lambda uow: load_turn(uow, talk, START))
    assert loaded is not None
    assert loaded.request.facts.conceded_today_fen == {"coupon": 2500}
    with pytest.raises(StaleTurnError, match="used up"):
        conceded(desk, talk, 501)
    with pytest.raises(NotAllowedError, match="not within a limit"):
        desk.move(case, "propose", BOT, **coupon, remedy="coupon")
    desk.move(case, "drop", AGENT)  # what is off the table costs nothing
    desk.move(case, "propose", BOT, **coupon, remedy="coupon")
