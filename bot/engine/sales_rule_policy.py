"""Rasa's `RulePolicy` that also says which rule it followed."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from rasa.core.policies.policy import PolicyPrediction
from rasa.core.policies.rule_policy import RulePolicy
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.shared.core.domain import Domain, State
from rasa.shared.core.trackers import DialogueStateTracker

from bot.engine.dialogue_states import prediction_states

RULE_NAMES = "rule_names"
SOURCE = "source"


@lru_cache(maxsize=4096)
def _count_conditions(key: str) -> int:
    """Return how many things the key of a rule asks for."""
    return sum(
        1 if isinstance(part, str) else len(part)
        for state in json.loads(key)
        for part in state.values()
    )


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

    def _get_possible_keys(self, rules: dict[str, str], states: list[State]) -> list[str]:
        """Return the keys of the rules with the most conditions that all hold, always in one order.

        Rasa takes the longest text of several keys, and of equally long ones whichever its set of
        strings gives first: the same data trained at one time and contradicted itself at another.
        """
        keys = super()._get_possible_keys(rules, states)
        most = max(map(_count_conditions, keys), default=0)
        return sorted(key for key in keys if _count_conditions(key) == most)

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
