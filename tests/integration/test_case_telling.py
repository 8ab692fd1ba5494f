"""What the customer hears of the moves of staff; a remedy kept as it was promised."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from bot.crm.records import CaseRecord
from bot.crm.tasks import TaskFilter
from bot.errors import UsageError
from bot.knowledge.case_rules import load_case_process
from bot.services.case_telling import RESPONSE
from bot.services.operations import perform
from bot.services.staff import add_user
from bot.services.tasks import TaskChange, change_task
from tests.conftest import Play
from tests.fakes import START
from tests.integration.api_shop import ApiShop
from tests.integration.test_cases import AGENT, CUSTOMER, DECISION, Desk, complaint

OFFER: dict[str, Any] = {
    "kind": "material",
    "text": "给您换一台同款新的",
    "limit": "exchange",
    "remedy": "exchange",
}
LATE = START + timedelta(days=9)


@pytest.fixture
def desk(play: Play) -> Desk:
    play.app.database.write(lambda uow: add_user(uow, "Lin", "agent", START))
    return Desk(play)


def order(desk: Desk, case: CaseRecord, move: str, **body: Any) -> None:
    """Make a move as the terminal does."""
    arguments = {"number": case.number, "move": move, "name": "Lin", "body": body}
    desk.play.run(lambda: perform(desk.play.app, "case.move", arguments))


def ready_to_tell(desk: Desk, **decision: Any) -> tuple[str, CaseRecord]:
    """Return a talk with its case, decided, with one offer."""
    talk, case = complaint(desk)
    way: list[tuple[str, dict[str, Any]]] = [
        ("acknowledge", {}),
        ("assess", {"causes": ["product"]}),
        ("investigate", {"finding": "torn"}),
        ("decide", {**DECISION, **decision}),
        ("propose", OFFER),
    ]
    for move, body in way:
        desk.move(case, move, **body)
    return talk, case


def told(desk: Desk, talk: str) -> list[str]:
    rows = desk.database.read(lambda uow: uow.messages.events_after(talk, 0))
    return [row.text for row in rows if row.response == RESPONSE]


def pushed(desk: Desk, talk: str, kind: str) -> list[dict[str, Any]]:
    events = desk.play.notifier.events.get(talk, [])
    return [each for each in events if each["type"] == kind]


def test_customer_hears_decision_and_offers_and_sees_the_stage(desk: Desk) -> None:
    talk, case = ready_to_tell(desk, how="这两天给您办好")
    desk.play.notifier.events.clear()
    order(desk, case, "communicate")
    (text,) = told(desk, talk)
    assert "这两天给您办好\n给您换一台同款新的" in text
    assert DECISION["reason"] not in text
    (message,) = pushed(desk, talk, "message")
    assert (message["text"], message["sender"]) == (text, "bot")
    stage = desk.play.app.book.complaints.stage_names["communication"]
    assert pushed(desk, talk, "state")[-1]["case"]["stage"] == stage


def test_decision_without_an_offer_is_told_with_its_reason(desk: Desk) -> None:
    talk, case = ready_to_tell(desk, reason="发货时漏放了滤网")
    desk.move(case, "drop")
    order(desk, case, "communicate")
    (text,) = told(desk, talk)
    assert "发货时漏放了滤网" in text


def test_declined_claim_is_told_with_reason_and_other_ways_not_with_offers(desk: Desk) -> None:
    talk, case = ready_to_tell(desk, outcome="decline", able=False, reason="机身有摔痕")
    order(desk, case, "communicate")
    (text,) = told(desk, talk)
    assert "机身有摔痕" in text
    assert OFFER["text"] not in text
    assert all(each in text for each in load_case_process().recourse.values())


def test_nothing_is_said_twice_where_a_person_has_the_talk(desk: Desk) -> None:
    talk, case = ready_to_tell(desk)
    desk.play.run(lambda: desk.play.app.claim(talk, "Lin"))
    desk.play.notifier.events.clear()
    order(desk, case, "communicate")
    assert told(desk, talk) == []
    assert pushed(desk, talk, "message") == []
    assert pushed(desk, talk, "state")


def test_somebody_who_waits_for_a_person_hears_it_too(desk: Desk) -> None:
    talk, case = ready_to_tell(desk)
    desk.database.write(
        lambda uow: uow.conversations.update_fields(talk, owner="queue", queued_at=START)
    )
    order(desk, case, "communicate")
    assert len(told(desk, talk)) == 1


def test_nobody_hears_anything_in_a_complaint_by_phone(desk: Desk) -> None:
    case = desk.decided()
    desk.move(case, "propose", **OFFER)
    order(desk, case, "communicate")
    rows = desk.database.read(lambda uow: uow.messages.events_after(case.conversation_id, 0))
    assert [row.sender for row in rows] == ["customer"]
    assert desk.read(case).told_at == START


def test_bots_own_word_is_left_to_its_turn(desk: Desk) -> None:
    talk, case = ready_to_tell(desk)
    desk.move(case, "communicate")
    assert told(desk, talk) == []


def test_what_the_guard_forbids_is_not_told_and_the_case_stays(desk: Desk) -> None:
    talk, case = ready_to_tell(desk, how="你弄错了，规定就是这样")
    before = desk.read(case)
    with pytest.raises(UsageError, match="not told: .*other words"):
        order(desk, case, "communicate")
    assert (desk.read(case), told(desk, talk)) == (before, [])


def test_moves_over_the_api_reach_the_customers_page(desk: Desk) -> None:
    talk, case = ready_to_tell(desk)
    shop = ApiShop(desk.play)
    desk.database.write(lambda uow: add_user(uow, "Wu", "supervisor", START))
    token = shop.token("cases:read", "cases:write", name="Wu")
    for method, path, values in (
        ("POST", "/moves", {"move": "communicate"}),
        ("PATCH", "", {"owner": "Lin"}),
    ):
        desk.play.notifier.events.clear()
        etag = shop.ask("GET", f"cases/{case.number}", token=token).headers["etag"]
        answered = shop.ask(
            method,
            f"cases/{case.number}{path}",
            token=token,
            json=values,
            headers={"If-Match": etag},
        )
        assert answered.status_code == 200, answered.text
        assert pushed(desk, talk, "state")
    assert len(told(desk, talk)) == 1


def test_merge_reaches_the_page_of_the_case_in_which_it_goes_on(desk: Desk) -> None:
    first, second = desk.enter(phone="13812348000"), desk.enter(phone="13812348000")
    order(desk, second, "merge", into=first.number)
    for case in (first, second):
        assert pushed(desk, case.conversation_id, "state")[-1]["case"]["number"] == case.number


# --- the promise of a remedy ----------------------------------------------------------------------


def owed(desk: Desk) -> tuple[str, CaseRecord, int]:
    """Return a talk whose case has an accepted remedy, and its promise."""
    talk, case = ready_to_tell(desk)
    desk.move(case, "communicate")
    desk.move(case, "accept", CUSTOMER)
    (row,) = desk.proposals(case)
    assert row.promise_id is not None
    return talk, case, row.promise_id


def state_of(desk: Desk, case: CaseRecord, number: int) -> tuple[str, str, str]:
    (row,) = desk.proposals(case)
    promise = desk.database.read(lambda uow: uow.promises.get(number))
    return row.state, promise.state, desk.verbs(case)[-1][0]


@pytest.mark.parametrize("name", ["Lin", ""])
def test_keeping_the_promise_of_a_remedy_carries_it_out(desk: Desk, name: str) -> None:
    talk, case, number = owed(desk)
    desk.play.notifier.events.clear()
    arguments = {"number": number, "name": name}
    desk.play.run(lambda: perform(desk.play.app, "promise.keep", arguments))
    assert state_of(desk, case, number) == ("done", "kept", "carried_out")
    assert pushed(desk, talk, "state")
    task = desk.database.read(lambda uow: uow.tasks.page(TaskFilter(kind="remedy"))).items[0]
    assert task.state == "done"
    desk.move(case, "close", reason="mended", cause_level="system")
    with pytest.raises(UsageError, match="settled already"):
        desk.play.run(lambda: perform(desk.play.app, "promise.keep", arguments))


def test_remedy_can_be_carried_out_while_more_is_found_out(desk: Desk) -> None:
    _, case, number = owed(desk)
    desk.move(case, "investigate", finding="the same seam")
    desk.play.run(lambda: perform(desk.play.app, "promise.keep", {"number": number}))
    assert state_of(desk, case, number)[:2] == ("done", "kept")


@pytest.mark.parametrize(("now", "state"), [(START, "kept"), (LATE, "broken")])
def test_finishing_the_task_of_a_remedy_carries_it_out_by_the_clock(
    desk: Desk, now: Any, state: str
) -> None:
    _, case, number = owed(desk)
    task_id = desk.database.read(lambda uow: uow.promises.get(number)).task_id or 0
    if state == "broken":  # nobody has kept it; the server has said so
        values = {"state": "broken", "remind_at": None}
        desk.database.write(lambda uow: uow.promises.change(number, values, now))
    done = TaskChange(state="done", result="sent")
    desk.database.write(lambda uow: change_task(uow, task_id, done, actor=AGENT.actor, now=now))
    assert state_of(desk, case, number) == ("done", state, "carried_out")


def test_carrying_a_remedy_out_keeps_its_promise(desk: Desk) -> None:
    _, case, number = owed(desk)
    desk.move(case, "carry_out")
    assert state_of(desk, case, number) == ("done", "kept", "carried_out")
