"""Builds the spaCy `Doc` of every message, the substrate of every later component."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.shared.nlu.constants import TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.errors import ShopDataError
from bot.knowledge.shop import load_shop
from bot.language.document import product_names, shared_reader
from bot.nlu.sales_component import SalesComponent
from bot.settings import load_settings

DOC = "sales_doc"
MAX_CHARS = "max_chars"


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_TOKENIZER, is_trainable=False)
class SalesSpacyNLP(SalesComponent):
    """One `Doc` a message, by this process's reader, which knows the shop's products.

    (Product names are entities only; they are no features, so a model fits every shop.) It stands
    in the tokenizer's place and makes none of Rasa's tokens: nothing here reads them, and for 2,000
    characters they took longer than all understanding.
    """

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """Return the component's options."""
        return {
            # Longer messages are cut before they are understood.
            MAX_CHARS: 2_000,
        }

    def __init__(self, config: dict[str, Any]) -> None:
        """Keep the options; teach the reader the shop's products."""
        super().__init__(config)
        self._reader = shared_reader()
        with suppress(ShopDataError):  # `./prelude check` tells what is wrong with it
            self._reader.know_products(product_names(load_shop(load_settings().shop_dir).products))

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Read the training messages; what learns from them needs no entities."""
        self._read(training_data.training_examples, with_entities=False)
        return training_data

    def process(self, messages: list[Message]) -> list[Message]:
        """Read each message."""
        return self._read(messages, with_entities=True)

    def _read(self, messages: list[Message], *, with_entities: bool) -> list[Message]:
        for message in messages:
            if text := message.get(TEXT):
                message.set(
                    DOC,
                    self._reader.read(text, self._config[MAX_CHARS], with_entities=with_entities),
                )
        return messages
