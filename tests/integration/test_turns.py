"""T1 and T2 with a fake engine: kept once, answered once, in order (design decision 1)."""

from __future__ import annotations

import asyncio

import pytest

from bot.errors import ConflictingMessageError, EngineError, MessageTooLongError, UsageError
from bot.services.conversations import InboundText
from bot.services.reception import Arrival
from bot.services.turns import apply_result, load_turn
from tests.conftest import Play
from tests.fakes import FakeComputer


def test_message_is_stored_and_answered_in_order(play: Play) -> None:
    talk = play.start()
    play.say(talk, "one", "two")
    assert play.log(talk) == [
        ("customer", "done", "one"),
        ("bot", "sent", "re: one"),
        ("customer", "done", "two"),
        ("bot", "sent", "re: two"),
    ]
    events = play.notifier.events[talk]
    assert [event["seq"] for event in events if "seq" in event] == [1, 2, 3, 4]
    assert [event for event in events if event["type"] == "receipt"] == [
        {"type": "receipt", "first": 1, "last": 1, "state": "done"},
        {"type": "receipt", "first": 3, "last": 3, "state": "done"},
    ]


def test_same_client_id_and_text_is_one_message(play: Play) -> None:
    talk = play.start()
    first = play.say(talk, "one", client_id="x")[0]
    again = play.say(talk, "one", client_id="x")[0]
    assert (first.is_duplicate, again.is_duplicate) == (False, True)
    assert again.message.id == first.message.id
    assert len(play.log(talk)) == 2


def test_same_client_id_with_another_text_is_refused(play: Play) -> None:
    talk = play.start()
    play.say(talk, "one", client_id="x")
    with pytest.raises(ConflictingMessageError, match="'x'"):
        play.say(talk, "two", client_id="x")
    assert len(play.log(talk)) == 2


@pytest.mark.parametrize(
    ("text", "client_id", "error"),
    [
        ("  \n", "a", UsageError),
        ("hello", "x" * 65, UsageError),
        ("x" * 10_001, "a", MessageTooLongError),
    ],
)
def test_bad_messages_are_refused_and_nothing_is_stored(
    play: Play, text: str, client_id: str, error: type[Exception]
) -> None:
    talk = play.start()
    with pytest.raises(error):
        play.say(talk, text, client_id=client_id)
    assert play.log(talk) == []


def test_messages_that_wait_together_are_covered_by_one_turn(play: Play) -> None:
    talk = play.start()

    async def two_at_once() -> None:
        for text in ("one", "two"):
            await play.app.receive(InboundText(talk, text, text))
        play.app.runner.wake(talk)

    play.run(two_at_once)
    request, _ = play.engine.calls[0]
    assert [message.text for message in request.messages] == ["one", "two"]
    assert len(play.engine.calls) == 1


def test_unfinished_message_is_waited_for(play: Play) -> None:
    talk = play.start()
    before = play.clock.now()
    play.say(talk, "我想说，")
    assert (play.clock.now() - before).total_seconds() == 1.5


def test_fifty_conversations_of_twenty_messages_keep_their_order(play: Play) -> None:
    async def one_talk() -> str:
        talk = (await play.app.arrive(Arrival("test"))).conversation.id
        await asyncio.gather(*(play.send(talk, f"m{n}") for n in range(20)))
        return talk

    async def all_talks() -> list[str]:
        return list(await asyncio.gather(*(one_talk() for _ in range(50))))

    talks = play.run(all_talks)
    for talk in talks:
        log = play.log(talk)
        asked = [text for sender, _, text in log if sender == "customer"]
        answered = [text for sender, _, text in log if sender == "bot"]
        assert len(asked) == 20
        assert answered == [f"re: {text}" for text in asked]


def test_engine_that_fails_twice_hands_the_message_to_a_person(play: Play) -> None:
    talk = play.start()
    play.say(talk, "fail")
    assert [attempt for _, attempt in play.engine.calls] == [1, 2]
    (customer, bot) = play.log(talk)
    assert customer == ("customer", "failed", "fail")
    assert bot[0] == "bot"
    record = play.app.database.read(lambda uow: uow.conversations.get(talk))
    assert record.owner == "queue"


@pytest.mark.parametrize("text", ["nonsense", "other turn", "sell"])
def test_result_that_does_not_fit_or_is_not_allowed_writes_nothing(play: Play, text: str) -> None:
    talk = play.start()
    play.say(talk, "complaint")
    play.say(talk, text)
    assert play.log(talk)[2] == ("customer", "failed", text)
    assert play.app.database.read(lambda uow: uow.turns.ledger(talk)) == ()


