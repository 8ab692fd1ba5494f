"""Notices when a message is not understood well: unknown, or between two close meanings.

Like Rasa's own `FallbackClassifier`, but two meanings that lead the same way (both complaints) are
no reason to ask back, and the ranking keeps both, so that the talk can ask which was meant.
"""

from __future__ import annotations

from typing import Any

from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.shared.constants import DEFAULT_NLU_FALLBACK_INTENT_NAME
from rasa.shared.nlu.constants import INTENT
from rasa.shared.nlu.training_data.message import Message

from bot.nlu.sales_component import SalesComponent
from bot.nlu.sales_intent_classifier import INTENT_RANKING

CLARITY = "clarity"
THRESHOLD = "threshold"
CLOSE = "close"
SAME_WAY = "same_way"


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=False)
class SalesFallback(SalesComponent, IntentClassifier):
    """Replaces an intent that is too unsure by the fallback; says in `clarity` why."""

    @classmethod
    def required_components(cls) -> list[type]:
        """Return the components that must come before."""
        return [IntentClassifier]

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """Return the component's options."""
        return {
            # Below this confidence a message counts as not understood.
            THRESHOLD: 0.25,
            # Two meanings are close when the second has at least this share of the first.
            CLOSE: 0.85,
            # Families in which two close meanings lead the same way.
            SAME_WAY: ["complaint_", "objection_"],
        }

    def process(self, messages: list[Message]) -> list[Message]:
        """Set `clarity` on each message, and the fallback where it is not clear."""
        for message in messages:
            clarity = self._clarity(message.get(INTENT_RANKING) or [])
            message.set(CLARITY, clarity, add_to_output=True)
            if clarity != "clear":
                confidence = 1.0 - (message.get(INTENT) or {}).get("confidence", 0.0)
                fallback = {"name": DEFAULT_NLU_FALLBACK_INTENT_NAME, "confidence": confidence}
                message.set(INTENT, fallback, add_to_output=True)
        return messages

    def _clarity(self, ranking: list[dict[str, Any]]) -> str:
        """Return 'clear', 'close' (two meanings) or 'unknown'."""
        if not ranking or ranking[0]["confidence"] < self._config[THRESHOLD]:
            return "unknown"
        first, second = ranking[0], ranking[1] if len(ranking) > 1 else None
        if second is None or second["confidence"] < self._config[CLOSE] * first["confidence"]:
            return "clear"
        leads_same_way = any(
            first["name"].startswith(family) and second["name"].startswith(family)
            for family in self._config[SAME_WAY]
        )
        return "clear" if leads_same_way else "close"
