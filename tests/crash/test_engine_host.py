"""The supervised worker: it may fail, hang, lie or die; the next turn works (design decision 4)."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import pytest

from bot.dialogue.turn import ConversationFacts, InboundMessage, TurnRequest, TurnResult
from bot.engine.host import EngineHost
from bot.errors import EngineError
from tests.crash.server_process import is_running, wait_for
from tests.fakes import START

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 120.0

PARENT = """
import asyncio
from bot.engine.host import EngineHost

async def main():
    host = EngineHost("tests.fakes:build_fake", {}, workers=1, timeout_seconds=5)
    host.start()
    await host.wait_until_ready()
    print("worker", host.pids()[0], flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


def request(text: str) -> TurnRequest:
    message = InboundMessage(message_id=1, seq=1, text=text, received_at=START)
    facts = ConversationFacts(conversation_id="talk")
    return TurnRequest("talk", 1, START + timedelta(seconds=1), (message,), facts)


def with_host(play: Callable[[EngineHost], Awaitable[T]], *, timeout_seconds: float = 10.0) -> T:
    """Play with a running host; afterwards it must have left no child."""

    async def main() -> T:
        host = EngineHost("tests.fakes:build_fake", {}, workers=1, timeout_seconds=timeout_seconds)
        host.start()
        try:
            await ready(host)
            return await play(host)
        finally:
            await host.close()

    result = asyncio.run(main())
    # the pool's own thread may be reaping at this very moment
    wait_for(lambda: not multiprocessing.active_children(), 10.0)
    return result


async def ready(host: EngineHost) -> int:
    await asyncio.wait_for(host.wait_until_ready(), START_SECONDS)
    return host.pids()[0]


async def answer(host: EngineHost, text: str, attempt: int = 1) -> TurnResult:
    return await asyncio.wait_for(host.turn(request(text), attempt), START_SECONDS)


async def failure(host: EngineHost, text: str) -> str:
    with pytest.raises(EngineError) as caught:
        await answer(host, text)
    return str(caught.value)


def test_turn_is_computed_in_another_process() -> None:
    async def play(host: EngineHost) -> None:
        result = await answer(host, "hello")
        assert result.replies[0].text == "re: hello"
        assert host.is_ready()
        assert host.pids()[0] != os.getpid()

    with_host(play)


def test_worker_that_hangs_is_killed_and_replaced() -> None:
    async def play(host: EngineHost) -> None:
        first = await ready(host)
        assert await failure(host, "hang") == "no answer within 2 s"
        wait_for(lambda: not is_running(first), 30.0)
        assert (await answer(host, "hello")).replies[0].text == "re: hello"
        assert await ready(host) != first

    with_host(play, timeout_seconds=2.0)


def test_worker_that_dies_during_a_turn_is_replaced() -> None:
    async def play(host: EngineHost) -> None:
        first = await ready(host)
        assert "died" in await failure(host, "die")
        assert (await answer(host, "hello")).replies[0].text == "re: hello"
        assert await ready(host) != first

    with_host(play)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("fail", "ValueError: the engine failed on purpose"),
        ("nonsense", "the worker returned nonsense"),
    ],
)
def test_worker_that_fails_or_lies_is_kept(text: str, reason: str) -> None:
    async def play(host: EngineHost) -> None:
        first = await ready(host)
        assert reason in await failure(host, text)
        assert (await answer(host, "hello")).replies[0].text == "re: hello"
        assert await ready(host) == first

    with_host(play)


def test_worker_whose_error_cannot_be_pickled_is_kept() -> None:
    async def play(host: EngineHost) -> None:
        first = await ready(host)
        assert "AwkwardError" in await failure(host, "awkward")
        assert await ready(host) == first

    with_host(play)


def test_first_attempts_go_before_second_ones() -> None:
    async def play(host: EngineHost) -> list[str]:
        finished: list[str] = []

        async def ask(text: str, attempt: int) -> None:
            await answer(host, text, attempt)
            finished.append(text)

        waiting = [("busy", 1), ("again a", 2), ("first a", 1), ("again b", 2), ("first b", 1)]
        await asyncio.gather(*(ask(text, attempt) for text, attempt in waiting))
        return finished

    assert with_host(play)[1:] == ["first a", "first b", "again a", "again b"]


def test_worker_killed_while_idle_is_replaced() -> None:
    async def play(host: EngineHost) -> None:
        first = await ready(host)
        os.kill(first, signal.SIGKILL)
        while first in host.pids():
            await asyncio.sleep(0.02)
        assert await ready(host) != first
        assert (await answer(host, "hello")).replies[0].text == "re: hello"

    with_host(play)


def test_many_turns_in_one_worker_are_each_answered_with_their_own_result() -> None:
    async def play(host: EngineHost) -> None:
        texts = [f"m{number}" for number in range(200)]
        results = await asyncio.gather(*(answer(host, text) for text in texts))
        assert [result.replies[0].text for result in results] == [f"re: {text}" for text in texts]

    with_host(play)


def test_turn_that_is_running_or_waits_at_close_fails_instead_of_hanging() -> None:
    async def play(host: EngineHost) -> None:
        turns = [asyncio.ensure_future(answer(host, text)) for text in ("hang", "never begun")]
        await asyncio.sleep(0.1)
        await host.close()
        outcomes = await asyncio.wait_for(asyncio.gather(*turns, return_exceptions=True), 30.0)
        assert [type(outcome) for outcome in outcomes] == [EngineError, EngineError]

    with_host(play)


def test_factory_that_fails_is_tried_again_and_leaves_no_child() -> None:
    async def main() -> None:
        host = EngineHost("tests.fakes:no_such_factory", {}, workers=1, timeout_seconds=1)
        host.start()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(host.wait_until_ready(), 2.0)
        assert not host.is_ready()
        await host.close()

    asyncio.run(main())
    # the pool's own thread may be reaping at this very moment
    wait_for(lambda: not multiprocessing.active_children(), 10.0)


def test_worker_ends_when_its_parent_is_killed() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert parent.stdout is not None
        told = next(line for line in parent.stdout if line.startswith("worker"))
        worker = int(told.split()[1])
        assert is_running(worker)
        parent.kill()
        wait_for(lambda: not is_running(worker), 10.0)
    finally:
        parent.kill()
        parent.wait(10)
        parent.stdout.close()  # type: ignore[union-attr]
