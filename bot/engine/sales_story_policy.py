"""Rasa's `AugmentedMemoizationPolicy`, with two differences.

It says which story it recalled; and it sees the turns that rules predicted. (Rasa hides those from
every policy but `RulePolicy`, so a story could never begin where a rule has ended.)
"""

from __future__ import annotations

from typing import Any

from rasa.core.constants import POLICY_MAX_HISTORY
from rasa.core.policies.memoization import AugmentedMemoizationPolicy
from rasa.core.policies.policy import PolicyPrediction, SupportedData
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.shared.core.domain import Domain, State
from rasa.shared.core.generator import TrackerWithCachedStates
from rasa.shared.core.trackers import DialogueStateTracker

from bot.engine.dialogue_states import prediction_states

STORY_NAMES = "story_names"
LAST_STATES = "last_states"
SOURCE = "source"


@DefaultV1Recipe.register(
    DefaultV1Recipe.ComponentType.POLICY_WITHOUT_END_TO_END_SUPPORT, is_trainable=True
)
class SalesStoryPolicy(AugmentedMemoizationPolicy):
    """Adds the names of the stories behind a prediction to the executed action's metadata."""

    lookup: dict[str, Any]
    _recalled_key: str | None = None

    @staticmethod
    def supported_data() -> SupportedData:
        """Ask for everything, so that the turns of rules are not hidden at prediction."""
        return SupportedData.ML_AND_RULE_DATA

    def train(
        self, training_trackers: list[TrackerWithCachedStates], domain: Domain, **kwargs: Any
    ) -> Resource:
        """Memorise the stories, and from which story each memory comes."""
        stories = [
            tracker
            for tracker in training_trackers
            if not tracker.is_rule_tracker and not getattr(tracker, "is_augmented", False)
        ]
        super().train(stories, domain, **kwargs)
        names: dict[str, set[str]] = {}
        last_states: set[str] = set()
        for tracker in stories:
            states, _ = self.featurizer.training_states_and_labels([tracker], domain)
            for each in states:
                key = self._create_feature_key(each)
                if key in self.lookup:
                    names.setdefault(key, set()).add(tracker.sender_id)
                    last_states.add(_name_of_state(each[-1]))
        self.lookup = {
            **self.lookup,
            STORY_NAMES: {key: sorted(stories) for key, stories in names.items()},
            LAST_STATES: sorted(last_states),
        }
        self.persist()
        return self._resource

    def _recall_states(self, states: list[State]) -> str | None:
        key = self._create_feature_key(states)
        action: str | None = self.lookup.get(key)
        self._recalled_key = key if action is not None else None
        return action

    def _prediction_states(
        self,
        tracker: DialogueStateTracker,
        domain: Domain,
        use_text_for_last_user_input: bool = False,
        rule_only_data: dict[str, Any] | None = None,
    ) -> list[State]:
        """Take the states that all policies share; none of our data speaks of texts."""
        return prediction_states(tracker, domain, self.config[POLICY_MAX_HISTORY])

    def predict_action_probabilities(
        self,
        tracker: DialogueStateTracker,
        domain: Domain,
        rule_only_data: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> PolicyPrediction:
        """Predict the next action; name the stories it comes from."""
        self._recalled_key = None
        if self._name_of_present(tracker) not in self.lookup.get(LAST_STATES, ()):
            return self._prediction(self._default_predictions(domain))
        prediction = super().predict_action_probabilities(
            tracker, domain, rule_only_data=rule_only_data, **kwargs
        )
        names = self.lookup.get(STORY_NAMES, {}).get(self._recalled_key, [])
        prediction.action_metadata = {SOURCE: list(names)}
        return prediction

    @staticmethod
    def _name_of_present(tracker: DialogueStateTracker) -> str:
        message = tracker.latest_message
        intent = message.intent.get("name") if message is not None else None
        return f"{tracker.latest_action_name} {intent}"


def _name_of_state(state: State) -> str:
    """Return what every memory must share with the present: last action and intent.

    Most steps share it with no story; then the costly recall is not even tried.
    """
    action = state.get("prev_action", {}).get("action_name")
    return f"{action} {state.get('user', {}).get('intent')}"
