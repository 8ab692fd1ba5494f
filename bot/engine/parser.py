"""The NLU graph alone, for `./prelude parse` and evaluation: no dialogue, no database."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from rasa.core.agent import Agent

from bot.engine.context import analysis_of
from bot.knowledge.shop import load_shop
from bot.language.document import product_names, shared_reader
from bot.language.normalise import as_plain_text


class MessageParser:
    """Understands one message at a time."""

    def __init__(self, model_path: Path, shop_dir: Path, *, max_chars: int) -> None:
        """Load the model; takes seconds."""
        self._max_chars = max_chars
        self._loop = asyncio.new_event_loop()
        self._agent = Agent.load(str(model_path))
        shared_reader().know_products(product_names(load_shop(shop_dir).products))

    def parse(self, text: str) -> dict[str, Any]:
        """Return the parse of `text`: intent, ranking, also, entities, reaction, harm, refusal."""
        cut = as_plain_text(text[: self._max_chars])
        raw = self._loop.run_until_complete(self._agent.parse_message(cut))
        analysis = analysis_of(raw, 0)
        return {
            "text": text,
            "intent": {"name": analysis.intent, "confidence": round(analysis.confidence, 4)},
            "intent_ranking": [
                {"name": name, "confidence": share} for name, share in analysis.ranking
            ],
            "also": analysis.also,
            "entities": analysis.entities,
            "reaction": analysis.reaction,
            "harm": analysis.harm,
            "refusal": analysis.refusal,
        }
