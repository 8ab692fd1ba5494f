"""150 times `kill -9` at a random moment: acknowledged = stored = covered by exactly one turn.

A kill counts as a failed attempt, so with the usual two attempts some conversations go to a
person: there, messages are held instead of covered. The second half never gives up.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.crash.record import (
    Key,
    Record,
    assert_alarms_are_raised_once,
    assert_cases_are_answered_complaints,
    assert_cases_are_what_their_events_say,
    assert_promises_are_made_once,
    assert_what_turns_did_to_cases_is_there_once,
    assert_whole_turns,
    read_record,
)
from tests.crash.server_process import ROOT

pytestmark = [pytest.mark.crash, pytest.mark.timeout(280)]

KILLS = 75  # twice
SHORTEST_SECONDS, LONGEST_SECONDS = 0.005, 0.150


class Parent:
    """Starts children, kills them, remembers what they said and what was acknowledged."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.talks: list[str] = []
        self.unanswered: dict[Key, str] = {}
        self.acknowledged: dict[Key, int] = {}

    def run_and_kill(self, run: int, delay_seconds: float) -> int:
        """Start a child; kill it `delay_seconds` after its first acknowledgement."""
        self._order(run, is_last=False)
        pid = self._read_until("born")[1]
        self._read_until("ack")
        time.sleep(delay_seconds)  # the moment of death is what this test varies
        os.kill(pid, signal.SIGKILL)
        return int(self._read_until("ended")[1])

    def run_to_the_end(self, run: int) -> int:
        """Let a child answer whatever is left."""
        self._order(run, is_last=True)
        return int(self._read_until("ended")[1])

    def _order(self, run: int, *, is_last: bool) -> None:
        order = {
            "run": run,
            "conversations": self.talks,
            "resend": [[*key, text] for key, text in self.unanswered.items()],
            "is_last": is_last,
        }
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()

    def _read_until(self, kind: str) -> list[Any]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            told = json.loads(line)
            self._remember(told)
            if told[0] == kind:
                return list(told)
            assert told[0] != "ended", f"the child ended by itself ({told}): see children.log"
        raise AssertionError(f"the children's parent ended before {kind!r}")

    def _remember(self, told: list[Any]) -> None:
        if told[0] == "talks":
            self.talks = told[1]
        elif told[0] == "say":
            self.unanswered[told[1], told[2]] = told[3]
        elif told[0] == "ack":
            key = (told[1], told[2])
            self.unanswered.pop(key, None)
            assert self.acknowledged.setdefault(key, told[3]) == told[3], "another seq"


@contextmanager
def parent_of_children(var_dir: Path, max_attempts: int) -> Iterator[Parent]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.crash.t1_t2_child", str(var_dir), str(max_attempts)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=(var_dir.parent / "children.log").open("wb"),
        text=True,
        start_new_session=True,
    )
    try:
        parent = Parent(process)
        parent._read_until("ready")
        yield parent
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)
        process.stdin.close()  # type: ignore[union-attr]
        process.stdout.close()  # type: ignore[union-attr]


@pytest.mark.parametrize("max_attempts", [2, 1_000], ids=["gives up", "never gives up"])
def test_no_kill_loses_or_doubles_anything(tmp_path: Path, max_attempts: int) -> None:
    var_dir = tmp_path / "var"
    var_dir.mkdir()
    moments = random.Random(20261122 + max_attempts)
    with parent_of_children(var_dir, max_attempts) as parent:
        for run in range(KILLS):
            if run == KILLS // 2:
                shutil.copytree(var_dir, tmp_path / "halfway")
            delay = moments.uniform(SHORTEST_SECONDS, LONGEST_SECONDS)
            assert parent.run_and_kill(run, delay) == -signal.SIGKILL
        assert parent.run_to_the_end(KILLS) == 0
    record = read_record(var_dir / "prelude.db")
    halfway = read_record(tmp_path / "halfway" / "prelude.db").case_events
    print(describe(parent, record))

    assert parent.unanswered == {}
    assert record.stored == Counter(parent.acknowledged.keys())
    assert_seqs_are_the_acknowledged_ones(parent, record)
    assert_whole_turns(record)
    assert_cases_are_answered_complaints(record)
    assert_cases_are_what_their_events_say(record)
    assert_what_turns_did_to_cases_is_there_once(record)
    assert all(row in record.case_events for row in halfway), "an event was changed or is gone"
    assert_alarms_are_raised_once(record)
    assert_promises_are_made_once(record)
    verbs = {row["verb"] for row in record.case_events}
    assert verbs >= {"opened", "acknowledged", "assessed", "told", "overdue", "escalated", "noted"}
    if max_attempts > KILLS:  # else a message whose turn was killed twice goes to a person
        assert {row["state"] for row in record.asked} == {"done"}


def assert_seqs_are_the_acknowledged_ones(parent: Parent, record: Record) -> None:
    stored = {(row["conversation_id"], row["client_id"]): row["seq"] for row in record.asked}
    assert stored == parent.acknowledged


def describe(parent: Parent, record: Record) -> str:
    states = Counter(row["state"] for row in record.asked)
    kinds = Counter(row["kind"] for row in record.turns)
    return (
        f"\n{KILLS} kills: acknowledged {len(parent.acknowledged)} = stored {len(record.asked)} "
        f"({dict(states)}); conversations {len(record.conversations)}, "
        f"turns {dict(kinds)}, cases {len(record.cases)} with {len(record.case_events)} events, "
        f"alarms {len(record.alarms)}, promises {len(record.promises)}"
    )
