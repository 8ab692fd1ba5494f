"""The engine itself, as it lives in a worker process: a Rasa agent asked for one turn at a time.

It holds no state between turns and writes nothing; the catalogue comes from a read-only source.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Protocol

from msgspec import to_builtins
from msgspec.structs import replace
from rasa.core.agent import Agent
from rasa.core.channels.channel import CollectingOutputChannel, UserMessage
from rasa.core.lock_store import InMemoryLockStore
from rasa.shared.core.events import ActionExecuted, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker

from bot.dialogue.turn import Step, TurnRequest, TurnResult
from bot.engine.context import TurnContext, active_turn
from bot.engine.in_process_actions import InProcessActions
from bot.engine.nlg import PlaybookNLG
from bot.engine.patches import speed_up_action_validation
from bot.engine.snapshot import SnapshotTrackerStore
from bot.engine.understanding import understand
from bot.errors import EngineError
from bot.knowledge.book import load_book
from bot.knowledge.shop import Shop
from bot.language.document import product_names, shared_reader
from bot.language.normalise import as_plain_text

WARM_UP_TEXT = "?"


class Catalogue(Protocol):
    """Where the shop's facts come from."""

    def shop(self) -> Shop:
        """Return the shop as it is now."""


class RasaEngine:
    """Computes turns with a trained model."""

    def __init__(self, model_path: Path, catalogue: Catalogue, *, nlu_max_chars: int) -> None:
        """Load the model; takes seconds."""
        speed_up_action_validation()
        self._catalogue = catalogue
        self._nlu_max_chars = nlu_max_chars
        self._book = load_book()
        self._known_shop: Shop | None = None
        self._store = SnapshotTrackerStore()
        self._loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self._loop)
        self._agent = Agent.load(
            str(model_path),
            generator=PlaybookNLG(),
            tracker_store=self._store,
            lock_store=InMemoryLockStore(),
            action_endpoint=InProcessActions(),
        )
        self.model_id = str(self._agent.model_id or "")
        self.parse(WARM_UP_TEXT)

    def parse(self, text: str) -> dict[str, Any]:
        """Understand one text."""
        self._shop()
        return self._loop.run_until_complete(self._parse(text))

    async def _parse(self, text: str) -> dict[str, Any]:
        cut = as_plain_text(text[: self._nlu_max_chars])
        parse: dict[str, Any] = await self._agent.parse_message(cut)
        return parse

    def turn(self, request: TurnRequest) -> TurnResult:
        """Compute one turn.

        Raises:
            EngineError: an action failed, or Rasa answered nothing.
        """
        context = TurnContext(
            facts=request.facts,
            messages=request.messages,
            shop=self._shop(),
            book=self._book,
            now=request.now,
        )
        token = active_turn.set(context)
        try:
            tracker, parse = self._loop.run_until_complete(self._handle(request, context))
        finally:
            active_turn.reset(token)
        if context.failures:
            failure = context.failures[0]
            raise EngineError(f"a step failed: {type(failure).__name__}: {failure}") from failure
        return TurnResult(
            conversation_id=request.conversation_id,
            version=request.version,
            first_seq=request.messages[0].seq,
            last_seq=request.messages[-1].seq,
            message_ids=tuple(message.message_id for message in request.messages),
            analyses=tuple(context.analyses),
            steps=_steps_of_last_turn(tracker),
            commands=tuple(context.commands),
            replies=tuple(context.replies),
            snapshot=self._store.pack(tracker),
            reasons=tuple(to_builtins(reason) for reason in context.reasons),
            model_id=self.model_id,
        )

    async def _handle(
        self, request: TurnRequest, context: TurnContext
    ) -> tuple[DialogueStateTracker, dict[str, Any]]:
        understood = await understand(request.messages, self._parse)
        context.analyses = list(understood.analyses)
        context.turn_analysis = understood.turn_analysis
        context.note_products()
        context.hear()
        facts = replace(request.facts, ledger=tuple(context.ledger))
        self._store.begin(replace(request, facts=facts))
        await self._agent.handle_message(
            UserMessage(
                understood.parse["text"],
                CollectingOutputChannel(),
                request.conversation_id,
                parse_data=understood.parse,
            )
        )
        if self._store.staged is None:
            raise EngineError("Rasa did not save its tracker")
        return self._store.staged, understood.parse

    def _shop(self) -> Shop:
        """Return the shop; teach the reader its products when they have changed."""
        shop = self._catalogue.shop()
        if shop is not self._known_shop:
            shared_reader().know_products(product_names(shop.products))
            self._known_shop = shop
        return shop


def _steps_of_last_turn(tracker: DialogueStateTracker) -> tuple[Step, ...]:
    """Return the actions since the last message, each with the rule or story behind it."""
    steps: list[Step] = []
    for event in reversed(tracker.events):
        if isinstance(event, UserUttered):
            break
        if isinstance(event, ActionExecuted) and event.action_name:
            metadata = event.metadata or {}
            steps.append(
                Step(
                    action=event.action_name,
                    policy=str(event.policy or ""),
                    source=tuple(metadata.get("source", ())),
                    confidence=float(event.confidence or 0.0),
                )
            )
    return tuple(reversed(steps))
