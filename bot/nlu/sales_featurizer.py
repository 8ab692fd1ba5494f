"""Fits and computes the features of messages, which every trained component after it shares."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import joblib
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.constants import TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from scipy.sparse import csr_matrix, vstack

from bot.nlu.features import MessageFeatures
from bot.nlu.fingerprint import hash_of_language
from bot.nlu.sales_spacy_nlp import DOC, SalesSpacyNLP

FEATURES = "sales_features"
FILE_NAME = "features.joblib"


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=True)
class SalesFeaturizer(GraphComponent):
    """One sparse row a message: words, characters, concepts."""

    @classmethod
    def required_components(cls) -> list[type]:
        """Return the components that must come before."""
        return [SalesSpacyNLP]

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """Return the component's options."""
        return {
            # Length of character n-grams, from and to.
            "char_ngram_min": 1,
            "char_ngram_max": 4,
            # In how many messages a feature must occur.
            "min_df": 3,
            # Weight of the concepts beside the n-grams; 0 leaves them out.
            "concept_weight": 1.0,
        }

    def __init__(
        self,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        features: MessageFeatures | None = None,
    ) -> None:
        """Keep the options and, when loaded, the fitted features."""
        self._config = config
        self._model_storage = model_storage
        self._resource = resource
        self._features = features

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> SalesFeaturizer:
        """Create an unfitted component."""
        return cls(config, model_storage, resource)

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> SalesFeaturizer:
        """Load the fitted component."""
        with model_storage.read_from(resource) as directory:
            features = joblib.load(directory / FILE_NAME)
        return cls(config, model_storage, resource, features)

    @classmethod
    def fingerprint_addon(cls, config: dict[str, Any]) -> str | None:
        """Return a hash of every file that decides how a message is read."""
        return hash_of_language()

    def train(self, training_data: TrainingData) -> Resource:
        """Learn the vocabulary; persist it."""
        examples = [each for each in training_data.intent_examples if each.get(DOC) is not None]
        features = MessageFeatures(copy.deepcopy(self._config))
        self._features = features.fit([example.get(DOC) for example in examples])
        with self._model_storage.write_to(self._resource) as directory:
            joblib.dump(features, directory / FILE_NAME)
        return self._resource

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Add the rows of all messages."""
        self.process(training_data.training_examples)
        return training_data

    def process(self, messages: list[Message]) -> list[Message]:
        """Add the row of each message that has a text."""
        read = [each for each in messages if each.get(TEXT) and each.get(DOC) is not None]
        if self._features is not None and read:
            rows = self._features.transform([each.get(DOC) for each in read])
            for place, message in enumerate(read):
                message.set(FEATURES, rows[place] if len(read) > 1 else rows)
        return messages


def features_of(examples: Sequence[Message]) -> csr_matrix:
    """Return the rows of these messages as one matrix."""
    return vstack([example.get(FEATURES) for example in examples], format="csr")


def mark_of(example: Message) -> dict[str, Any]:
    """Return what stands in the metadata of a training message: writer, genre, trade, signs."""
    marks = (example.get("metadata") or {}).get("example")
    return marks if isinstance(marks, dict) else {}
