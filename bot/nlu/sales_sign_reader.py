"""Adds what a message shows beside its intent: also, refusal, reaction, harm, threats, cues."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.shared.nlu.constants import INTENT
from rasa.shared.nlu.training_data.message import Message

from bot.language.document import concepts_of
from bot.language.signs import (
    find_buying_signals,
    find_outlets,
    find_refusal,
    find_style_cues,
    names_bodily_harm,
)
from bot.nlu.features import FeatureRow
from bot.nlu.fitted_component import FittedComponent, mark_of
from bot.nlu.sales_featurizer import FEATURES, SalesFeaturizer, features_of
from bot.nlu.sales_spacy_nlp import DOC
from bot.nlu.sign_model import SignModel

SIGNS = "signs"
COMPLAINT_SHARE = "complaint_share"


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class SalesSignReader(FittedComponent, IntentClassifier):
    """Reads the signs of a message off its concepts and its features."""

    @classmethod
    def required_components(cls) -> list[type]:
        """Return the components that must come before."""
        return [SalesFeaturizer]

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """Return the component's options."""
        return {
            # How sure a machine must be of an intent beside the first.
            "also_margin": -0.2,
            # What nearly every message has beside its intent and nobody needs to answer.
            "never_also": ["greet", "inform"],
            # A message that is a complaint with this probability gets reaction and harm.
            COMPLAINT_SHARE: 0.1,
            # Inverse strength of regularisation of the linear machines.
            "C": 0.3,
            # Of the messages without a word of threat, one in so many teaches what is none.
            "unthreatening_share": 8,
            # How sure the machine must be of a threat that names no outlet.
            "veiled_threat_margin": 0.5,
            # Seed of everything random.
            "random_state": 20261122,
        }

    def _fit(self, config: dict[str, Any], examples: Sequence[Message]) -> SignModel:
        marks = [self._marks(place, example) for place, example in enumerate(examples)]
        intents = [str(example.get(INTENT)) for example in examples]
        return SignModel(config).fit(features_of(examples), intents, marks)

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
            **self._learnt(message.get(FEATURES), intent, ranking, concepts),
        }

    def _learnt(
        self,
        features: FeatureRow | None,
        intent: str,
        ranking: list[dict[str, Any]],
        concepts: list[str],
    ) -> dict[str, Any]:
        """Return what the machines say, each only where its question makes sense."""
        if self._fitted is None or features is None:
            return {}
        row = features.alone()
        signs: dict[str, Any] = {
            "also": [name for name in self._fitted.also(row) if name != intent]
        }
        outlets = find_outlets(concepts)
        if self._fitted.is_threat(row, is_named=bool(outlets)):
            signs["threats"] = outlets or ["unnamed"]
        if intent.startswith("objection_"):
            signs["feedback"] = self._fitted.feedback(row)
        if self._may_complain(ranking):
            harm = self._fitted.harm(row)
            if names_bodily_harm(concepts) and "bodily" not in harm:
                harm.insert(0, "bodily")
            signs |= {"reaction": self._fitted.reaction(row), "harm": harm}
        return signs

    def _may_complain(self, ranking: list[dict[str, Any]]) -> bool:
        shares = [each["confidence"] for each in ranking if each["name"].startswith("complaint_")]
        return bool(sum(shares) >= self._config[COMPLAINT_SHARE])
