"""The context of an action that runs in Rasa's own action server (for developers).

The one module of the engine that imports `bootstrap`. It uses a database of its own under `var/`,
so a running shop is never touched.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from bot.bootstrap import build_developer_desk
from bot.clock import SHOP_TIME_ZONE
from bot.engine.context import ContextSource, TurnContext, analysis_of
from bot.knowledge.book import load_book
from bot.settings import load_settings


class DeveloperSource:
    """Loads a context by `sender_id` and applies commands at once."""

    def __init__(self) -> None:
        self._desk = build_developer_desk(load_settings())

    def load(self, conversation_id: str, tracker_state: dict[str, Any]) -> TurnContext:
        """Return the context for the newest message of a tracker."""
        latest = tracker_state.get("latest_message") or {}
        text = latest.get("text") or ""
        client_id = (latest.get("message_id") or f"{text}-{len(tracker_state['events'])}")[:64]
        message, facts = self._desk.open_message(conversation_id, client_id, text)
        context = TurnContext(
            facts=facts,
            messages=[message],
            shop=self._desk.shop(),
            book=load_book(),
            now=self._desk.now(),
        )
        today = message.received_at.astimezone(SHOP_TIME_ZONE).date()
        context.turn_analysis = analysis_of(latest, message.message_id, today)
        context.analyses = [context.turn_analysis]
        context.note_products()
        return context

    def apply(self, conversation_id: str, context: TurnContext) -> None:
        """Carry out the action's commands."""
        self._desk.apply(conversation_id, context.messages[0], context.commands)


@lru_cache(maxsize=1)
def context_source() -> ContextSource:
    """Return this process's source; opens its database at the first call."""
    return DeveloperSource()
