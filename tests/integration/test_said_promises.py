"""Promises that staff and assistant make in so many words are in the ledger, each once."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace as changed

from bot.clock import SHOP_TIME_ZONE
from bot.crm.promises import PromiseFilter
from bot.dialogue.promise_finder import PromiseReadingComputer, shared_finder
from bot.dialogue.turn import FoundPromise, Reply, TurnRequest, TurnResult
from bot.errors import EngineError
from bot.knowledge.shop import load_shop
from bot.services.operations import perform
from bot.services.promises import withdraw_promise
from bot.services.queue import claim
from bot.services.said_promises import note_promises
from bot.services.shop_wording import said_by
from bot.services.staff import add_user
from bot.settings import ROOT
from tests.conftest import Play
from tests.fakes import START, FakeComputer

THREE = "我明天下午三点前给您回电话。"


class Promising(FakeComputer):
    """Says one reply, whatever was asked."""

    text = "明天一定给您发货。"

    def turn(self, request: TurnRequest) -> TurnResult:
        result = super().turn(request)
        return changed(result, replies=(Reply(self.text, "utter_x", "x"),))


@pytest.fixture
def desk(play: Play) -> Play:
    play.engine.computer = PromiseReadingComputer(FakeComputer(), shared_finder())
    play.app.database.write(lambda uow: add_user(uow, "Lin", "agent", START))
    return play


def taken(play: Play) -> str:
    talk = play.start()
    play.say(talk, "hello")
    play.app.database.write(lambda uow: claim(uow, play.app.book, talk, "Lin", START))
    return talk


def write(play: Play, talk: str, text: str) -> list[str]:
    return play.run(lambda: play.app.answer(talk, "Lin", text, is_confirmed=False))


def owed(play: Play, talk: str) -> list[Any]:
    wanted = PromiseFilter(conversation_id=talk)
    return play.app.database.read(lambda uow: uow.promises.page(wanted)).items[::-1]


def test_promise_of_a_person_is_theirs_with_its_words_and_time(desk: Play) -> None:
    talk = taken(desk)
    (notice,) = write(desk, talk, "好的。" + THREE)
    (row,) = owed(desk, talk)
    assert (row.kind, row.owner, row.made_by, row.state) == ("call_back", "Lin", "Lin", "open")
    assert row.due_at == datetime(2026, 11, 23, 15, tzinfo=SHOP_TIME_ZONE)
    message = desk.app.database.read(lambda uow: uow.messages.events_after(talk, 0))[-1]
    assert row.message_id == message.id
    assert "回电话" in message.text[slice(*row.evidence)]
    assert f"withdraw {row.id}" in notice and "2026-11-23 15:00" in notice
    task = desk.app.database.read(lambda uow: uow.tasks.get(row.task_id))
    assert (task.owner, task.kind, task.due_at) == ("Lin", "call_back", row.due_at)


def test_same_promise_again_is_one(desk: Play) -> None:
    talk = taken(desk)
    write(desk, talk, THREE)
    assert write(desk, talk, THREE) == []
    assert write(desk, talk, "放心，我会给您回电话的") == []
    assert len(owed(desk, talk)) == 1
    write(desk, talk, "后天我再给您打电话")
    assert len(owed(desk, talk)) == 2


def test_another_talk_is_another_promise(desk: Play) -> None:
    for talk in (taken(desk), taken(desk)):
        write(desk, talk, THREE)
        assert len(owed(desk, talk)) == 1


def test_wrongly_found_one_is_withdrawn_with_its_task(desk: Play) -> None:
    talk = taken(desk)
    write(desk, talk, THREE)
    (row,) = owed(desk, talk)
    now = desk.clock.now()
    desk.app.database.write(lambda uow: withdraw_promise(uow, row.id, "none", "p", now))
    assert owed(desk, talk)[0].state == "withdrawn"
    assert desk.app.database.read(lambda uow: uow.tasks.get(row.task_id)).state == "dropped"


@pytest.mark.parametrize("text", ["一般2到4天送到。", "我明天给您回电话可以吗？", "好的"])
def test_what_is_no_promise_is_not_noted(desk: Play, text: str) -> None:
    talk = taken(desk)
    assert write(desk, talk, text) == []
    assert owed(desk, talk) == []


def test_text_of_the_shop_itself_is_a_fact(desk: Play) -> None:
    talk = taken(desk)
    texts = said_by(load_shop(ROOT / "shops" / "sample"), START.date())
    assert any(shared_finder().find(text, START) for text in texts), "this would show nothing"
    for text in texts:
        assert [each for each in write(desk, talk, text) if "promise" in each] == []
    assert owed(desk, talk) == []


def test_text_is_sent_though_it_cannot_be_read(desk: Play) -> None:
    class Broken(FakeComputer):
        def turn(self, request: TurnRequest) -> TurnResult:
            raise EngineError("the worker died")

    talk = taken(desk)
    desk.engine.computer = Broken()
    assert write(desk, talk, THREE) == []
    assert desk.log(talk)[-1] == ("agent", "sent", THREE)


def test_note_of_a_call_is_read_too(desk: Play) -> None:
    desk.app.database.write(lambda uow: add_user(uow, "Mei", "supervisor", START))
    case = {"channel": "phone", "text": "it leaks", "causes": ["product"]}
    made = asyncio.run(perform(desk.app, "case.enter", {"name": "Mei", "case": case}))
    body = {"note": "电话里说好了，我明天一定给您换一台新的。"}
    arguments = {"number": made["number"], "move": "note", "name": "Mei", "body": body}
    asyncio.run(perform(desk.app, "case.move", arguments))
    (row,) = owed(desk, made["conversation_id"])
    assert (row.kind, row.owner, row.message_id) == ("remedy", "Mei", None)


# --- the assistant's own words ------------------------------------------------------------------


def test_reply_whose_promise_no_step_made_is_written_down(desk: Play) -> None:
    desk.engine.computer = PromiseReadingComputer(Promising(), shared_finder())
    talk = desk.start()
    desk.say(talk, "hello", "complaint: broken")
    (row,) = owed(desk, talk)
    assert (row.kind, row.made_by, row.owner) == ("dispatch_date", "bot", "agent")
    message = desk.app.database.read(lambda uow: uow.messages.events_after(talk, 0))[1]
    assert row.message_id == message.id and row.turn_id is not None


def test_it_belongs_to_the_owner_of_the_case(desk: Play) -> None:
    desk.engine.computer = PromiseReadingComputer(Promising(), shared_finder())
    talk = desk.start()
    desk.say(talk, "complaint: broken")
    (row,) = owed(desk, talk)
    assert row.owner == "after_sales" and row.case_id is not None


def test_reply_whose_step_makes_the_promise_adds_none(desk: Play) -> None:
    class Both(Promising):
        text = "我问到了马上告诉您。"

    desk.engine.computer = PromiseReadingComputer(Both(), shared_finder())
    talk = desk.start()
    desk.say(talk, "promise an answer")
    (row,) = owed(desk, talk)
    assert row.text.startswith("asked: ") and row.message_id is None


def test_kind_that_the_shop_does_not_have_is_an_other(desk: Play) -> None:
    talk = taken(desk)
    found = [FoundPromise("bake_a_cake", 0, 2, "words")]

    def note(uow: Any) -> Any:
        record = uow.conversations.get(talk)
        rules = desk.app.book.promises
        return note_promises(uow, rules, record, found, START, made_by="Lin", owner="Lin")

    (row,) = desk.app.database.write(note)
    assert row.kind == "other"
    assert row.due_at > START + timedelta(hours=1)
