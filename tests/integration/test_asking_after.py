"""The one friendly question to who falls silent: once, whatever dies, never beside a person."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest
import structlog

from bot.dialogue.turn import MessageAnalysis, TurnRequest, TurnResult
from bot.errors import StorageUnavailableError
from bot.knowledge.asking_rules import load_asking_rules
from bot.knowledge.book import load_book
from bot.services import asking_after
from bot.services.announce import announce
from bot.services.asking_after import ask_silent
from bot.services.case_moves import Mover
from bot.services.cases import move_case
from bot.services.survey import SurveyAnswer
from tests.conftest import Play
from tests.fakes import FakeComputer

QUESTIONS = load_asking_rules().questions
MINUTE = timedelta(minutes=1)


def _drop(*_: Any) -> Any:
    raise structlog.DropEvent


class _Both:
    """Lets two go on once both have come."""

    def __init__(self) -> None:
        self._count, self._are_here = 0, asyncio.Event()

    async def wait(self) -> None:
        self._count += 1
        if self._count == 2:
            self._are_here.set()
        await self._are_here.wait()


class HearingComputer(FakeComputer):
    """Understands 'intent' or 'intent/reaction' as it stands; 'complaint…' opens a case."""

    def turn(self, request: TurnRequest) -> TurnResult:
        result = super().turn(request)
        return msgspec.structs.replace(
            result, analyses=tuple(heard(each.message_id, each.text) for each in request.messages)
        )


def heard(message_id: int, text: str) -> MessageAnalysis:
    intent, _, reaction = text.partition("/")
    intent = "complaint_product" if intent.startswith("complaint") else intent
    return MessageAnalysis(message_id, intent, 1.0, reaction=reaction or None)


@pytest.fixture
def play(play: Play) -> Play:
    play.engine.computer = HearingComputer()
    return play


def ask(play: Play) -> int:
    """Run the job; return how many conversations were looked at closely."""

    async def main() -> int:
        app = play.app
        done = ask_silent(app.database, play.clock.now(), book=app.book, notifier=play.notifier)
        return len([1 async for _ in done])

    return asyncio.run(main())


def said(play: Play, talk: str) -> list[str]:
    rows = play.app.database.read(lambda uow: uow.messages.events_after(talk, 0))
    return [row.response for row in rows if row.response in QUESTIONS]


def silent(play: Play, *texts: str, minutes: int = 31) -> str:
    """Start a talk in which this is said, and let time pass."""
    talk = play.start()
    play.say(talk, *texts)
    play.clock.advance(minutes * 60)
    return talk


@pytest.mark.parametrize(
    ("texts", "response"),
    [
        (["report_problem"], "utter_ask_after_fault"),
        (["deny/resigned"], "utter_ask_after_resigned"),
        (["complaint: it is broken"], "utter_ask_after_case"),
    ],
)
def test_it_is_asked_once_and_pushed_to_the_page(
    play: Play, texts: list[str], response: str
) -> None:
    talk = silent(play, *texts)
    assert [ask(play), ask(play)] == [1, 0]
    assert said(play, talk) == [response]
    pushed = play.notifier.events[talk][-1]
    assert (pushed["sender"], pushed["text"]) == play.log(talk)[-1][::2] and pushed["text"]
    for _ in range(9):
        play.clock.advance(31 * 60)
        ask(play)
    assert said(play, talk) == [response]


def test_the_waiting_case_is_named(play: Play) -> None:
    talk = silent(play, "complaint: it is broken")
    ask(play)
    (case,) = play.app.database.read(lambda uow: uow.cases.of_conversation(talk))
    assert case.number in play.log(talk)[-1][2]


@pytest.mark.parametrize("minutes", [29, 7 * 60 - 1, 9 * 60, 31 * 60 + 31])
def test_not_yet_not_at_night_not_too_late(play: Play, minutes: int) -> None:
    """From Sunday 11:00 in the shop, which closes at 18:00 and is open from 9 on Monday."""
    talk = silent(play, "report_problem", minutes=minutes)
    ask(play)
    assert (said(play, talk) != []) is (minutes == 7 * 60 - 1)


def refuse(play: Play, talk: str) -> None:
    at = play.clock.now()
    play.app.database.write(
        lambda uow: uow.conversations.update_fields(talk, contact_refused_at=at)
    )


def refuse_on_the_card(play: Play, talk: str) -> None:
    at = play.clock.now()

    def write(uow: Any) -> None:
        customer = uow.customers.add("web", at)
        uow.customers.change(customer, {"contact_refused_at": at}, at)
        uow.conversations.update_fields(talk, customer_id=customer)

    play.app.database.write(write)


def take_over(play: Play, talk: str) -> None:
    async def main() -> None:
        await play.app.add_user("Lin", "agent")
        await play.app.claim(talk, "Lin")

    play.run(main)


def take_over_and_leave(play: Play, talk: str) -> None:
    take_over(play, talk)

    async def main() -> None:
        await play.app.answer(talk, "Lin", "I look into it", is_confirmed=True)
        await play.app.give_back(talk, "Lin")

    play.run(main)


def complain_elsewhere(play: Play, talk: str) -> None:
    other = play.start()
    play.say(other, "complaint: the same")

    def write(uow: Any) -> None:
        customer = uow.customers.add("web", play.clock.now())
        uow.conversations.update_fields(talk, customer_id=customer)
        (case,) = uow.cases.of_conversation(other)
        uow.cases.change(
            case.id,
            {"customer_id": customer},
            actor="test",
            verb="noted",
            body={},
            now=play.clock.now(),
        )

    play.app.database.write(write)


@pytest.mark.parametrize(
    "what",
    [
        refuse,
        refuse_on_the_card,
        take_over,
        take_over_and_leave,
        complain_elsewhere,
        lambda play, talk: play.say(talk, "human"),
        lambda play, talk: play.say(talk, "thank"),
        lambda play, talk: play.say(talk, "inform"),
    ],
)
def test_not_against_the_wish_nor_beside_a_person_nor_who_goes_on(
    play: Play, what: Callable[[Play, str], object]
) -> None:
    talk = silent(play, "report_problem")
    what(play, talk)
    ask(play)
    assert said(play, talk) == []


def test_a_case_that_a_person_works_on_is_let_be(play: Play) -> None:
    talk = silent(play, "complaint: it is broken")
    (case,) = play.app.database.read(lambda uow: uow.cases.of_conversation(talk))
    by = Mover("x", "agent", "Lin")
    play.app.database.write(
        lambda uow: move_case(uow, case.number, "acknowledge", by=by, now=play.clock.now())
    )
    assert ask(play) == 0
    assert said(play, talk) == []


@pytest.mark.parametrize(
    ("failure", "left"),
    [(StorageUnavailableError("gone"), 2), (RuntimeError("of one talk alone"), 1)],
)
def test_what_breaks_off_half_way_leaves_nothing_and_is_asked_once_later(
    play: Play, monkeypatch: pytest.MonkeyPatch, failure: Exception, left: int
) -> None:
    talks = [silent(play, "report_problem", minutes=0) for _ in range(3)]
    play.clock.advance(31 * 60)
    told: list[dict[str, Any]] = []

    def die(*args: Any, **more: Any) -> Any:
        told.append(announce(*args, **more))
        if len(told) == 2:
            raise failure  # stored, but not committed
        return told[-1]

    monkeypatch.setattr(asking_after, "announce", die)
    monkeypatch.setattr(asking_after, "log", structlog.wrap_logger(None, processors=[_drop]))
    with contextlib.suppress(StorageUnavailableError):
        ask(play)
    assert sum(said(play, talk) == [] for talk in talks) == left
    monkeypatch.setattr(asking_after, "announce", announce)
    assert [ask(play), ask(play)] == [left, 0]
    assert [said(play, talk) for talk in talks] == [["utter_ask_after_fault"]] * 3


def test_who_moves_on_while_it_is_asked_is_not_asked(play: Play) -> None:
    """Another server has taken the version between the look and the question."""
    talk = silent(play, "report_problem")
    app, now = play.app, play.clock.now()

    async def main() -> None:
        job = ask_silent(app.database, now, book=app.book, notifier=play.notifier)
        read = app.database.read_async

        async def read_then_speak(work: Any) -> Any:
            found = await read(work)
            await play.send(talk, "still there?")
            return found

        app.database.read_async = read_then_speak  # type: ignore[method-assign,assignment]
        try:
            await anext(job)
        finally:
            app.database.read_async = read  # type: ignore[method-assign]
        await app.runner.settle()

    asyncio.run(main())
    assert said(play, talk) == []


def test_of_two_servers_that_look_at_once_one_asks(play: Play) -> None:
    talk = silent(play, "report_problem")
    app, now = play.app, play.clock.now()

    async def main() -> None:
        one, two = (
            ask_silent(app.database, now, book=app.book, notifier=play.notifier) for _ in range(2)
        )
        read, both = app.database.read_async, _Both()

        async def read_together(work: Any) -> Any:
            found = await read(work)
            await both.wait()
            return found

        app.database.read_async = read_together  # type: ignore[method-assign,assignment]
        try:
            await asyncio.gather(*(anext(job) for job in (one, two)))
        finally:
            app.database.read_async = read  # type: ignore[method-assign]

    asyncio.run(main())
    assert said(play, talk) == ["utter_ask_after_fault"]


def test_a_turn_that_was_computed_before_the_question_is_computed_anew(play: Play) -> None:
    talk = silent(play, "report_problem")
    before = play.app.database.read(lambda uow: uow.conversations.get(talk)).version
    ask(play)
    assert play.app.database.read(lambda uow: uow.conversations.get(talk)).version == before + 1


def test_what_the_question_brings_out_is_a_case_of_the_survey(play: Play) -> None:
    talk = silent(play, "deny/resigned")
    ask(play)
    play.say(talk, "complaint: nobody answered me")
    (case,) = play.app.database.read(lambda uow: uow.cases.of_conversation(talk))
    assert case.channel == "survey"
    assert ask(play) == 0


def test_a_complaint_by_itself_is_of_the_widget(play: Play) -> None:
    talk = silent(play, "complaint: it is broken")
    (case,) = play.app.database.read(lambda uow: uow.cases.of_conversation(talk))
    assert case.channel == "widget"


def rate(play: Play, talk: str, score: int) -> str:
    play.run(lambda: play.app.rate(talk, SurveyAnswer(score)))
    rows = play.app.database.read(lambda uow: uow.messages.events_after(talk, 0))
    return str(rows[-1].response)


def test_a_low_rating_asks_and_nobody_asks_again(play: Play) -> None:
    talk = silent(play, "report_problem", minutes=0)
    assert rate(play, talk, 2) == "utter_rated_low"
    play.clock.advance(31 * 60)
    assert ask(play) == 0
    play.say(talk, "complaint: rude")
    (case,) = play.app.database.read(lambda uow: uow.cases.of_conversation(talk))
    assert case.channel == "survey"


@pytest.mark.parametrize(
    "what",
    [
        lambda play, talk: ask(play),
        refuse,
        refuse_on_the_card,
        take_over,
        lambda play, talk: play.say(talk, "complaint: it is broken"),
    ],
)
def test_a_low_rating_asks_nothing_where_it_would_be_too_much(
    play: Play, what: Callable[[Play, str], object]
) -> None:
    talk = silent(play, "report_problem")
    what(play, talk)
    assert rate(play, talk, 1) == "utter_rated_low_heard"


def test_every_question_asks_one_thing_and_sells_nothing() -> None:
    book = load_book()
    for response in QUESTIONS:
        for wording in book.replies[response]:
            assert wording.text.count("？") == 1, wording.id
            assert not set(wording.variables) & {"product", "price"}
    for wording in book.replies["utter_rated_low_heard"]:
        assert "？" not in wording.text, wording.id
