"""A journey: a customer's lines as a YAML file, with what each of them has to lead to.

    title: what it is about
    source: D-ids of the domain digest, or words of an issue
    staff_present: true          # optional: a person of the shop was seen just now
    queue_ahead: 1               # optional: so many other customers wait already
    shop_without: [delivery]     # optional: policy topics that the shop does not have
    turns:
      - say: 太贵了               # or `press: 转人工`: the label of a button offered before
        repeat: 3                # optional: the text so many times over
        ranking: {deny: 0.4, thank: 0.39}  # optional: how likely the model finds what, where
                                 # a tie is needed that no trained model keeps for ever
        expect: {step: [action_note_objection], intent: objection_price}

Every key that is not known is an error, so that a misspelt expectation never passes silently.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent
JOURNEYS = FOLDER / "journeys"
BROKEN = FOLDER / "broken"

JOURNEY_KEYS = {
    "title",
    "source",
    "staff_present",
    "queue_ahead",
    "shop_without",
    "breaks",
    "turns",
}
REQUIRED_KEYS = {"title", "source", "turns"}
TURN_KEYS = {"say", "press", "repeat", "ranking", "expect"}
EXPECT_KEYS = {
    "step",
    "step_has",
    "intent",
    "objections",
    "technique",
    "technique_not_in",
    "case",
    "cases",
    "owner",
    "options",
    "replies",
    "shows",
    "never",
    "tasks",
}
OBJECTION_KEYS = {"kind", "state", "truth", "techniques", "linked_to"}
CASE_KEYS = {"stage", "causes", "severity", "harm", "reaction"}
TASK_KEYS = {"kind", "contact", "due"}


class JourneyFileError(Exception):
    """A journey's file is not one: names the file and the key."""


@dataclass(frozen=True)
class JourneyTurn:
    """One line of the customer and what it has to lead to."""

    text: str
    is_press: bool
    expect: dict[str, Any]
    ranking: dict[str, float]


@dataclass(frozen=True)
class Journey:
    """A whole conversation."""

    name: str
    title: str
    source: str
    turns: tuple[JourneyTurn, ...]
    staff_present: bool = False
    queue_ahead: int = 0
    shop_without: tuple[str, ...] = ()
    breaks: str = ""


def journey_files(folder: Path) -> list[Path]:
    """Return the journeys of a folder, in order."""
    return sorted(folder.glob("*.yml"))


def load_journey(path: Path) -> Journey:
    """Read one journey.

    Raises:
        JourneyFileError: with the file and the key that is wrong.
    """
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    name = path.name
    _check_keys(name, "the journey", data, JOURNEY_KEYS, REQUIRED_KEYS)
    if not isinstance(data["turns"], list) or not data["turns"]:
        raise JourneyFileError(f"{name}: turns: a list of at least one turn is needed")
    return Journey(
        name=path.stem,
        title=data["title"],
        source=str(data["source"]),
        turns=tuple(_turn(name, number, turn) for number, turn in enumerate(data["turns"], 1)),
        staff_present=bool(data.get("staff_present", False)),
        queue_ahead=int(data.get("queue_ahead", 0)),
        shop_without=tuple(data.get("shop_without", ())),
        breaks=data.get("breaks", ""),
    )


def _turn(name: str, number: int, data: Any) -> JourneyTurn:
    where = f"turn {number}"
    _check_keys(name, where, data, TURN_KEYS, set())
    if ("say" in data) == ("press" in data):
        raise JourneyFileError(f"{name}: {where}: needs either 'say' or 'press'")
    expect = data.get("expect") or {}
    _check_keys(name, f"{where}: expect", expect, EXPECT_KEYS, set())
    for key, known in (("objections", OBJECTION_KEYS), ("tasks", TASK_KEYS)):
        for each in expect.get(key, ()):
            _check_keys(name, f"{where}: expect: {key}", each, known, set())
    if "case" in expect and expect["case"] != "none":
        _check_keys(name, f"{where}: expect: case", expect["case"], CASE_KEYS, set())
    text = str(data.get("say", data.get("press"))) * int(data.get("repeat", 1))
    return JourneyTurn(text, "press" in data, expect, data.get("ranking") or {})


def _check_keys(name: str, where: str, data: Any, known: set[str], needed: set[str]) -> None:
    if not isinstance(data, dict):
        raise JourneyFileError(f"{name}: {where}: must be a mapping, not {data!r}")
    unknown = sorted(set(data) - known)
    if unknown:
        raise JourneyFileError(f"{name}: {where}: unknown key {unknown[0]!r}")
    missing = sorted(needed - set(data))
    if missing:
        raise JourneyFileError(f"{name}: {where}: missing key {missing[0]!r}")
