"""Turns the `Doc`'s entity spans into Rasa's entities."""

from __future__ import annotations

from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.extractors.extractor import EntityExtractorMixin
from rasa.shared.nlu.constants import ENTITIES as MESSAGE_ENTITIES
from rasa.shared.nlu.training_data.message import Message

from bot.language.document import ENTITIES, concepts_of
from bot.language.signs import find_refusal
from bot.nlu.sales_spacy_nlp import DOC, SalesSpacyNLP

REFUSAL = "refusal"


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR, is_trainable=False)
class SalesEntityExtractor(EntityExtractorMixin, GraphComponent):
    """Order number, phone, amount, product, date; and the wish not to be sold to."""

    @classmethod
    def required_components(cls) -> list[type]:
        """Return the components that must come before."""
        return [SalesSpacyNLP]

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """Return the component's options: none."""
        return {}

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> SalesEntityExtractor:
        """Create the component."""
        return cls()

    def process(self, messages: list[Message]) -> list[Message]:
        """Add the entities of each message."""
        for message in messages:
            found = message.get(MESSAGE_ENTITIES, []) + self._entities(message)
            message.set(MESSAGE_ENTITIES, found, add_to_output=True)
        return messages

    def _entities(self, message: Message) -> list[dict[str, Any]]:
        doc = message.get(DOC)
        if doc is None:
            return []
        entities = [
            {
                "entity": span.label_,
                "value": span.id_,
                "start": span.start_char,
                "end": span.end_char,
                "extractor": type(self).__name__,
            }
            for span in doc.spans[ENTITIES]
        ]
        if find_refusal(concepts_of(doc), "") == "stop":
            entities.append(
                {
                    "entity": REFUSAL,
                    "value": "stop",
                    "start": 0,
                    "end": len(doc.text),
                    "extractor": type(self).__name__,
                }
            )
        return entities
