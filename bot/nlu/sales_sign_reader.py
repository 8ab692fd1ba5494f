"""Adds what a message shows beside its intent: concepts, refusal, reaction, harm, also."""

from __future__ import annotations

from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.shared.nlu.constants import INTENT
from rasa.shared.nlu.training_data.message import Message

from bot.language.document import concepts_of
from bot.language.signs import find_harm, find_reaction, find_refusal
from bot.nlu.sales_spacy_nlp import DOC, SalesSpacyNLP

SIGNS = "signs"
ALSO_THRESHOLD = "also_threshold"


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=False)
class SalesSignReader(GraphComponent, IntentClassifier):
    """Reads the signs of a message off its `Doc`."""

    @classmethod
    def required_components(cls) -> list[type]:
        """Return the components that must come before."""
        return [SalesSpacyNLP, IntentClassifier]

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """Return the component's options."""
        return {
            # An intent below the first place counts as also meant from this confidence on.
            ALSO_THRESHOLD: 0.25,
        }

    def __init__(self, config: dict[str, Any]) -> None:
        """Keep the options."""
        self._also_threshold: float = {**self.get_default_config(), **config}[ALSO_THRESHOLD]

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> SalesSignReader:
        """Create the component."""
        return cls(config)

    def process(self, messages: list[Message]) -> list[Message]:
        """Add the signs of each message."""
        for message in messages:
            message.set(SIGNS, self._signs(message), add_to_output=True)
        return messages

    def _signs(self, message: Message) -> dict[str, Any]:
        doc = message.get(DOC)
        concepts = concepts_of(doc) if doc is not None else []
        intent = (message.get(INTENT) or {}).get("name") or ""
        ranking = message.get("intent_ranking") or []
        return {
            "concepts": concepts,
            "refusal": find_refusal(concepts, intent),
            "reaction": find_reaction(concepts, intent),
            "harm": find_harm(concepts, intent),
            "also": [
                each["name"]
                for each in ranking
                if each["name"] != intent and each["confidence"] >= self._also_threshold
            ],
        }
