"""Random talks over the real dialogue: acts, the scene they begin in, and what came of each.

An act's intent is given to the classifier's place; everything else (entities, evidence, rules,
stories, actions, T1, T2) is the real thing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st

from bot.dialogue.turn import TurnRequest, TurnResult
from bot.services.application import Application
from bot.services.player import PlayedTurn, Player
from tests.conversations.runner import STAFF, JourneyRunner, given_ranking

ACTS: dict[str, list[str]] = yaml.safe_load(
    (Path(__file__).parent / "random_acts.yml").read_text(encoding="utf-8")
)
PRESS, AS_IT_IS = "press", "as_it_is"
SURE = 0.93
QUIET = ("affirm", "deny", "thank")  # what whoever wants nothing more says


@dataclass(frozen=True)
class Act:
    """What the customer does: `intent` is PRESS for a button (`text`: which), or given."""

    intent: str
    text: str
    first: str = ""
    after_minutes: int = 0


@dataclass(frozen=True)
class Scene:
    """In what a talk begins."""

    grade: str | None = None
    style: str | None = None
    is_staffed: bool = False
    hour: int = 11
    product: str | None = None
    granted_fen: int = 0


@dataclass
class Happened:
    """One act and what came of it."""

    act: Act
    turn: PlayedTurn
    responses: list[str]
    refused: bool
    has_case: bool

    @property
    def intent(self) -> str:
        return str((self.turn.analysis or {}).get("intent", ""))


@dataclass
class Talk:
    """A whole talk, with what the database holds at its end."""

    happened: list[Happened] = field(default_factory=list)
    wordings: list[tuple[str, str]] = field(default_factory=list)
    granted: list[str] = field(default_factory=list)
    granted_fen: dict[str, int] = field(default_factory=dict)
    unlike: list[str] = field(default_factory=list)

    @property
    def techniques(self) -> list[str]:
        """The techniques used, in order."""
        return [each.turn.technique for each in self.happened if each.turn.technique]

    @property
    def replies(self) -> list[str]:
        """Everything the shop said."""
        return [text for each in self.happened for text in each.turn.replies]

    def __repr__(self) -> str:
        lines = []
        for each in self.happened:
            lines.append(f"客 {each.act.first} {each.act.text}  [{each.act.intent}]")
            lines.append(f"     {' '.join(each.turn.step)}")
            lines += [f"   店 {text}" for text in each.turn.replies]
        return "\n".join(["", *lines, ""])


def acts() -> st.SearchStrategy[Act]:
    """Draw one act."""
    spoken = st.sampled_from([(name, text) for name, texts in ACTS.items() for text in texts])
    pressed = st.integers(0, 3).map(lambda n: Act(PRESS, str(n)))
    said = st.tuples(spoken, st.sampled_from([0] * 9 + [45, 60 * 26])).map(
        lambda drawn: Act(*drawn[0], after_minutes=drawn[1])
    )
    together = st.tuples(spoken, st.sampled_from(["你好", "加湿器太贵了", "几天能到", "在"])).map(
        lambda drawn: Act(*drawn[0], first=drawn[1])
    )
    return st.one_of(said, said, said, said, pressed, together)


def scenes() -> st.SearchStrategy[Scene]:
    """Draw how a talk begins."""
    return st.builds(
        Scene,
        grade=st.sampled_from([None, "small", "vip"]),
        style=st.sampled_from([None, "driver", "amiable", "analytical", "expressive"]),
        is_staffed=st.booleans(),
        hour=st.sampled_from([11, 23]),
        product=st.sampled_from([None, "humidifier", "air_fryer"]),
        granted_fen=st.sampled_from([0, 1000, 3000]),
    )


class TwiceEngine:
    """Computes every turn twice, and keeps where the second came otherwise than the first."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine
        self.unlike: list[str] = []

    async def turn(self, request: TurnRequest, attempt: int) -> TurnResult:
        """Compute a turn."""
        one: TurnResult = await self._engine.turn(request, attempt)
        other: TurnResult = await self._engine.turn(request, attempt)
        for name in one.__struct_fields__:
            left, right = _timeless(name, getattr(one, name)), _timeless(name, getattr(other, name))
            if left != right:
                self.unlike.append(f"{name}: {left} / {right}")
        return one

    def is_ready(self) -> bool:
        """Tell that it is."""
        return True


