"""The fake engine of the browser tests: echoes, and shows on demand what a page can show.

'card' shows a product, 'phone' asks for a number, 'links' holds an address, 'hold' waits until the
test lets go. The standing buttons do what the real engine does with them.
"""

from __future__ import annotations

import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from bot.dialogue.case_numbers import case_number
from bot.dialogue.turn import (
    Command,
    HandOver,
    InboundMessage,
    OpenCase,
    Option,
    OptionMeaning,
    ProductCard,
    Reply,
    TurnRequest,
    TurnResult,
)
from tests.fakes import FakeComputer

HELD, LET_GO = "engine-held", "engine-let-go"
HOLD_SECONDS = 60.0
MORE = Option("", "再详细说说", OptionMeaning(intent="ask_product"))
CARD = ProductCard("humidifier", "絮川XC-H50上加水加湿器5升", 19900, "开一整晚不用起来添水")


class BrowserComputer(FakeComputer):
    """Computes turns in the worker process."""

    def __init__(self, var_dir: Path) -> None:
        self._var_dir = var_dir

    def turn(self, request: TurnRequest) -> TurnResult:
        if any(message.text == "hold" for message in request.messages):
            self._hold()
        result = super().turn(request)
        pairs = zip(request.messages, result.replies, strict=True)
        return msgspec.structs.replace(
            result,
            replies=tuple(shown(message, reply) for message, reply in pairs),
            commands=(*result.commands, *done_by_buttons(request)),
        )

    def _hold(self) -> None:
        """Tell the test who computes, and wait for it."""
        (self._var_dir / HELD).write_text(str(os.getpid()))
        deadline = time.monotonic() + HOLD_SECONDS
        while not (self._var_dir / LET_GO).exists() and time.monotonic() < deadline:
            time.sleep(0.01)


def shown(message: InboundMessage, reply: Reply) -> Reply:
    if message.text == "card":
        return msgspec.structs.replace(reply, card=CARD, options=(MORE,))
    if message.text == "phone":
        return msgspec.structs.replace(reply, asks_personal=True)
    return reply


def done_by_buttons(request: TurnRequest) -> list[Command]:
    commands: list[Command] = []
    for message in request.messages:
        intent = message.meaning.intent if message.meaning else ""
        if intent == "request_human":
            commands.append(HandOver(reason="asked"))
        elif intent == "report_problem" and request.facts.open_case is None:
            commands.append(
                OpenCase(
                    source_message_id=message.message_id,
                    number=case_number(message.message_id, message.received_at),
                    causes=("product",),
                    severity="slight",
                    deadline_at=request.now + timedelta(hours=24),
                )
            )
    return commands


def build(config: dict[str, Any]) -> BrowserComputer:
    """Factory for `EngineHost`."""
    return BrowserComputer(Path(config["var_dir"]))
