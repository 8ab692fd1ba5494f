"""People and bot never talk over each other: one owner, checked in T2 (design decision 7)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from bot.errors import NotAllowedError, UsageError
from bot.services import queue
from bot.services.conversations import InboundText
from bot.services.shop import read_shop
from tests.conftest import Play

FORBIDDEN = "您冷静一点"
JOINED, LEFT = "utter_agent_joined", "utter_agent_left"


@pytest.fixture
def shop(play: Play) -> Play:
    """A shop with two people."""
    for name in ("Lin", "Wang"):
        play.run(lambda name=name: play.app.add_user(name, "agent"))
    return play


def owner(play: Play, talk: str) -> str:
    return play.app.database.read(lambda uow: uow.conversations.get(talk)).owner


def announcements(play: Play, talk: str) -> list[str | None]:
    rows = play.app.database.read(lambda uow: uow.messages.events_after(talk, 0))
    return [row.response for row in rows if row.sender == "system"]


def states(play: Play, talk: str) -> dict[str, str]:
    return {text: state for sender, state, text in play.log(talk) if sender == "customer"}


def answer(play: Play, talk: str, name: str, text: str, *, is_confirmed: bool = False) -> None:
    play.run(lambda: play.app.answer(talk, name, text, is_confirmed=is_confirmed))


def assert_one_of_two_claimed(play: Play, talk: str, outcomes: list[object]) -> None:
    refused = [each for each in outcomes if isinstance(each, NotAllowedError)]
    assert len(refused) == 1 and outcomes.count(None) == 1, outcomes
    assert owner(play, talk) == "agent"
    assert announcements(play, talk) == [JOINED]


def test_two_people_claiming_at_once_one_gets_it(shop: Play) -> None:
    talk = shop.start()
    shop.say(talk, "human")

    async def both() -> list[object]:
        claims = (shop.app.claim(talk, name) for name in ("Lin", "Wang"))
        return list(await asyncio.gather(*claims, return_exceptions=True))

    assert_one_of_two_claimed(shop, talk, shop.run(both))


def test_two_people_claiming_from_two_threads_one_gets_it(shop: Play) -> None:
    talk = shop.start()
    now = shop.clock.now()

    def claim(name: str) -> object:
        try:
            shop.app.database.write(lambda uow: queue.claim(uow, shop.app.book, talk, name, now))
        except NotAllowedError as error:
            return error
        return None

    with ThreadPoolExecutor(2) as pool:
        assert_one_of_two_claimed(shop, talk, list(pool.map(claim, ("Lin", "Wang"))))


def test_bot_is_silent_while_a_person_owns_the_conversation(shop: Play) -> None:
    talk = shop.start()
    shop.run(lambda: shop.app.claim(talk, "Lin"))
    shop.say(talk, "hello", "complaint: broken")
    assert shop.engine.calls == []
    assert states(shop, talk) == {"hello": "held", "complaint: broken": "held"}


def test_claim_turns_pending_messages_into_held_ones(shop: Play) -> None:
    talk = shop.start()

    async def claimed_before_the_bot_woke() -> None:
        accepted = await shop.app.receive(InboundText(talk, "id", "hello"))
        await shop.app.claim(talk, "Lin")
        await shop.app.message_stored(accepted)

    shop.run(claimed_before_the_bot_woke)
    assert states(shop, talk) == {"hello": "held"}
    assert shop.engine.calls == []


def test_persons_answer_settles_what_was_held(shop: Play) -> None:
    talk = shop.start()
    shop.say(talk, "human", "are you there?")
    shop.run(lambda: shop.app.claim(talk, "Lin"))
    answer(shop, talk, "Lin", "Yes, here I am.")
    assert states(shop, talk)["are you there?"] == "done"
    last = shop.notifier.events[talk][-1]
    assert (last["sender"], last["name"], last["text"]) == ("agent", "Lin", "Yes, here I am.")


def test_conversation_given_back_is_answered_by_the_bot_from_the_next_message(shop: Play) -> None:
    talk = shop.start()
    shop.run(lambda: shop.app.claim(talk, "Lin"))
    shop.say(talk, "said to Lin")
    shop.run(lambda: shop.app.give_back(talk, "Lin"))
    assert (owner(shop, talk), announcements(shop, talk)) == ("bot", [JOINED, LEFT])
    shop.say(talk, "said to the bot")
    assert states(shop, talk) == {"said to Lin": "history", "said to the bot": "done"}
    assert shop.log(talk)[-1] == ("bot", "sent", "re: said to the bot")
    assert len(shop.engine.calls) == 1


@pytest.mark.parametrize(
    "act",
    [
        lambda play, talk: play.app.answer(talk, "Wang", "hello", is_confirmed=False),
        lambda play, talk: play.app.give_back(talk, "Wang"),
        lambda play, talk: play.app.claim(talk, "Wang"),
    ],
    ids=["answer", "give back", "claim"],
)
def test_person_may_not_act_in_a_colleagues_conversation(
    shop: Play, act: Callable[[Play, str], object]
) -> None:
    talk = shop.start()
    shop.run(lambda: shop.app.claim(talk, "Lin"))
    before = shop.log(talk)
    with pytest.raises(NotAllowedError):
        shop.run(lambda: act(shop, talk))
    assert shop.log(talk) == before


def test_forbidden_phrase_is_refused_with_advice_unless_confirmed(shop: Play) -> None:
    talk = shop.start()
    shop.run(lambda: shop.app.claim(talk, "Lin"))
    before = shop.log(talk)
    with pytest.raises(UsageError, match="D-CMP-8.*--anyway"):
        answer(shop, talk, "Lin", FORBIDDEN)
    assert shop.log(talk) == before
    answer(shop, talk, "Lin", FORBIDDEN, is_confirmed=True)
    assert shop.log(talk)[-1] == ("agent", "sent", FORBIDDEN)


def test_refusal_names_quote_source_and_rewrite_and_overruling_it_is_audited(shop: Play) -> None:
    talk = shop.start()
    shop.run(lambda: shop.app.claim(talk, "Lin"))
    with pytest.raises(UsageError, match="'您冷静一点'.*D-CMP-8.*'我明白这事让人窝火'.*广告法"):
        answer(shop, talk, "Lin", f"{FORBIDDEN}，这是国家级的")
    newest = lambda: shop.app.database.read(lambda uow: uow.audit.newest(limit=1))  # noqa: E731
    before = newest()
    answer(shop, talk, "Lin", "我帮您看看", is_confirmed=True)
    assert newest() == before
    answer(shop, talk, "Lin", FORBIDDEN, is_confirmed=True)
    entry = newest()[0]
    assert (entry.verb, entry.subject_kind, entry.subject_id) == (
        "guard.overruled",
        "conversation",
        talk,
    )


def test_a_warning_is_told_and_the_text_is_sent(shop: Play) -> None:
    talk = shop.start()
    shop.run(lambda: shop.app.claim(talk, "Lin"))
    send = lambda text: shop.run(  # noqa: E731
        lambda: shop.app.answer(talk, "Lin", text, is_confirmed=False)
    )
    assert send("我看看库存") == []
    warnings = send("只剩3台了")
    assert len(warnings) == 1 and "库存照系统里的数说" in warnings[0]
    assert shop.log(talk)[-1] == ("agent", "sent", "只剩3台了")


def test_a_policy_may_be_sent_in_the_shops_own_words_and_promised_in_no_others(
    shop: Play,
) -> None:
    talk = shop.start()
    shop.run(lambda: shop.app.claim(talk, "Lin"))
    policy = shop.app.database.read(read_shop).policy("genuine")
    answer(shop, talk, "Lin", f"您放心：{policy}")
    assert shop.log(talk)[-1][2].endswith(policy)
    with pytest.raises(UsageError, match="退一赔三"):
        answer(shop, talk, "Lin", "不喜欢也退一赔三")


@pytest.mark.parametrize("text", ["", " \n"])
def test_empty_answer_is_refused(shop: Play, text: str) -> None:
    talk = shop.start()
    shop.run(lambda: shop.app.claim(talk, "Lin"))
    with pytest.raises(UsageError, match="needs a text"):
        answer(shop, talk, "Lin", text)


@pytest.mark.parametrize("typed", ["Go on", "go on!", "carry on"])
def test_go_on_typed_while_waiting_wakes_the_bot_and_makes_held_messages_history(
    shop: Play, typed: str
) -> None:
    talk = shop.start()
    shop.say(talk, "human", "still there?", typed)
    assert owner(shop, talk) == "bot"
    assert states(shop, talk) == {"human": "done", "still there?": "history", typed: "done"}
    assert shop.log(talk)[-1] == ("bot", "sent", f"re: {typed} [resume_bot]")
    request, _ = shop.engine.calls[-1]
    assert [message.text for message in request.messages] == [typed]


def test_go_on_does_not_take_the_conversation_from_a_person(shop: Play) -> None:
    talk = shop.start()
    shop.say(talk, "human")
    shop.run(lambda: shop.app.claim(talk, "Lin"))
    shop.say(talk, "Go on")
    assert (owner(shop, talk), states(shop, talk)["Go on"]) == ("agent", "held")


def test_claim_by_an_unknown_user_is_refused_with_advice(shop: Play) -> None:
    talk = shop.start()
    with pytest.raises(NotAllowedError, match="prelude user add Nobody --role agent"):
        shop.run(lambda: shop.app.claim(talk, "Nobody"))
    assert (owner(shop, talk), announcements(shop, talk)) == ("bot", [])


def test_queue_lists_who_waits_longest_first(shop: Play) -> None:
    first, second, third = shop.start(), shop.start(), shop.start()
    shop.say(second, "complaint: broken", "human")
    shop.clock.advance(60)
    shop.say(first, "human")
    waiting = shop.run(lambda: shop.app.list_queue("Lin"))
    assert [each.conversation_id for each in waiting] == [second, first]
    assert waiting[0].case_number is not None and waiting[1].case_number is None
    assert waiting[0].last_text == "human"
    assert third not in [each.conversation_id for each in waiting]


def test_queue_lists_so_many_who_wait_before_those_a_person_has(
    shop: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "LISTED", 2)
    talks = [shop.start() for _ in range(4)]
    for talk in talks:
        shop.say(talk, "human")
        shop.clock.advance(60)
    shop.run(lambda: shop.app.claim(talks[0], "Wang"))
    listed = shop.run(lambda: shop.app.list_queue("Lin"))
    assert [each.conversation_id for each in listed] == [talks[1], talks[2], talks[0]]
    assert [each.agent_name for each in listed] == [None, None, "Wang"]


@pytest.mark.parametrize(
    ("name", "role", "reason"),
    [
        ("Lin", "agent", "already"),
        ("", "agent", "1 to 80"),
        ("x" * 81, "agent", "1 to 80"),
        ("Zhao", "king", "agent, supervisor, manager"),
    ],
)
def test_user_who_makes_no_sense_is_refused(shop: Play, name: str, role: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        shop.run(lambda: shop.app.add_user(name, role))
