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

from bot.dialogue.answering import answer_to_offer, other_wish
from bot.dialogue.case_talk import offered
from bot.dialogue.contact import is_interruption
from bot.dialogue.hearing import heard_as
from bot.dialogue.hearing_questions import QUESTION
from bot.dialogue.repairing import is_over
from bot.dialogue.truth import PREFIX
from bot.dialogue.turn import CaseView, HandOver, Step, TurnRequest, TurnResult
from bot.dialogue.venting import heard_in_case
from bot.engine.context import TurnContext, active_turn
from bot.engine.in_process_actions import InProcessActions
from bot.engine.nlg import PlaybookNLG
from bot.engine.patches import speed_up_action_validation
from bot.engine.snapshot import SnapshotTrackerStore
from bot.engine.understanding import Heard, Understood, hear_as, understand
from bot.errors import EngineError
from bot.knowledge.book import load_book
from bot.knowledge.shop import Shop
from bot.language.document import product_names, shared_reader
from bot.language.normalise import as_plain_text

WARM_UP_TEXT = "?"
OTHER_WISH = "other_wish"


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
            tracker, heard = self._loop.run_until_complete(self._handle(request, context))
        finally:
            active_turn.reset(token)
        if context.failures:
            failure = context.failures[0]
            raise EngineError(f"a step failed: {type(failure).__name__}: {failure}") from failure
        context.note_outcomes()
        return TurnResult(
            conversation_id=request.conversation_id,
            version=request.version,
            first_seq=request.messages[0].seq,
            last_seq=request.messages[-1].seq,
            message_ids=tuple(message.message_id for message in request.messages),
            analyses=tuple(context.analyses),
            steps=_steps_of_last_turn(tracker, heard),
            commands=tuple(context.commands),
            replies=tuple(context.replies),
            snapshot=self._store.pack(tracker),
            reasons=tuple(to_builtins(reason) for reason in context.reasons),
            model_id=self.model_id,
        )

    async def _handle(
        self, request: TurnRequest, context: TurnContext
    ) -> tuple[DialogueStateTracker, int]:
        """Let Rasa handle what was heard; return its tracker and how often it was asked."""
        understood = await understand(request.messages, self._parse, request.facts)
        understood = self._reread(understood, context)
        context.analyses = list(understood.analyses)
        context.turn_analysis = understood.decisive
        context.note_products()
        context.hear()
        is_selling = context.analysis.intent.startswith(PREFIX)
        for each in understood.waiting:
            context.keep_for_later(each, "open" if is_selling else "left")
        context.explain_style()
        facts = replace(request.facts, ledger=tuple(context.ledger))
        self._store.begin(replace(request, facts=facts), drops_form=_is_abandoned(request, context))
        served = 0
        for heard in understood.heard:
            if any(isinstance(command, HandOver) for command in context.commands):
                break
            served += 1
            context.turn_analysis, context.heard_text = heard.analysis, heard.parse["text"]
            parse = await self._heard_in_case(heard, context)
            context.heard_intent = parse["intent"]["name"]
            await self._agent.handle_message(
                UserMessage(
                    heard.parse["text"],
                    CollectingOutputChannel(),
                    request.conversation_id,
                    parse_data=parse,
                )
            )
        if self._store.staged is None:
            raise EngineError("Rasa did not save its tracker")
        return self._store.staged, served

    async def _heard_in_case(self, heard: Heard, context: TurnContext) -> dict[str, Any]:
        """Return a parse as rules decide by it; what the message is labelled as stays."""
        case, text = context.facts.open_case, heard.parse["text"]
        meant = heard_in_case(self._book.complaints, case, heard.analysis, text) if case else ""
        if not meant:
            return await self._in_talks(heard, case, context) if case else heard.parse
        context.explain(heard_as=meant, instead_of=heard.analysis.intent)
        return heard.parse | {"intent": {"name": meant, "confidence": 1.0}}

    async def _in_talks(self, heard: Heard, case: CaseView, context: TurnContext) -> dict[str, Any]:
        """Return a parse as it is meant while a remedy is talked about, or has been."""
        if offered(case):
            return self._as_answer(heard, case)
        text, remedies = heard.parse["text"], self._shop().remedies
        wish = other_wish(self._book, remedies, case, heard.analysis, text)
        tracker = await self._store.retrieve(context.facts.conversation_id) if wish else None
        if tracker is None or tracker.get_slot("case_wish") == wish:
            return heard.parse
        context.explain(heard_as=OTHER_WISH, instead_of=heard.analysis.intent)
        return heard.parse | {"intent": {"name": OTHER_WISH, "confidence": 1.0}}

    def _as_answer(self, heard: Heard, case: CaseView) -> dict[str, Any]:
        """Return a parse as an answer to a proposal is meant, with what is wanted instead."""
        answer = answer_to_offer(
            self._book,
            self._shop().remedies,
            offered(case)[-1].text,
            heard.analysis,
            heard.parse["text"],
        )
        if answer.intent:
            return heard.parse | {"intent": {"name": answer.intent, "confidence": 1.0}}
        named = [{"entity": "remedy", "value": answer.wish}] if answer.wish else []
        return heard.parse | {"entities": [*heard.parse.get("entities", []), *named]}

    def _reread(self, understood: Understood, context: TurnContext) -> Understood:
        """Return what was understood, read by what the customer was asked just before."""
        said = list(context.used_wordings)
        has_case = context.open_case is not None

        def meant(heard: Heard) -> str:
            analysis, text = heard.analysis, heard.parse["text"]
            names_product = any(each["entity"] == "product" for each in analysis.entities)
            found = heard_as(
                self._book,
                analysis,
                text,
                said,
                has_product=context.product is not None or names_product,
                is_busy=context.objection is not None or has_case,
                has_case=has_case,
            )
            if found == analysis.intent and context.may_be_asked(analysis, text):
                found = QUESTION
            if found != heard.analysis.intent:
                context.explain(heard_as=found, instead_of=heard.analysis.intent)
            return found

        return hear_as(understood, meant)

    def _shop(self) -> Shop:
        """Return the shop; teach the reader its products when they have changed."""
        shop = self._catalogue.shop()
        if shop is not self._known_shop:
            shared_reader().know_products(product_names(shop.products))
            self._known_shop = shop
        return shop


def _is_abandoned(request: TurnRequest, context: TurnContext) -> bool:
    """Tell whether the customer comes back late, with something else than a form asks for."""
    is_late = is_over(context.book.repairs, request.facts.last_said_at, request.now)
    return is_late and is_interruption(context.text, context.analysis)


def _steps_of_last_turn(tracker: DialogueStateTracker, heard: int) -> tuple[Step, ...]:
    """Return the actions since the last `heard` messages, each with the rule or story behind it."""
    steps: list[Step] = []
    for event in reversed(tracker.events):
        if isinstance(event, UserUttered):
            heard -= 1
            if not heard:
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
