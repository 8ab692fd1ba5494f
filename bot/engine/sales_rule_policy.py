"""Rasa's `RulePolicy` that also says which rule it followed."""

from __future__ import annotations

from typing import Any

from rasa.core.policies.policy import PolicyPrediction
from rasa.core.policies.rule_policy import RulePolicy
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.shared.core.domain import Domain, State
from rasa.shared.core.trackers import DialogueStateTracker

from bot.engine.dialogue_states import prediction_states

RULE_NAMES = "rule_names"
SOURCE = "source"


@DefaultV1Recipe.register(
    DefaultV1Recipe.ComponentType.POLICY_WITHOUT_END_TO_END_SUPPORT, is_trainable=True
)
class SalesRulePolicy(RulePolicy):
    """Adds the names of the rules behind a prediction to the executed action's metadata."""

    def _metadata(self) -> dict[str, Any]:
        """Persist, beside the look-up table, which rules wrote each of its keys."""
        names = {
            key: sorted({name for name, _ in sources})
            for key, sources in self._rules_sources.items()
            if key is not None
        }
        return {"lookup": {**self.lookup, RULE_NAMES: names}}

    def _find_action_from_rules(
        self,
        tracker: DialogueStateTracker,
        domain: Domain,
        use_text_for_last_user_input: bool,
    ) -> tuple[str | None, str | None, bool]:
        """Look for a rule by intent; our data has no rules by text, so that pass is left out."""
        if use_text_for_last_user_input:
            return None, None, False
        found: tuple[str | None, str | None, bool] = super()._find_action_from_rules(
            tracker, domain, use_text_for_last_user_input
        )
        return found

    def _prediction_states(
        self,
        tracker: DialogueStateTracker,
        domain: Domain,
        use_text_for_last_user_input: bool = False,
        rule_only_data: dict[str, Any] | None = None,
    ) -> list[State]:
        """Take the states that all policies share; none of our data speaks of texts."""
        return prediction_states(tracker, domain)

    def predict_action_probabilities(
        self,
        tracker: DialogueStateTracker,
        domain: Domain,
        rule_only_data: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> PolicyPrediction:
        """Predict the next action; name the rules it comes from."""
        prediction, key = self._predict(tracker, domain)
        names = self.lookup.get(RULE_NAMES, {}).get(key, [])
        prediction.action_metadata = {SOURCE: list(names)}
        return prediction
