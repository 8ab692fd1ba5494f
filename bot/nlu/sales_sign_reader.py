"""Adds what a message shows beside its intent: also, refusal, reaction, harm, threats, cues."""

from __future__ import annotations

import copy
from typing import Any

import joblib
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.shared.nlu.constants import INTENT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from scipy.sparse import csr_matrix

from bot.language.document import concepts_of
from bot.language.signs import (
    find_buying_signals,
    find_outlets,
    find_refusal,
    find_style_cues,
    names_bodily_harm,
)
from bot.nlu.fingerprint import hash_of_language
from bot.nlu.sales_featurizer import FEATURES, SalesFeaturizer, features_of, mark_of
from bot.nlu.sales_spacy_nlp import DOC
from bot.nlu.sign_model import SignModel

SIGNS = "signs"
ALSO_THRESHOLD = "also_threshold"
FILE_NAME = "sign_model.joblib"


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class SalesSignReader(GraphComponent, IntentClassifier):
    """Reads the signs of a message off its concepts and its features."""

    @classmethod
    def required_components(cls) -> list[type]:
        """Return the components that must come before."""
        return [SalesFeaturizer]

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """Return the component's options."""
        return {
            # An intent below the first place counts as also meant from this confidence on.
            ALSO_THRESHOLD: 0.2,
            # Inverse strength of regularisation of the linear machines.
            "C": 0.3,
            # Of the messages without a word of threat, one in so many teaches what is none.
            "unthreatening_share": 8,
            # How sure the machine must be of a threat that names no outlet.
            "veiled_threat_margin": 0.5,
            # Seed of everything random.
            "random_state": 20261122,
        }

    def __init__(
        self,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        model: SignModel | None = None,
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
    ) -> SalesSignReader:
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
    ) -> SalesSignReader:
        """Load the trained component."""
        with model_storage.read_from(resource) as directory:
            model = joblib.load(directory / FILE_NAME)
        return cls(config, model_storage, resource, model)

    @classmethod
    def fingerprint_addon(cls, config: dict[str, Any]) -> str | None:
        """Return a hash of every file that decides how a message is read."""
        return hash_of_language()

    def train(self, training_data: TrainingData) -> Resource:
        """Fit the machines on the marks of the training messages; persist them."""
        examples = [each for each in training_data.intent_examples if each.get(DOC) is not None]
        marks = [self._marks(place, example) for place, example in enumerate(examples)]
        intents = [str(example.get(INTENT)) for example in examples]
        model = SignModel(copy.deepcopy(self._config))
        self._model = model.fit(features_of(examples), intents, marks)
        with self._model_storage.write_to(self._resource) as directory:
            joblib.dump(model, directory / FILE_NAME)
        return self._resource

    def _marks(self, place: int, example: Message) -> dict[str, Any]:
        """Return the marks of a message; some without a word of threat are marked as harmless."""
        marks = mark_of(example)
        is_sampled = place % self._config["unthreatening_share"] == 0
        if "threat" not in marks and is_sampled and not find_outlets(concepts_of(example.get(DOC))):
            return {**marks, "threat": []}
        return marks

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
            "buying_signals": find_buying_signals(concepts, intent),
            "style_cues": find_style_cues(concepts),
            "also": [
                each["name"]
                for each in ranking
                if each["name"] != intent and each["confidence"] >= self._config[ALSO_THRESHOLD]
            ],
            **self._learnt(message.get(FEATURES), intent, concepts),
        }

    def _learnt(self, row: csr_matrix | None, intent: str, concepts: list[str]) -> dict[str, Any]:
        """Return what the machines say, each only where its question makes sense."""
        if self._model is None or row is None:
            return {}
        signs: dict[str, Any] = {}
        outlets = find_outlets(concepts)
        if self._model.is_threat(row, is_named=bool(outlets)):
            signs["threats"] = outlets or ["unnamed"]
        if intent.startswith("objection_"):
            signs["feedback"] = self._model.feedback(row)
        if intent.startswith("complaint_"):
            harm = self._model.harm(row)
            if names_bodily_harm(concepts) and "bodily" not in harm:
                harm.insert(0, "bodily")
            signs |= {"reaction": self._model.reaction(row), "harm": harm}
        return signs
