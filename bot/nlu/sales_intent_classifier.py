"""The intent of a message, from its features, by a linear machine and several networks."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.shared.nlu.constants import INTENT
from rasa.shared.nlu.training_data.message import Message

from bot.language.document import text_of
from bot.nlu.fitted_component import FittedComponent, mark_of
from bot.nlu.intent_model import DEFAULTS, IntentModel
from bot.nlu.sales_featurizer import FEATURES, SalesFeaturizer, features_of
from bot.nlu.sales_spacy_nlp import DOC

INTENT_RANKING = "intent_ranking"
_RUNS = re.compile(r"[^\W_]+")


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class SalesIntentClassifier(FittedComponent, IntentClassifier):
    """A linear machine and small networks over the features, with calibrated confidence."""

    @classmethod
    def required_components(cls) -> list[type]:
        """Return the components that must come before."""
        return [SalesFeaturizer]

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """Return the component's options."""
        return dict(DEFAULTS)

    def _fit(self, config: dict[str, Any], examples: Sequence[Message]) -> IntentModel:
        labels = [str(example.get(INTENT)) for example in examples]
        genres = [str(mark_of(example).get("genre", "")) for example in examples]
        return IntentModel(config).fit(features_of(examples), labels, genres)

    def process(self, messages: list[Message]) -> list[Message]:
        """Add intent and ranking to each message."""
        for message in messages:
            ranking = self._rank(message)
            top = ranking[0] if ranking else {"name": None, "confidence": 0.0}
            message.set(INTENT, dict(top), add_to_output=True)
            message.set(INTENT_RANKING, ranking, add_to_output=True)
        return messages

    def _rank(self, message: Message) -> list[dict[str, Any]]:
        """Return the intents of a message; none when nothing in it was ever seen."""
        found = message.get(FEATURES)
        row = found.alone() if found is not None else None
        if self._fitted is None or row is None or not row.nnz:
            return []
        return self._fitted.rank(row) if says_something(text_of(message.get(DOC))) else []


def says_something(text: str) -> bool:
    """Tell whether a text holds a character, a word, a number or a pictogram.

    Punctuation alone, or single letters and digits between it, say nothing.
    """
    if any(unicodedata.category(char) in ("Lo", "So") for char in text):
        return True
    return any(len(run) > 1 for run in _RUNS.findall(text))
