"""The one place where words are chosen: fills Rasa's response names from the book.

Named in `endpoints.yml`; every `utter_…`, every `utter_message(response=…)` and every question of
a form passes through here, and through the wording guard.
"""

from __future__ import annotations

import random
import zlib
from functools import lru_cache
from typing import Any

import structlog
from rasa.core.nlg.generator import NaturalLanguageGenerator
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.utils.endpoints import EndpointConfig

from bot.dialogue.facts import shop_facts
from bot.dialogue.turn import Reply
from bot.dialogue.wording import choose_reply
from bot.engine.context import active_turn
from bot.knowledge.book import load_book
from bot.knowledge.shop import Shop, load_shop
from bot.settings import load_settings

log = structlog.get_logger(__name__)


class PlaybookNLG(NaturalLanguageGenerator):
    """Chooses wordings from the book by facts, history and seed."""

    def __init__(self, endpoint_config: EndpointConfig | None = None, domain: Any = None) -> None:
        """Take the book; Rasa gives an endpoint and a domain that are not needed."""
        self._book = load_book()

    async def generate(
        self,
        utter_action: str,
        tracker: DialogueStateTracker,
        output_channel: str,
        **kwargs: Any,
    ) -> dict[str, Any] | None:
        """Return text and buttons of one response.

        Raises:
            EngineError: the book has no fitting wording.
        """
        given = {name: value for name, value in kwargs.items() if isinstance(value, str) and value}
        context = active_turn.get()
        try:
            if context is not None:
                facts = shop_facts(context.shop) | context.scene | given
                reply = choose_reply(
                    self._book, utter_action, facts, context.used_wordings, context.rng
                )
                context.add_reply(reply)
            else:
                reply = self._choose_without_turn(utter_action, tracker, given)
        except Exception as error:
            if context is not None:
                context.failures.append(error)
            raise
        return {
            "text": reply.text,
            "buttons": [
                {"title": option.label, "payload": option.label} for option in reply.options
            ],
        }

    def _choose_without_turn(
        self, utter_action: str, tracker: DialogueStateTracker, given: dict[str, str]
    ) -> Reply:
        """Choose for `rasa shell` and `rasa run`, where no turn of ours is active."""
        facts = shop_facts(_shop()) | given
        seed = zlib.crc32(f"{tracker.sender_id}:{len(tracker.events)}".encode())
        return choose_reply(self._book, utter_action, facts, (), random.Random(seed))


@lru_cache(maxsize=1)
def _shop() -> Shop:
    return load_shop(load_settings().shop_dir)
