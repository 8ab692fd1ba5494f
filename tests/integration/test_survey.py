"""The one question at the end: due when a talk has ended, asked once, within bounds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from bot.dialogue.turn import Reply, TurnRequest, TurnResult
from tests.fakes import FakeComputer, InlineEngine
from tests.integration.served import Frame, Page, ServedShop


class PoliteComputer(FakeComputer):
    """Says good-bye to 'bye', with the response that ends a talk."""

    def turn(self, request: TurnRequest) -> TurnResult:
        result = super().turn(request)
        if request.messages[-1].text != "bye":
            return result
        return msgspec.structs.replace(result, replies=(Reply("bye", "utter_goodbye", "bye"),))


@asynccontextmanager
async def ended(served: ServedShop) -> AsyncIterator[tuple[Page, Frame]]:
    """A page whose customer has said something and ended the talk."""
    async with served.page(hello=False) as page:
        hello = await page.hello()
        await page.talk("m", "text")
        await page.send("end")
        await page.until("state", survey="due")
        yield page, hello


def answers(served: ServedShop) -> list[tuple[Any, ...]]:
    def read(uow: Any) -> list[tuple[Any, ...]]:
        statement = "select score, expectation, again, comment from satisfaction"
        rows = uow._session.connection().exec_driver_sql(statement)
        return [tuple(row) for row in rows]

    return served.database.read(read)


def test_survey_is_due_after_the_end_and_gone_after_further_talk(served: ServedShop) -> None:
    async def scenario() -> None:
        async with ended(served) as (page, _):
            await page.ask("n", "one more thing")
            await page.until("state", survey="none")
            await page.send("end")
            await page.until("state", survey="due")

    served.run(scenario)


def test_survey_is_due_after_a_good_bye_and_gone_after_further_talk(served: ServedShop) -> None:
    served.engine = InlineEngine(PoliteComputer())

    async def scenario() -> None:
        async with served.page() as page:
            await page.ask("m", "bye")
            await page.until("state", survey="due")
            await page.ask("n", "one more thing")
            await page.until("state", survey="none")
            await page.ask("o", "bye")
            await page.until("state", survey="due")

    served.run(scenario)


def test_survey_is_gone_when_the_customer_talks_on_with_a_person(served: ServedShop) -> None:
    async def scenario() -> None:
        await served.app.add_user("Lin", "agent")
        async with ended(served) as (page, hello):
            await served.app.claim(hello["conversation"], "Lin")
            await page.until("state", survey="due", owner="agent")
            assert (await page.ask("n", "wait"))["state"] == "held"
            await page.until("state", survey="none")

    served.run(scenario)


def test_talk_in_which_nothing_was_said_is_not_asked_about(served: ServedShop) -> None:
    async def scenario() -> None:
        async with served.page() as page:
            await page.send("end")
            assert (await page.until("state"))["survey"] == "none"

    served.run(scenario)


def test_answer_is_kept_thanked_for_and_taken_once(served: ServedShop) -> None:
    async def scenario() -> None:
        async with ended(served) as (page, hello):
            whole = {"score": 5, "expectation": "better", "again": "yes", "comment": "c" * 1000}
            await page.send("rate", **whole)
            await page.until("message", sender="system")
            await page.until("state", survey="done")
            await page.send("rate", score=1)
            assert (await page.until("state"))["survey"] == "done"
            assert answers(served) == [(5, "better", "yes", "c" * 1000)]
            await page.talk("n", "text")
            kinds = [frame["sender"] for frame in page.frames if frame["type"] == "message"]
            assert kinds.count("system") == 1
        async with served.page(hello=False) as again:
            await again.hello(conversation=hello["conversation"], token=hello["token"])
            assert again.frames[-1]["survey"] == "done"

    served.run(scenario)


@pytest.mark.parametrize(
    ("score", "response"),
    [
        (1, "utter_rated_low"),
        (2, "utter_rated_low"),
        (3, "utter_rated"),
        (4, "utter_rated"),
        (5, "utter_rated"),
    ],
)
def test_low_score_is_asked_about(served: ServedShop, score: int, response: str) -> None:
    async def scenario() -> None:
        async with ended(served) as (page, hello):
            await page.send("rate", score=score)
            await page.until("message", sender="system")
            talk = hello["conversation"]
            said = served.database.read(lambda uow: uow.messages.events_after(talk, 0))[-1]
            assert said.response == response

    served.run(scenario)


@pytest.mark.parametrize(
    "frame",
    [
        {"score": 0},
        {"score": 6},
        {"score": -1},
        {"score": 10**30},
        {"score": "5"},
        {"score": 4.5},
        {"score": True},
        {"score": None},
        {},
        {"score": 5, "expectation": "great"},
        {"score": 5, "again": "perhaps"},
        {"score": 5, "comment": "c" * 1001},
        {"score": 5, "comment": 3},
        {"score": 5, "by": "admin"},
    ],
)
def test_answer_that_the_survey_does_not_offer_is_refused(
    served: ServedShop, frame: dict[str, Any]
) -> None:
    async def scenario() -> None:
        async with ended(served) as (page, _):
            assert (await page.refusal("rate", **frame))["code"] == "usage"
            assert answers(served) == []
            await page.send("rate", score=3)
            await page.until("state", survey="done")

    served.run(scenario)


def test_two_tabs_rate_once(served: ServedShop) -> None:
    async def scenario() -> None:
        async with ended(served) as (one, hello), served.page(hello=False) as two:
            await two.hello(conversation=hello["conversation"], token=hello["token"])
            await one.send("rate", score=5)
            await two.send("rate", score=1)
            for page in (one, two):
                await page.until("state", survey="done")
            assert len(answers(served)) == 1

    served.run(scenario)
