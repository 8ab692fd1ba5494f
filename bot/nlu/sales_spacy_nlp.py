"""Builds the spaCy `Doc` of every message and derives Rasa's tokens from it."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from rasa.engine.graph import ExecutionContext
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.tokenizers.tokenizer import Token, Tokenizer
from rasa.shared.nlu.constants import TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.errors import ShopDataError
from bot.knowledge.shop import load_shop
from bot.language.document import MessageReader, product_names, shared_reader
from bot.nlu.fingerprint import hash_of_language
from bot.settings import load_settings

DOC = "sales_doc"
MAX_CHARS = "max_chars"


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_TOKENIZER, is_trainable=False)
class SalesSpacyNLP(Tokenizer):
    """One `Doc` a message: the substrate of every later component."""

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """Return the component's options."""
        return {
            # Rasa's own options; labels are not split.
            "intent_tokenization_flag": False,
            "intent_split_symbol": "_",
            "token_pattern": None,
            "prefix_separator_symbol": None,
            # Longer messages are cut before they are understood.
            MAX_CHARS: 2_000,
        }

    def __init__(self, config: dict[str, Any], reader: MessageReader) -> None:
        """Keep the reader that builds the `Doc`."""
        super().__init__(config)
        self._reader = reader
        self._max_chars: int = config[MAX_CHARS]

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> SalesSpacyNLP:
        """Create the component around this process's reader, which knows the shop's products.

        (Product names are entities only; they are no features, so a model fits every shop.)
        """
        reader = shared_reader()
        with suppress(ShopDataError):  # `./prelude check` tells what is wrong with it
            reader.know_products(product_names(load_shop(load_settings().shop_dir).products))
        return cls(config, reader)

    @classmethod
    def fingerprint_addon(cls, config: dict[str, Any]) -> str | None:
        """Return a hash of every file that decides how a message is read."""
        return hash_of_language()

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Read the training messages; what learns from them needs neither entities nor tokens."""
        for example in training_data.training_examples:
            if text := example.get(TEXT):
                example.set(DOC, self._reader.read(text, self._max_chars, with_entities=False))
        return training_data

    def tokenize(self, message: Message, attribute: str) -> list[Token]:
        """Read the attribute; keep the `Doc` of the text; return its words."""
        doc = self._reader.read(message.get(attribute) or "", self._max_chars)
        if attribute == TEXT:
            message.set(DOC, doc)
        return [Token(token.text, token.idx) for token in doc if not token.is_space]
