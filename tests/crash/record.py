"""What the database says after a crash, and whether it keeps the promises of design decision 1."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Row = dict[str, Any]
Key = tuple[str, str]  # conversation, client id


@dataclass(frozen=True)
class Record:
    """Every row that the promises speak of."""

    conversations: list[Row]
    messages: list[Row]
    turns: list[Row]
    cases: list[Row]
    promises: list[Row]
    case_events: list[Row]
    alarms: list[Row]
    outbox: list[Row]

    @property
    def asked(self) -> list[Row]:
        """Return the customers' messages."""
        return [row for row in self.messages if row["sender"] == "customer"]

    @property
    def stored(self) -> Counter[Key]:
        return Counter((row["conversation_id"], row["client_id"]) for row in self.asked)


def read_record(file: Path) -> Record:
    """Read a database whose server has ended."""
    connection = sqlite3.connect(file)
    connection.row_factory = sqlite3.Row
    try:
        tables = (
            *("conversation", "message", "turn", "complaint_case", "promise"),
            *("case_event", "case_alarm", "outbox_event"),
        )
        rows = [
            [dict(row) for row in connection.execute(f"SELECT * FROM {table}")] for table in tables
        ]
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    finally:
        connection.close()
    return Record(*rows)


def assert_whole_turns(record: Record) -> None:
    """No message without its turn, no turn without its messages, no gap, no double."""
    turns = {row["id"]: row for row in record.turns}
    queued = {row["id"] for row in record.conversations if row["owner"] == "queue"}
    covered: dict[int, list[Row]] = {}
    for row in record.asked:
        if row["state"] == "held":
            assert row["conversation_id"] in queued and row["turn_id"] is None, row
            continue
        assert row["state"] in ("done", "failed"), row
        turn = turns[row["turn_id"]]
        assert turn["conversation_id"] == row["conversation_id"]
        assert turn["kind"] == ("bot" if row["state"] == "done" else "failed")
        covered.setdefault(turn["id"], []).append(row)
    assert set(covered) == set(turns), "a turn covers nothing"
    for turn_id, rows in covered.items():
        seqs = [row["seq"] for row in rows]
        assert (min(seqs), max(seqs)) == (turns[turn_id]["first_seq"], turns[turn_id]["last_seq"])
        assert_answered_once(record, turns[turn_id], rows)
    for conversation in record.conversations:
        assert_numbered(record, conversation)


def assert_answered_once(record: Record, turn: Row, covered: list[Row]) -> None:
    """A turn of the fake engine answers each of its messages once; a failed one says so once."""
    replies = [row["text"] for row in record.messages if row["reply_to_turn_id"] == turn["id"]]
    if turn["kind"] == "failed":
        assert len(replies) == 1, replies
    else:
        expected = [f"re: {row['text']}" for row in sorted(covered, key=lambda row: row["seq"])]
        assert replies == expected


def assert_numbered(record: Record, conversation: Row) -> None:
    """`seq` counts from 1 without gap or double, and so do the turns."""
    own = conversation["id"]
    seqs = sorted(row["seq"] for row in record.messages if row["conversation_id"] == own)
    assert seqs == list(range(1, conversation["next_seq"]))
    numbers = sorted(row["number"] for row in record.turns if row["conversation_id"] == own)
    assert numbers == list(range(1, conversation["turn_count"] + 1))


def assert_cases_are_answered_complaints(record: Record) -> None:
    """One case for every complaint that the bot answered, none for any other message."""
    complaints = {
        row["id"]
        for row in record.asked
        if row["text"].startswith("complaint") and row["state"] == "done"
    }
    assert Counter(row["source_message_id"] for row in record.cases) == Counter(complaints)
    assert len({row["number"] for row in record.cases}) == len(record.cases)


def assert_promises_are_made_once(record: Record) -> None:
    """One promise with its task for every message that led to one, none for any other."""
    asked = Counter(
        row["turn_id"]
        for row in record.asked
        if row["text"].startswith("promise") and row["state"] == "done"
    )
    assert Counter(row["turn_id"] for row in record.promises) == asked
    assert len({row["task_id"] for row in record.promises}) == len(record.promises)


def assert_cases_are_what_their_events_say(record: Record) -> None:
    """Events count from 1 without a gap, and the stage is the last that one of them names."""
    for case in record.cases:
        events = sorted(
            (row for row in record.case_events if row["case_id"] == case["id"]),
            key=lambda row: row["ordinal"],
        )
        assert [row["ordinal"] for row in events] == list(range(1, len(events) + 1))
        assert events[0]["verb"] == "opened" and case["version"] == len(events), case
        named = [json.loads(row["body"]).get("stage") for row in events]
        assert case["stage"] == next((each for each in reversed(named) if each), "receipt")
        levels = sum(row["verb"] in ("overdue", "escalated") for row in events)
        assert case["escalation_level"] <= levels


def assert_what_turns_did_to_cases_is_there_once(record: Record) -> None:
    """Every addition and move of a stored turn is one event, and no other rests on a message."""
    verbs = {"acknowledge": "acknowledged", "assess": "assessed"}
    wanted: Counter[tuple[str, int]] = Counter()
    for turn in record.turns:
        for step in json.loads(turn["steps"]):
            did, _, message_id = step["action"].partition(":")
            if message_id:
                wanted[verbs.get(did, did), int(message_id)] += 1
    found = Counter(
        (row["verb"], row["message_id"])
        for row in record.case_events
        if row["message_id"] is not None and row["verb"] != "opened"
    )
    assert found == wanted


def assert_alarms_are_raised_once(record: Record) -> None:
    """Every kind of gravity of every case has one alarm with one event to send, and none else."""
    wanted = {
        (case["id"], gravity)
        for case in record.cases
        for gravity, holds in (("harm", case["severity"] == "bodily"), ("threat", case["crisis"]))
        if holds
    }
    assert {(row["case_id"], row["gravity"]) for row in record.alarms} == wanted
    told = Counter(row["key"] for row in record.outbox if row["kind"] == "case.alarm")
    assert told == Counter(f"case.alarm:{case}:{gravity}" for case, gravity in wanted)
