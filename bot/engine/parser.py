"""The NLU graph alone, for `./prelude parse` and evaluation: no dialogue, no database."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from rasa.core.agent import Agent

from bot.clock import SHOP_TIME_ZONE, Clock, SystemClock
from bot.dialogue.turn import MessageAnalysis
from bot.engine.context import analysis_of
from bot.knowledge.shop import load_shop
from bot.language.document import product_names, shared_reader
from bot.language.normalise import as_plain_text


class MessageParser:
    """Understands one message at a time."""

    def __init__(
        self, model_path: Path, shop_dir: Path, *, max_chars: int, clock: Clock | None = None
    ) -> None:
        """Load the model; takes seconds. Dates are resolved on the clock's day."""
        self._max_chars = max_chars
        self._clock = clock or SystemClock()
        self._loop = asyncio.new_event_loop()
        self._agent = Agent.load(str(model_path))
        shared_reader().know_products(product_names(load_shop(shop_dir).products))

    def analyse(self, text: str, message_id: int = 0) -> MessageAnalysis:
        """Return the analysis that a turn would store with a message."""
        cut = as_plain_text(text[: self._max_chars])
        raw = self._loop.run_until_complete(self._agent.parse_message(cut))
        today = self._clock.now().astimezone(SHOP_TIME_ZONE).date()
        return analysis_of(raw, message_id, today)

    def parse(self, text: str) -> dict[str, Any]:
        """Return how `text` is understood, as `MessageAnalysis` names it.

        `intent` is the best guess even where the talk would ask back; `clarity` says so.
        """
        analysis = self.analyse(text)
        best = [*analysis.ranking, (analysis.intent, analysis.confidence)][0]
        return {
            "text": text,
            "intent": {"name": best[0], "confidence": round(best[1], 4)},
            "clarity": analysis.clarity,
            "intent_ranking": [
                {"name": name, "confidence": share} for name, share in analysis.ranking
            ],
            "also": analysis.also,
            "entities": analysis.entities,
            "reaction": analysis.reaction,
            "harm": analysis.harm,
            "threats": analysis.threats,
            "refusal": analysis.refusal,
            "feedback": analysis.feedback,
            "buying_signals": analysis.buying_signals,
            "style_cues": analysis.style_cues,
        }
