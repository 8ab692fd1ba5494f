"""Turns the `Doc`'s entities into Rasa's; what depends on the day stays a `when`."""

from __future__ import annotations

from typing import Any

from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.nlu.extractors.extractor import EntityExtractorMixin
from rasa.shared.nlu.constants import ENTITIES as MESSAGE_ENTITIES
from rasa.shared.nlu.training_data.message import Message

from bot.language.document import concepts_of, entities_of, text_of
from bot.language.signs import find_refusal
from bot.nlu.sales_component import SalesComponent
from bot.nlu.sales_spacy_nlp import DOC, SalesSpacyNLP

REFUSAL = "refusal"


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR, is_trainable=False)
class SalesEntityExtractor(SalesComponent, EntityExtractorMixin):
    """The entities of `bot.language.entities`, and the wish not to be sold to."""

    @classmethod
    def required_components(cls) -> list[type]:
        """Return the components that must come before."""
        return [SalesSpacyNLP]

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
        found = [entity.as_dict() for entity in entities_of(doc)]
        if find_refusal(concepts_of(doc), "") == "stop":
            end = len(text_of(doc))
            found.append({"entity": REFUSAL, "value": "stop", "start": 0, "end": end})
        return [{**entity, "extractor": type(self).__name__} for entity in found]
