"""How often is too often; who is limited is told when, loses nothing, and reaches a person."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from bot.crm.records import MessageRecord
from bot.errors import RateLimitedError
from bot.services.limits import RateLimits
from bot.settings import Settings
from tests.fakes import FakeClock
from tests.integration.served import Page, ServedShop, eventually


def waits(count: Callable[[], None]) -> int:
    """Return how long a refused one is told to wait, 0 if it passes."""
    try:
        count()
    except RateLimitedError as error:
        return error.retry_after_seconds
    return 0


# --- counting ---------------------------------------------------------------------------------


def test_ten_messages_in_ten_seconds() -> None:
    clock = FakeClock()
    limits = RateLimits(Settings(), clock)

    def message(talk: str = "a") -> int:
        return waits(lambda: limits.count_message(talk, wants_person=False))

    for _ in range(10):
        assert message() == 0
        clock.advance(0.5)
    assert message() == 5  # the oldest leaves the window then
    assert message("b") == 0
    clock.advance(5)
    assert [message(), message()] == [0, 1]


def test_person_is_reached_by_who_may_say_nothing_more() -> None:
    limits = RateLimits(Settings(message_rate="1/minute"), FakeClock())
    limits.count_message("a", wants_person=False)
    calls = [waits(lambda: limits.count_message("a", wants_person=True)) for _ in range(4)]
    assert calls[:3] == [0, 0, 0] and 0 < calls[3] <= 60
    assert 0 < waits(lambda: limits.count_message("a", wants_person=False)) <= 60


def test_calls_for_a_person_take_nothing_from_the_messages() -> None:
    limits = RateLimits(Settings(message_rate="1/minute"), FakeClock())
    for _ in range(3):
        limits.count_message("a", wants_person=True)
    limits.count_message("a", wants_person=False)


def test_six_conversations_an_hour_for_a_visitor_wherever_they_are() -> None:
    clock = FakeClock()
    limits = RateLimits(Settings(), clock)
    for number in range(6):
        limits.count_conversation("v", f"10.0.0.{number}")
        clock.advance(60)
    assert waits(lambda: limits.count_conversation("v", "10.0.0.9")) == 3600 - 360
    limits.count_conversation("w", "10.0.0.9")
    clock.advance(3600 - 360)
    limits.count_conversation("v", "10.0.0.9")


def test_hundred_and_twenty_conversations_an_hour_for_an_address() -> None:
    clock = FakeClock()
    limits = RateLimits(Settings(), clock)
    for _ in range(120):
        limits.count_conversation("", "10.0.0.1")
    assert waits(lambda: limits.count_conversation("", "10.0.0.1")) == 3600
    assert waits(lambda: limits.count_conversation("v", "10.0.0.1")) == 3600
    limits.count_conversation("", "10.0.0.2")


def test_sixty_other_frames_in_ten_seconds() -> None:
    clock = FakeClock()
    limits = RateLimits(Settings(), clock)
    for _ in range(60):
        limits.count_frame("a")
    assert waits(lambda: limits.count_frame("a")) == 10
    limits.count_frame("b")
    limits.count_message("a", wants_person=False)


# --- over the socket --------------------------------------------------------------------------


def test_limited_customer_is_told_when_loses_nothing_and_reaches_a_person(
    served: ServedShop,
) -> None:
    async def scenario() -> None:
        async with served.page() as page:
            for number in range(10):
                await page.talk(f"m{number}", f"text {number}")
            told = await page.refusal("message", id="m10", text="one more")
            assert (told["code"], told["id"]) == ("rate_limited", "m10")
            assert told["retry_after_seconds"] == 10
            person = await page.ask("p", "a person, please", option_id="person")
            assert person["state"] == "pending"
            await page.until("message", sender="bot")
            served.clock.advance(10)
            assert (await page.ask("m10", "one more"))["seq"] == person["seq"] + 2
            talk = next(each["conversation"] for each in page.frames if each["type"] == "hello")
            texts = [row.text for row in stored(served, talk) if row.sender == "customer"]
            assert texts == [f"text {n}" for n in range(10)] + ["a person, please", "one more"]

    served.run(scenario)


def stored(served: ServedShop, talk: str) -> list[MessageRecord]:
    return served.database.read(lambda uow: uow.messages.events_after(talk, 0))


def test_two_sockets_of_a_conversation_share_its_limit(served: ServedShop) -> None:
    async def scenario() -> None:
        async with served.page(hello=False) as one, served.page(hello=False) as two:
            own = await one.hello()
            await two.hello(conversation=own["conversation"], token=own["token"])
            for number in range(5):
                await one.ask(f"a{number}", "x")
                await two.ask(f"b{number}", "x")
            assert (await two.refusal("message", id="c", text="x"))["code"] == "rate_limited"

    served.run(scenario)


def test_other_frames_are_limited_apart_from_messages(served: ServedShop) -> None:
    async def scenario() -> None:
        async with served.page() as page:
            for _ in range(60):
                await page.send("history", before=1)
            told = await page.refusal("history", before=1)
            assert (told["code"], told["retry_after_seconds"]) == ("rate_limited", 10)
            await page.send("ping")
            await page.until("pong")
            await page.ask("m", "text")

    served.run(scenario)


async def turned_away(page: Page, **hello: object) -> tuple[str, int]:
    """Say hello; return why and how long the server does not want it."""
    told = await page.refusal("hello", **hello)
    assert await page.close_code() == 4429
    return told["code"], told["retry_after_seconds"]


def test_visitor_begins_so_many_conversations_and_comes_back_to_them(served: ServedShop) -> None:
    served.settings = replace(served.settings, visitor_rate="2/hour")

    async def scenario() -> None:
        async with served.page(hello=False) as page:
            own = await page.hello()
        for _ in range(2):
            async with served.page(hello=False) as page:
                await page.hello(token=own["token"])
        async with served.page(hello=False) as page:
            assert await turned_away(page, token=own["token"]) == ("rate_limited", 3600)
        async with served.page(hello=False) as page:
            await page.hello(conversation=own["conversation"], token=own["token"])
        served.clock.advance(3600)
        async with served.page(hello=False) as page:
            await page.hello(token=own["token"])

    served.run(scenario)


def test_address_begins_so_many_conversations(served: ServedShop) -> None:
    served.settings = replace(served.settings, address_rate="2/hour")

    async def scenario() -> None:
        for forwarded in ("192.0.2.1", "192.0.2.2"):  # not believed: no proxy is named
            async with served.page(extra_headers={"X-Forwarded-For": forwarded}):
                pass
        async with served.page(hello=False, extra_headers={"X-Forwarded-For": "192.0.2.3"}) as page:
            assert await turned_away(page) == ("rate_limited", 3600)

    served.run(scenario)


def test_named_proxy_tells_whose_address_it_is(served: ServedShop) -> None:
    served.settings = replace(served.settings, address_rate="1/hour", trusted_proxies="127.0.0.1")

    async def scenario() -> None:
        for forwarded in ("192.0.2.1", "192.0.2.2"):
            async with served.page(extra_headers={"X-Forwarded-For": forwarded}):
                pass
        headers = {"X-Forwarded-For": "192.0.2.1"}
        async with served.page(hello=False, extra_headers=headers) as page:
            assert await turned_away(page) == ("rate_limited", 3600)

    served.run(scenario)


def test_sockets_of_an_address_are_counted_while_they_are_open(served: ServedShop) -> None:
    served.settings = replace(served.settings, max_sockets_per_address=2)

    async def scenario() -> None:
        async with served.page():
            async with served.page():
                async with served.page(hello=False) as third:
                    assert await third.close_code() == 4429
            await eventually(lambda: served.open_sockets == 1)
            async with served.page() as page:
                await page.ask("m", "text")
        await eventually(lambda: served.open_sockets == 0)
        assert served.web.state.sockets == {}

    served.run(scenario)
