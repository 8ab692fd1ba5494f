"""Fits and computes the features of messages, which every trained component after it shares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.shared.nlu.constants import TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from scipy.sparse import csr_matrix

from bot.nlu.features import DEFAULTS, FeatureRow, MessageFeatures, rows_of
from bot.nlu.fitted_component import FittedComponent
from bot.nlu.sales_spacy_nlp import DOC, SalesSpacyNLP

FEATURES = "sales_features"


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=True)
class SalesFeaturizer(FittedComponent):
    """One sparse row a message: words, characters, concepts."""

    @classmethod
    def required_components(cls) -> list[type]:
        """Return the components that must come before."""
        return [SalesSpacyNLP]

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """Return the component's options."""
        return dict(DEFAULTS)

    def _fit(self, config: dict[str, Any], examples: Sequence[Message]) -> MessageFeatures:
        return MessageFeatures(config).fit([example.get(DOC) for example in examples])

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Add the rows of all messages."""
        self.process(training_data.training_examples)
        return training_data

    def process(self, messages: list[Message]) -> list[Message]:
        """Add the row of each message that has a text."""
        read = [each for each in messages if each.get(TEXT) and each.get(DOC) is not None]
        if self._fitted is not None and read:
            matrix = self._fitted.transform([each.get(DOC) for each in read])
            for place, message in enumerate(read):
                message.set(FEATURES, FeatureRow(matrix, place))
        return messages


def features_of(examples: Sequence[Message]) -> csr_matrix:
    """Return the rows of these messages as one matrix."""
    return rows_of([example.get(FEATURES) for example in examples])
