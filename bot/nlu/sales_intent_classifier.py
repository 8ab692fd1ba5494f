"""The intent of a message: sparse words, characters and concepts, a linear classifier.

Features are TF-IDF over words and word pairs of the `Doc`, character n-grams, and concepts. The
margins of a linear support vector machine become probabilities by one temperature, fitted on
held-out margins (Guo et al. 2017, 'On Calibration of Modern Neural Networks'), so that a
confidence of 0.7 means right in seven cases of ten.
"""

from __future__ import annotations

import copy
import re
import unicodedata
from typing import Any

import joblib
import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.shared.nlu.constants import INTENT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from spacy.tokens import Doc

from bot.nlu.fingerprint import hash_of_language
from bot.nlu.intent_model import IntentModel
from bot.nlu.sales_spacy_nlp import DOC, SalesSpacyNLP

INTENT_RANKING = "intent_ranking"
_RUNS = re.compile(r"[^\W_]+")
FILE_NAME = "intent_model.joblib"


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class SalesIntentClassifier(GraphComponent, IntentClassifier):
    """A linear classifier over the `Doc`, with calibrated confidence."""

    @classmethod
    def required_components(cls) -> list[type]:
        """Return the components that must come before."""
        return [SalesSpacyNLP]

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """Return the component's options."""
        return {
            # Inverse strength of regularisation of the linear machine.
            "C": 1.0,
            # Length of character n-grams, from and to.
            "char_ngram_min": 1,
            "char_ngram_max": 4,
            # Weight of the concept features beside the n-grams; 0 leaves them out.
            "concept_weight": 0.7,
            # Folds, by writer, whose held-out margins fit the temperature.
            "calibration_folds": 3,
            # How many intents a ranking holds.
            "ranking_length": 10,
            # Seed of everything random.
            "random_state": 20261122,
        }

    def __init__(
        self,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        model: IntentModel | None = None,
    ) -> None:
        """Keep the options and, when loaded, the trained model."""
        self._config = {**self.get_default_config(), **config}
        self._model_storage = model_storage
        self._resource = resource
        self._model = model

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> SalesIntentClassifier:
        """Create an untrained component."""
        return cls(config, model_storage, resource)

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> SalesIntentClassifier:
        """Load the trained component."""
        with model_storage.read_from(resource) as directory:
            model = joblib.load(directory / FILE_NAME)
        return cls(config, model_storage, resource, model)

    @classmethod
    def fingerprint_addon(cls, config: dict[str, Any]) -> str | None:
        """Return a hash of every file that decides how a message is read."""
        return hash_of_language()

    def train(self, training_data: TrainingData) -> Resource:
        """Fit features, classifier and temperature; persist them."""
        examples = [
            example for example in training_data.intent_examples if example.get(DOC) is not None
        ]
        docs = [example.get(DOC) for example in examples]
        labels = np.array([example.get(INTENT) for example in examples])
        writers = [_writer_of(example) for example in examples]
        model = IntentModel(copy.deepcopy(self._config))
        model.fit(docs, labels, writers)
        self._model = model
        with self._model_storage.write_to(self._resource) as directory:
            joblib.dump(model, directory / FILE_NAME)
        return self._resource

    def process(self, messages: list[Message]) -> list[Message]:
        """Add intent and ranking to each message."""
        for message in messages:
            doc = message.get(DOC)
            ranking = self._rank(doc)
            top = ranking[0] if ranking else {"name": None, "confidence": 0.0}
            message.set(INTENT, dict(top), add_to_output=True)
            message.set(INTENT_RANKING, ranking, add_to_output=True)
        return messages

    def _rank(self, doc: Doc | None) -> list[dict[str, Any]]:
        if self._model is None or doc is None or not says_something(doc.text):
            return []
        return self._model.rank(doc)


def says_something(text: str) -> bool:
    """Tell whether a text holds a character, a word, a number or a pictogram.

    Punctuation alone, or single letters and digits between it, say nothing.
    """
    if any(unicodedata.category(char) in ("Lo", "So") for char in text):
        return True
    return any(len(run) > 1 for run in _RUNS.findall(text))


def _writer_of(example: Message) -> str:
    """Return who wrote a training message; examples without one share a group."""
    metadata = (example.get("metadata") or {}).get("example") or {}
    return str(metadata.get("writer", "")) if isinstance(metadata, dict) else ""
