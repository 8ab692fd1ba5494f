"""Our wording for the stock peer, without a cost that is ours and not Rasa's.

Outside a turn `PlaybookNLG` reads the shop's files anew for every utterance, for developers who
edit them: a fifth of stock's time. Here they are read once.
"""

from __future__ import annotations

import random
import zlib
from typing import Any

from rasa.shared.core.trackers import DialogueStateTracker
from rasa.utils.endpoints import EndpointConfig

from bot.dialogue.facts import shop_facts
from bot.dialogue.turn import Reply
from bot.dialogue.wording import choose_reply
from bot.engine.nlg import PlaybookNLG
from bot.knowledge.shop import load_shop
from bot.settings import load_settings


class StockNLG(PlaybookNLG):
    """Chooses the same wordings from a shop that does not change."""

    def __init__(self, endpoint_config: EndpointConfig | None = None, domain: Any = None) -> None:
        """Read the shop."""
        super().__init__(endpoint_config, domain)
        self._facts = shop_facts(load_shop(load_settings().shop_dir))

    def _choose_without_turn(
        self, utter_action: str, tracker: DialogueStateTracker, given: dict[str, str]
    ) -> Reply:
        seed = zlib.crc32(f"{tracker.sender_id}:{len(tracker.events)}".encode())
        return choose_reply(self._book, utter_action, self._facts | given, (), random.Random(seed))
