"""How a conversation stands: owner, person, place, hours, case, survey; told when it changes."""

from __future__ import annotations

from contextlib import AsyncExitStack
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from bot.errors import NotFoundError, StorageUnavailableError
from tests.fakes import START, FakeClock
from tests.integration.served import Frame, Page, ServedShop

CASE_FIELDS = {
    *("number", "stage", "stage_id", "causes", "opened_at", "next_step", "deadline_at"),
    *("progress_url", "goes_on_in"),
}


async def opened(stack: AsyncExitStack, served: ServedShop) -> tuple[Page, str]:
    """Return a page that has said hello, and its conversation."""
    page = await stack.enter_async_context(served.page(hello=False))
    hello = await page.hello()
    return page, hello["conversation"]


async def queued(stack: AsyncExitStack, served: ServedShop) -> tuple[Page, str]:
    """Return a page whose conversation waits for a person."""
    page, talk = await opened(stack, served)
    await page.ask("q", "human")
    await page.until("state", owner="queue")
    return page, talk


async def with_case(page: Page) -> Frame:
    """Complain; return the case as the state shows it."""
    await page.ask("c", "complaint: it is broken")
    state = await page.until("state")
    while state["case"] is None:
        state = await page.until("state")
    return state["case"]  # type: ignore[no-any-return]


# --- after hello ------------------------------------------------------------------------------


def test_state_follows_the_missed_messages(served: ServedShop) -> None:
    async def scenario() -> None:
        async with served.page(hello=False) as page:
            hello = await page.hello()
            assert [frame["type"] for frame in page.frames] == ["hello", "state"]
            assert page.frames[-1] == {
                "type": "state",
                "owner": "bot",
                "agent": None,
                "position": None,
                "open": True,
                "opens_at": None,
                "case": None,
                "survey": "none",
                "survey_about": "talk",
            }
            await page.talk("m", "text")
        async with served.page(hello=False) as page:
            await page.hello(conversation=hello["conversation"], token=hello["token"])
            kinds = [frame["type"] for frame in page.frames]
            assert kinds == ["hello", "message", "message", "state"]

    served.run(scenario)


@pytest.mark.parametrize(
    ("hours", "is_open"),
    [(0, True), (6.9, True), (7, False), (21.9, False), (22, True)],
)
def test_state_tells_the_opening_hours(
    served: ServedShop, clock: FakeClock, hours: float, is_open: bool
) -> None:
    clock.advance(hours * 3600)  # from Sunday 11:00 in the shop; closed from 18:00 to 9:00

    async def scenario() -> None:
        async with served.page() as page:
            state = page.frames[-1]
            assert state["open"] is is_open
            opens_at = state["opens_at"] and datetime.fromisoformat(state["opens_at"])
            monday = datetime(2026, 11, 23, 1, 0, tzinfo=timezone.utc)
            assert opens_at == (None if is_open else monday)

    served.run(scenario)


# --- the queue --------------------------------------------------------------------------------


def test_place_in_the_queue_is_told_and_moves_up(served: ServedShop) -> None:
    async def scenario() -> None:
        await served.app.add_user("Lin", "supervisor")
        async with AsyncExitStack() as stack:
            talks = []
            for _ in range(3):
                talks.append(await queued(stack, served))
                served.clock.advance(60)
            (first, one), (second, _), (third, _) = talks
            assert [page.frames[-1]["position"] for page, _ in talks] == [1, 2, 3]
            await served.app.claim(one, "Lin")
            state = await first.until("state", owner="agent")
            assert state["agent"] == {"name": "Lin", "role": "supervisor"}
            assert state["position"] is None
            await second.until("queue", position=1)
            await third.until("queue", position=2)
            await served.app.give_back(one, "Lin")
            state = await first.until("state", owner="bot")
            assert (state["agent"], state["position"]) == (None, None)

    served.run(scenario)


def test_customer_who_goes_on_with_the_bot_lets_others_move_up(served: ServedShop) -> None:
    async def scenario() -> None:
        async with AsyncExitStack() as stack:
            first, _ = await queued(stack, served)
            served.clock.advance(60)
            second, _ = await queued(stack, served)
            await first.ask("r", "carry on")
            await first.until("state", owner="bot", position=None)
            await second.until("queue", position=1)
            await first.until("message", sender="bot")
            assert (await first.talk("m", "text"))["text"] == "re: text"

    served.run(scenario)


