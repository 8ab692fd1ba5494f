"""A journey: a customer's lines as a YAML file, with what each of them has to lead to.

    title: what it is about
    source: D-ids of the domain digest, or words of an issue
    staff_present: true          # optional: a person of the shop was seen just now
    queue_ahead: 1               # optional: so many other customers wait already
    at: 2026-11-22T11:00         # optional: when it begins, in the shop's time
    shop_without: [delivery]     # optional: policy topics that the shop does not have
    stock: {kettle: 0}           # optional: how many pieces there are of some goods
    customer: {grade: vip}       # optional: what the record says of a customer known for long
    orders: [{product: kettle, delivered_days_ago: 3}]   # optional: what they have bought
    earlier_case: {product: kettle, causes: [product]}   # optional: a case before, closed
    restart: true                # optional: a new process before every line
    turns:
      - say: 太贵了               # or `press: 转人工`: the label of a button offered before
        first: [你好]             # optional: sent just before, so that one turn covers them all
        staff: [{move: investigate, finding: 属实}]   # optional: what staff do with the case before
        after_minutes: 45        # optional: the customer was silent for so long
        repeat: 3                # optional: the text so many times over
            ranking: {deny: 0.4, thank: 0.39}  # optional: how likely the model finds what, where
                                 # a tie is needed that no trained model keeps for ever
        expect: {step: [action_note_objection], intent: objection_price}

Every key that is not known is an error, so that a misspelt expectation never passes silently.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from bot.clock import SHOP_TIME_ZONE

FOLDER = Path(__file__).parent
JOURNEYS = FOLDER / "journeys"
BROKEN = FOLDER / "broken"

JOURNEY_KEYS = {
    "title",
    "source",
    "staff_present",
    "queue_ahead",
    "at",
    "shop_without",
    "stock",
    "customer",
    "orders",
    "earlier_case",
    "restart",
    "breaks",
    "turns",
}
REQUIRED_KEYS = {"title", "source", "turns"}
TURN_KEYS = {"say", "press", "first", "staff", "after_minutes", "repeat", "ranking", "expect"}
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
    "promises",
}
OBJECTION_KEYS = {"kind", "state", "truth", "techniques", "linked_to"}
CASE_KEYS = {"stage", "causes", "severity", "harm", "reaction"}
TASK_KEYS = {"kind", "contact", "due"}
PROMISE_KEYS = {"kind", "due", "about", "owner", "state"}


class JourneyFileError(Exception):
    """A journey's file is not one: names the file and the key."""


@dataclass(frozen=True)
class JourneyTurn:
    """One line of the customer and what it has to lead to."""

    text: str
    is_press: bool
    expect: dict[str, Any]
    ranking: dict[str, float]
    first: tuple[str, ...] = ()
    after_minutes: int = 0
    staff: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class Journey:
    """A whole conversation."""

    name: str
    title: str
    source: str
    turns: tuple[JourneyTurn, ...]
    staff_present: bool = False
    queue_ahead: int = 0
    at: datetime | None = None
    shop_without: tuple[str, ...] = ()
    stock: dict[str, int] = field(default_factory=dict)
    customer: dict[str, Any] | None = None
    orders: tuple[dict[str, Any], ...] = ()
    earlier_case: dict[str, Any] | None = None
    restart: bool = False
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
        at=_moment(name, data.get("at")),
        shop_without=tuple(data.get("shop_without", ())),
        stock=data.get("stock") or {},
        customer=data.get("customer"),
        orders=tuple(data.get("orders", ())),
        earlier_case=data.get("earlier_case"),
        restart=bool(data.get("restart", False)),
        breaks=data.get("breaks", ""),
    )


def _turn(name: str, number: int, data: Any) -> JourneyTurn:
    where = f"turn {number}"
    _check_keys(name, where, data, TURN_KEYS, set())
    if ("say" in data) == ("press" in data):
        raise JourneyFileError(f"{name}: {where}: needs either 'say' or 'press'")
    expect = data.get("expect") or {}
    _check_keys(name, f"{where}: expect", expect, EXPECT_KEYS, set())
    entries = {"objections": OBJECTION_KEYS, "tasks": TASK_KEYS, "promises": PROMISE_KEYS}
    for key, known in entries.items():
        for each in expect.get(key, ()):
            _check_keys(name, f"{where}: expect: {key}", each, known, set())
    if "case" in expect and expect["case"] != "none":
        _check_keys(name, f"{where}: expect: case", expect["case"], CASE_KEYS, set())
    text = str(data.get("say", data.get("press"))) * int(data.get("repeat", 1))
    return JourneyTurn(
        text=text,
        is_press="press" in data,
        expect=expect,
        ranking=data.get("ranking") or {},
        first=tuple(map(str, data.get("first", ()))),
        after_minutes=int(data.get("after_minutes", 0)),
        staff=tuple(data.get("staff", ())),
    )


def _moment(name: str, text: Any) -> datetime | None:
    """Return a moment of the shop's time; YAML reads one with seconds by itself."""
    if text is None:
        return None
    try:
        return datetime.fromisoformat(str(text)).replace(tzinfo=SHOP_TIME_ZONE)
    except ValueError as error:
        raise JourneyFileError(f"{name}: at: {text!r} is no time like 2026-11-22T11:00") from error


def _check_keys(name: str, where: str, data: Any, known: set[str], needed: set[str]) -> None:
    if not isinstance(data, dict):
        raise JourneyFileError(f"{name}: {where}: must be a mapping, not {data!r}")
    unknown = sorted(set(data) - known)
    if unknown:
        raise JourneyFileError(f"{name}: {where}: unknown key {unknown[0]!r}")
    missing = sorted(needed - set(data))
    if missing:
        raise JourneyFileError(f"{name}: {where}: missing key {missing[0]!r}")
