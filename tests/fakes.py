"""Fakes: an engine without Rasa, a clock that is set, a notifier that remembers."""

from __future__ import annotations

import os
import time
from datetime import datetime, timedelta, timezone
from typing import Any

import msgspec

from bot.clock import Clock
from bot.dialogue.case_numbers import case_number
from bot.dialogue.turn import (
    AddToCase,
    CreateTask,
    HandOver,
    InboundMessage,
    MakePromise,
    MessageAnalysis,
    MoveCase,
    OpenCase,
    Option,
    OptionMeaning,
    PromiseTimes,
    RecordTechnique,
    Reply,
    Step,
    TurnRequest,
    TurnResult,
)
from bot.errors import EngineError
from bot.killpoints import reach

DAY = timedelta(hours=24)
MOVES = ("acknowledge", "assess")  # of a case, in the order in which they become legal
START = datetime(2026, 11, 22, 3, 0, tzinfo=timezone.utc)


class FakeClock:
    """A clock that moves only when told, or when somebody sleeps."""

    def __init__(self, now: datetime = START) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)


_check: Clock = FakeClock()


class FakeNotifier:
    """Remembers what was pushed."""

    def __init__(self) -> None:
        self.events: dict[str, list[dict[str, object]]] = {}

    async def publish(self, conversation_id: str, events: list[dict[str, object]]) -> None:
        self.events.setdefault(conversation_id, []).extend(events)
        reach("push_partial")


class FakeComputer:
    """Echoes; 'complaint…' opens a case, 'human' hands over, 'options' and 'human' offer buttons.

    'more…' adds to the open case, 'acknowledge…' and 'assess…' move it where that is legal; with
    'hurt' in it a complaint is one of bodily harm, with 'press' a threat, with 'late' one that is
    overdue at once. 'promise…' promises an answer. 'hang', 'die', 'fail', 'awkward' and 'nonsense'
    misbehave.
    """

    model_id = "fake"

    def turn(self, request: TurnRequest) -> TurnResult:
        texts = [message.text for message in request.messages]
        misbehave(texts)
        if request.staff_text:
            return TurnResult("", 0, 0, 0, (), (), (), (), (), None)
        commands: list[Any] = []
        for message in request.messages:
            if message.text.startswith("complaint"):
                commands.append(open_case(message, request.now))
            elif message.text.startswith(("more", *MOVES)):
                commands += work_on_case(message, request, commands)
            elif message.text == "human":
                commands.append(HandOver(reason="asked"))
            elif message.text.startswith("promise"):
                made = sum(isinstance(each, MakePromise) for each in commands)
                commands.append(promise(message.text, request.now, made))
            elif message.text == "sell":
                commands.append(RecordTechnique(objection=1, technique="breakdown"))
        reach("engine_between_steps")
        return TurnResult(
            conversation_id=request.conversation_id,
            version=request.version,
            first_seq=request.messages[0].seq,
            last_seq=request.messages[-1].seq,
            message_ids=tuple(message.message_id for message in request.messages),
            analyses=tuple(
                MessageAnalysis(message.message_id, "inform", 1.0) for message in request.messages
            ),
            steps=(Step("action_echo", "FakePolicy"), *map(noted, filter(is_case_work, commands))),
            commands=tuple(commands),
            replies=tuple(
                Reply(echo(message), "utter_echo", "echo", options=offered(message.text))
                for message in request.messages
            ),
            snapshot=None,
            model_id="fake",
        )


def open_case(message: InboundMessage, now: datetime) -> OpenCase:
    """Open a case of a broken thing, grave if the text says so."""
    is_hurt, is_threat = "hurt" in message.text, "press" in message.text
    return OpenCase(
        source_message_id=message.message_id,
        number=case_number(message.message_id, message.received_at),
        causes=("product",),
        severity="bodily" if is_hurt else "slight",
        deadline_at=now - timedelta(hours=1) if "late" in message.text else now + DAY,
        crisis=is_threat,
        escalated=is_hurt or is_threat,
        outlets=("media",) if is_threat else (),
    )


def work_on_case(message: InboundMessage, request: TurnRequest, before: list[Any]) -> list[Any]:
    """Add to the open case, or make a move that is legal; a turn makes one move at most."""
    case = request.facts.open_case
    if case is None:
        return []
    if message.text.startswith("more"):
        hurt = "bodily" if "hurt" in message.text else None
        is_threat = "press" in message.text
        return [AddToCase(case.number, message.message_id, "told", (), hurt, is_threat)]
    move = message.text.split()[0]
    if move not in case.moves or any(isinstance(each, MoveCase) for each in before):
        return []
    body = {"causes": ["product"]} if move == "assess" else {}
    return [MoveCase(case.number, move, body, source_message_id=message.message_id)]


def is_case_work(command: Any) -> bool:
    return isinstance(command, (AddToCase, MoveCase))


def noted(command: Any) -> Step:
    """Keep with the turn what it did to a case, so that a crash test can compare."""
    did = command.verb if isinstance(command, AddToCase) else command.move
    return Step(f"{did}:{command.source_message_id}", "FakePolicy")


def promise(about: str, now: datetime, ordinal: int = 0) -> MakePromise:
    """Promise an answer within four hours, to be broken after five."""
    due_at = now + timedelta(hours=4)
    return MakePromise(
        kind="find_out",
        text=f"asked: {about}",
        owner="agent",
        times=PromiseTimes(due_at, due_at - timedelta(hours=1), due_at + timedelta(hours=1)),
        task=CreateTask(kind="find_out", contact="", due="", note=about, due_at=due_at),
        about=about,
        ordinal=ordinal,
    )


def echo(message: InboundMessage) -> str:
    """Say the text back, with the intent that the server found for a button."""
    intent = message.meaning.intent if message.meaning else ""
    return f"re: {message.text}" + (f" [{intent}]" if intent else "")


def offered(text: str) -> tuple[Option, ...]:
    if text not in ("options", "human"):
        return ()
    return (
        Option("", "See prices", OptionMeaning(intent="ask_price"), aliases=("prices",)),
        Option("", "Go on", OptionMeaning("resume_bot", {}, "resume_bot"), aliases=("carry on",)),
    )


class AwkwardError(Exception):
    """An error that pickle cannot rebuild, as libraries have them."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(f"{place}: {reason}")


def misbehave(texts: list[str]) -> None:
    if "hang" in texts:
        time.sleep(3600)
    if "die" in texts:
        os._exit(9)
    if "fail" in texts:
        raise ValueError("the engine failed on purpose")
    if "awkward" in texts:
        raise AwkwardError("here", "on purpose")


class _NonsenseComputer(FakeComputer):
    def turn(self, request: TurnRequest) -> TurnResult:
        result = super().turn(request)
        if any(message.text == "nonsense" for message in request.messages):
            return {"conversation_id": 3}  # type: ignore[return-value]
        if any(message.text == "other turn" for message in request.messages):
            return msgspec.structs.replace(result, version=result.version + 7)
        return result


def build_fake(config: dict[str, Any]) -> FakeComputer:
    """Factory for `EngineHost`."""
    return _NonsenseComputer()


class InlineEngine:
    """An `Engine` that computes in this process."""

    def __init__(self, computer: Any = None) -> None:
        self.computer = computer or _NonsenseComputer()
        self.calls: list[tuple[TurnRequest, int]] = []

    def is_ready(self) -> bool:
        return True

    async def turn(self, request: TurnRequest, attempt: int) -> TurnResult:
        self.calls.append((request, attempt))
        try:
            return self.computer.turn(request)
        except Exception as error:
            raise EngineError(str(error)) from error
