"""The server dies at every named point of a turn; nothing is lost, nothing is done twice."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bot.killpoints import KILL_POINTS
from tests.crash.chat_client import ChatClient
from tests.crash.record import (
    assert_alarms_are_raised_once,
    assert_cases_are_answered_complaints,
    assert_cases_are_what_their_events_say,
    assert_promises_are_made_once,
    assert_what_turns_did_to_cases_is_there_once,
    assert_whole_turns,
    read_record,
)
from tests.crash.server_process import ServerProcess, free_port

pytestmark = pytest.mark.crash

SENT = {
    "m0": "complaint: broken",
    "m1": "acknowledge",
    "m2": "more: hurt, press",
    "m3": "promise an answer",
    "m4": "complaint: press",
}
# In the second turn there is a case to move: these points are gone through again.
OF_A_TURN = ("engine_between_steps", "t2_before_commit", "t2_after_commit", "push_partial")


@pytest.mark.parametrize("point", [*KILL_POINTS, *(f"{each}:2" for each in OF_A_TURN)])
def test_server_killed_here_has_answered_everything_once_in_the_end(
    tmp_path: Path, point: str
) -> None:
    asyncio.run(play_through_a_crash(tmp_path / "var", point))


async def play_through_a_crash(var_dir: Path, point: str) -> None:
    var_dir.mkdir()
    port = free_port()
    doomed = ServerProcess(var_dir, port, kill_at=point)
    client = ChatClient(doomed.url)
    try:
        await client.open()
        for number, (message_id, text) in enumerate(SENT.items()):
            await client.say(message_id, text)
            if not number and point.endswith(":2"):
                await client.until_replies(1)
        await client.until_closed()
        assert doomed.wait_for_death() == -9
    finally:
        await client.leave()
        doomed.stop()
    acknowledged = dict(client.acks)
    before = read_record(var_dir / "prelude.db")
    assert {(client.conversation, each) for each in acknowledged} <= set(before.stored)

    second = ServerProcess(var_dir, port)
    try:
        await client.open()
        await client.until(lambda: not client.outbox)
        await client.until_replies(len(SENT))
        await client.leave()
    finally:
        second.stop()

    after = read_record(var_dir / "prelude.db")
    assert set(client.acks) == set(SENT)
    assert set(after.stored) == {(client.conversation, message_id) for message_id in SENT}
    assert set(after.stored.values()) == {1}
    assert {row["state"] for row in after.asked} == {"done"}
    assert_whole_turns(after)
    assert_cases_are_answered_complaints(after)
    assert_promises_are_made_once(after)
    assert_cases_are_what_their_events_say(after)
    assert_what_turns_did_to_cases_is_there_once(after)
    assert_alarms_are_raised_once(after)
    assert_client_saw_everything_once(client, acknowledged)


def assert_client_saw_everything_once(client: ChatClient, acknowledged: dict[str, dict]) -> None:
    assert [event["seq"] for event in client.events] == list(range(1, 2 * len(SENT) + 1))
    assert sorted(client.replies) == sorted(f"re: {text}" for text in SENT.values())
    for event in client.events:
        if event["sender"] == "customer" and event["id"] in acknowledged:
            assert event["seq"] == acknowledged[event["id"]]["seq"]