def test_person_who_claims_from_the_bot_is_announced_and_named(served: ServedShop) -> None:
    async def scenario() -> None:
        await served.app.add_user("Lin", "agent")
        async with AsyncExitStack() as stack:
            page, talk = await opened(stack, served)
            await page.talk("m", "text")
            await served.app.claim(talk, "Lin")
            await page.until("message", sender="system")
            await page.until("state", owner="agent", agent={"name": "Lin", "role": "agent"})
            assert (await page.ask("n", "text"))["state"] == "held"
            await served.app.answer(talk, "Lin", "I am here", is_confirmed=False)
            said = await page.until("message", sender="agent")
            assert (said["name"], said["text"]) == ("Lin", "I am here")

    served.run(scenario)


def test_bot_answers_even_if_the_standing_cannot_be_told(
    served: ServedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with AsyncExitStack() as stack:
            page, _ = await queued(stack, served)

            async def fails(_: str) -> dict[str, Any]:
                raise StorageUnavailableError("the database cannot be read")

            monkeypatch.setattr(served.app, "standing", fails)
            await page.send("message", id="r", text="carry on")
            answer = await page.until("message", sender="bot")
            assert answer["text"].startswith("re: carry on")
            told = [frame for frame in page.frames if frame["type"] == "error"]
            assert told == []  # it was stored and acknowledged

    served.run(scenario)


# --- the case ---------------------------------------------------------------------------------


def test_case_card_shows_this_conversations_newest_case_only(served: ServedShop) -> None:
    async def scenario() -> None:
        async with AsyncExitStack() as stack:
            mine, _ = await opened(stack, served)
            other, _ = await opened(stack, served)
            case, theirs = await with_case(mine), await with_case(other)
            assert set(case) == CASE_FIELDS and case["number"] != theirs["number"]
            assert all(case[name] for name in CASE_FIELDS - {"goes_on_in"})
            assert datetime.fromisoformat(case["deadline_at"]) == START + timedelta(hours=24)
            await mine.send("end")  # the other's case is the newest of all by now
            assert (await mine.until("state", survey="due"))["case"] == case
            async with served.page() as third:
                assert third.frames[-1]["case"] is None
            assert theirs["number"] not in str(mine.frames)
            assert case["number"] not in str(other.frames)

    served.run(scenario)


def test_progress_is_shown_by_number_and_key(served: ServedShop) -> None:
    async def scenario() -> None:
        async with AsyncExitStack() as stack:
            page, talk = await opened(stack, served)
            case = await with_case(page)
            place = urlsplit(case["progress_url"])
            asked = {name: values[0] for name, values in parse_qs(place.fragment).items()}
            assert place.path == "/case.html" and place.query == ""  # the key is in no log
            assert asked["number"] == case["number"] and len(asked["key"]) == 32
            url = f"http://127.0.0.1:{served.port}/cases/{case['number']}"
            async with httpx.AsyncClient() as client:
                shown = await client.get(url, params={"key": asked["key"]})
            body = shown.json()
            assert shown.status_code == 200 and set(body) == CASE_FIELDS | {"events"}
            assert [(each["actor"], each["verb"]) for each in body["events"]] == [("bot", "opened")]
            assert talk not in shown.text and "broken" not in shown.text

    served.run(scenario)


def test_wrong_key_and_unknown_case_look_the_same(served: ServedShop) -> None:
    async def scenario() -> None:
        async with AsyncExitStack() as stack:
            case = await with_case((await opened(stack, served))[0])
            number, base = case["number"], f"http://127.0.0.1:{served.port}/cases/"
            key = served.app.desk.case_key(number)
            answers = []
            async with httpx.AsyncClient() as client:
                for asked, given in [
                    (number, ""),
                    (number, "0" * 32),
                    (number, key[:-1]),
                    (number, key + "0"),
                    (number, "%F0%9F%98%80"),
                    (number, "%ED%A0%80%FF"),
                    ("TS-0", key),
                    ("' or 1=1 --", key),
                ]:
                    answers.append(await client.get(f"{base}{asked}?key={given}"))
                answers.append(await client.get(f"{base}{number}"))
            codes = {(each.status_code, each.json()["code"]) for each in answers}
            assert codes == {(404, "not_found")}
            assert len({each.content for each in answers}) == 1

    served.run(scenario)


def test_case_of_another_number_is_unknown_to_the_service(served: ServedShop) -> None:
    async def scenario() -> None:
        key = served.app.desk.case_key("TS-0")
        with pytest.raises(NotFoundError):
            await served.app.case_progress("TS-0", key)

    served.run(scenario)
