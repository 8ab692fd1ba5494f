"""The states of a tracker, computed once a prediction for all policies.

Rasa lets every policy replay the whole tracker for itself; here both see the same turns, so they
share one replay.
"""

from __future__ import annotations

from typing import Any

from rasa.core.featurizers.tracker_featurizers import TrackerFeaturizer
from rasa.shared.core.constants import USER
from rasa.shared.core.domain import Domain, State
from rasa.shared.core.trackers import DialogueStateTracker, is_prev_action_listen_in_state
from rasa.shared.nlu.constants import TEXT


class _Memory:
    """The states of the tracker that was asked for last."""

    def __init__(self) -> None:
        self._tracker: Any = None
        self._event_count = 0
        self._states: list[State] = []

    def states(self, tracker: Any, domain: Domain) -> list[State]:
        if tracker is not self._tracker or len(tracker.events) != self._event_count:
            self._states = tracker.past_states(domain)
            self._tracker, self._event_count = tracker, len(tracker.events)
        return self._states


_memory = _Memory()


def prediction_states(
    tracker: DialogueStateTracker, domain: Domain, max_history: int | None = None
) -> list[State]:
    """Return what `Policy._prediction_states` returns for policies that see every turn.

    Args:
        max_history: so many newest states; None for all.
    """
    states = _memory.states(tracker, domain)[-max_history if max_history else 0 :]
    own = [{name: dict(part) for name, part in state.items()} for state in states]
    TrackerFeaturizer._remove_user_text_if_intent([own])
    if own and is_prev_action_listen_in_state(own[-1]):
        own[-1].get(USER, {}).pop(TEXT, None)
    return own