def _timeless(name: str, value: Any) -> Any:
    """Return a field of a result without the clock of the machine."""
    if name != "snapshot" or value is None:
        return value
    data = json.loads(value)
    for event in data["events"]:
        event.pop("timestamp", None)
    return data


async def play(runner: JourneyRunner, scene: Scene, drawn: Sequence[Act], tail: int = 0) -> Talk:
    """Play a talk; then let the customer say nothing but yes, no and thanks `tail` times."""
    talk = Talk()
    at = datetime.fromisoformat(f"2026-11-23T{scene.hour}:00+08:00")
    engine = TwiceEngine(runner.engine)
    with runner.application("random", at, engine=engine) as app:
        player = Player(app)
        await player.start()
        await _set(app, player, scene)
        for act in (*drawn, *(Act(name, ACTS[name][0]) for name in (QUIET * tail)[:tail])):
            talk.happened.append(await _act(app, player, act))
        _keep_rows(app, player, talk)
    talk.unlike = engine.unlike
    return talk


async def _set(app: Application, player: Player, scene: Scene) -> None:
    if scene.is_staffed:
        await app.add_user(STAFF, "agent")
        await app.list_queue(STAFF)
    now = app.clock.now()

    def write(uow: Any) -> None:
        record = uow.conversations.get(player.conversation_id)
        values = {
            "grade": scene.grade or "ordinary",
            "style": scene.style,
            "created_at": now - timedelta(days=365),
        }
        uow.customers.change(record.customer_id, values, now)
        if scene.product is not None:
            uow.conversations.update_fields(player.conversation_id, product_id=scene.product)

    app.database.write(write)


async def _act(app: Application, player: Player, act: Act) -> Happened:
    text, given = act.text, {act.intent: SURE}
    if act.intent == PRESS:
        newest = app.database.read(
            lambda uow: uow.messages.inbox(player.conversation_id, "").newest_offer or 0
        )
        offered = app.database.read(lambda uow: uow.messages.options_of(newest)) if newest else []
        text, given = (offered[int(text) % len(offered)].label if offered else "好的"), {}
    elif act.intent == AS_IT_IS:
        given = {}
    elif act.intent == "nlu_fallback":
        given = {"chitchat": 0.2, "deny": 0.1}
    if act.after_minutes:
        await app.clock.sleep(act.after_minutes * 60)
    before = len(await app.events_after(player.conversation_id, 0))
    with given_ranking(given):
        turn = await player.say(text, first=[act.first] if act.first else [])
    rows = await app.events_after(player.conversation_id, 0)
    facts = app.database.read(
        lambda uow: (
            uow.conversations.get(player.conversation_id).contact_refused,
            uow.cases.open_case_of(player.conversation_id) is not None,
        )
    )
    responses = [row.response for row in rows[before:] if row.response]
    return Happened(Act(act.intent, text, act.first), turn, responses, *facts)


def _keep_rows(app: Application, player: Player, talk: Talk) -> None:
    since = app.clock.now() - timedelta(days=30)

    def read(uow: Any) -> None:
        record = uow.conversations.get(player.conversation_id)
        talk.granted = list(uow.concessions.of_conversation(record.id))
        talk.granted_fen = uow.concessions.granted_since(record.id, record.customer_id, since)
        rows = uow.messages.events_after(record.id, 0, limit=10_000)
        talk.wordings = [(row.response, row.wording) for row in rows if row.response]

    app.database.read(read)