def test_poison_message_does_not_take_its_neighbours_with_it(play: Play) -> None:
    talk = play.start()
    play.say(talk, "fail")
    play.say(talk, "good morning")
    assert play.log(talk)[2][1] == "held"


def test_person_claiming_during_the_turn_wins(play: Play) -> None:
    talk = play.start()
    play.app.database.write(lambda uow: uow.staff.add("Lin", "agent", play.clock.now()))

    class ClaimedMeanwhile(FakeComputer):
        def turn(self, request):  # type: ignore[no-untyped-def]
            from bot.services.queue import claim

            play.app.database.write(
                lambda uow: claim(uow, play.app.book, talk, "Lin", play.clock.now())
            )
            return super().turn(request)

    play.engine.computer = ClaimedMeanwhile()
    play.say(talk, "hello")
    senders = [(sender, state) for sender, state, _ in play.log(talk)]
    assert senders == [("customer", "held"), ("system", "sent")]


def test_result_of_an_older_version_is_thrown_away(play: Play) -> None:
    talk = play.start()
    database, now = play.app.database, play.clock.now()
    database.write(
        lambda uow: uow.messages.add(talk, sender="customer", text="hi", state="pending", now=now)
    )
    loaded = database.read(lambda uow: load_turn(uow, talk, now))
    assert loaded is not None
    result = FakeComputer().turn(loaded.request)
    database.write(lambda uow: apply_result(uow, loaded.request, result, now))
    with pytest.raises(Exception, match="moved on"):
        database.write(lambda uow: apply_result(uow, loaded.request, result, now))
    assert len(play.log(talk)) == 2


def test_message_found_after_ten_minutes_gets_an_apology_and_the_queue(play: Play) -> None:
    talk = play.start()

    async def stored_but_never_answered() -> None:
        await play.app.receive(InboundText(talk, "a", "hello"))

    play.run(stored_but_never_answered)
    play.clock.advance(601)
    play.run(play.app.runner.recover)
    assert play.engine.calls == []
    row = play.app.database.read(lambda uow: uow.messages.events_after(talk, 1))[0]
    assert row.response == "utter_message_stale"
    assert play.app.database.read(lambda uow: uow.conversations.get(talk)).owner == "queue"


def test_restart_answers_what_was_left_pending(play: Play) -> None:
    talk = play.start()

    async def stored_but_never_answered() -> None:
        await play.app.receive(InboundText(talk, "a", "hello"))

    play.run(stored_but_never_answered)
    assert play.run(play.app.runner.recover) == 1
    assert play.log(talk)[-1] == ("bot", "sent", "re: hello")


def test_complaint_opens_one_case_whose_number_derives_from_its_message(play: Play) -> None:
    talk = play.start()
    accepted = play.say(talk, "complaint: broken")[0]
    cases = play.app.database.read(lambda uow: uow.cases.of_conversation(talk))
    assert len(cases) == 1
    from bot.dialogue.case_numbers import case_number

    message = accepted.message
    assert cases[0].number == case_number(message.id, message.created_at)


def test_hand_over_holds_what_comes_after(play: Play) -> None:
    talk = play.start()
    play.say(talk, "human", "are you there?")
    assert ("customer", "held", "are you there?") in play.log(talk)
    assert len(play.engine.calls) == 1


def test_who_writes_while_waiting_is_told_once_that_it_is_kept(play: Play) -> None:
    talk = play.start()
    play.say(talk, "human", "are you there?", "hello?")
    senders = [(sender, state) for sender, state, _ in play.log(talk)]
    assert senders[-3:] == [("customer", "held"), ("system", "sent"), ("customer", "held")]


def test_engine_error_says_what_happened(play: Play) -> None:
    talk = play.start()
    play.say(talk, "ok")
    request, _ = play.engine.calls[0]
    with pytest.raises(EngineError, match="another turn"):
        apply_result(
            None,
            request,
            FakeComputer()
            .turn(play.engine.calls[0][0])
            .__class__(  # type: ignore[arg-type]
                conversation_id="x",
                version=1,
                first_seq=1,
                last_seq=1,
                message_ids=(),
                analyses=(),
                steps=(),
                commands=(),
                replies=(),
                snapshot=None,
            ),
            play.clock.now(),
        )
