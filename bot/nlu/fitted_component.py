"""What every component of ours that learns has in common: one fitted object, one file."""

from __future__ import annotations

import copy
import pickle
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from rasa.engine.graph import ExecutionContext
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from typing_extensions import Self

from bot.nlu.sales_component import SalesComponent
from bot.nlu.sales_spacy_nlp import DOC

FILE_NAME = "fitted.pickle"


class FittedComponent(SalesComponent):
    """Fits an object on the training messages, persists it, loads it."""

    def __init__(
        self,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        fitted: Any = None,
    ) -> None:
        """Keep the options and, when loaded, what was fitted."""
        super().__init__(config)
        self._model_storage = model_storage
        self._resource = resource
        self._fitted = fitted

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> Self:
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
    ) -> Self:
        """Load the fitted component."""
        with model_storage.read_from(resource) as directory:
            fitted = pickle.loads((directory / FILE_NAME).read_bytes())
            return cls(config, model_storage, resource, fitted)

    def train(self, training_data: TrainingData) -> Resource:
        """Fit on the messages that have an intent; persist."""
        examples = [each for each in training_data.intent_examples if each.get(DOC) is not None]
        self._fitted = self._fit(copy.deepcopy(self._config), examples)
        with self._model_storage.write_to(self._resource) as directory:
            # joblib reads back in pure Python: seconds, with a vocabulary of a million entries
            (directory / FILE_NAME).write_bytes(pickle.dumps(self._fitted, protocol=5))
        return self._resource

    @abstractmethod
    def _fit(self, config: dict[str, Any], examples: Sequence[Message]) -> Any:
        """Return what the options and the messages make."""


def mark_of(example: Message) -> dict[str, Any]:
    """Return what stands in the metadata of a training message: writer, genre, trade, signs."""
    marks = (example.get("metadata") or {}).get("example")
    return marks if isinstance(marks, dict) else {}
