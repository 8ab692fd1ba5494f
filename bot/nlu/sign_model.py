"""What a message shows beside its intent, as far as it is learnt: one linear machine a question.

Further intents beside the first; reaction (D-CMP-3) and harm (D-CMP-4) of complaints; the kind of
negative feedback of objections (D-OBJ-8); whether words like 'lawyer' are a threat (D-CMP-9) or a
harmless mention. Knows scikit-learn, not Rasa; reads the same features as the intent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.svm import LinearSVC

HARMS = ("bodily", "mental", "economic")
FEWEST_ALSO = 20  # messages that mean an intent too, to learn it from
FEEDBACK_KINDS = ("indifference", "misunderstanding", "doubt", "shortcoming", "none")


class SignModel:
    """Answers each question only for messages that it applies to."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Keep the options; as in `SalesSignReader`."""
        self._config = config
        self._reaction: LinearSVC | None = None
        self._feedback: LinearSVC | None = None
        self._threat: LinearSVC | None = None
        self._harm: dict[str, LinearSVC] = {}
        self._also: list[str] = []

    def fit(
        self, features: csr_matrix, intents: Sequence[str], marks: Sequence[Mapping[str, Any]]
    ) -> SignModel:
        """Fit each question on the messages that somebody has marked for it.

        Args:
            features: one row for each message.
            intents: its primary intent.
            marks: its metadata: `also`, `reaction`, `harm`, `feedback`, `threat`, as far as marked.
        """
        self._fit_also(features, [each.get("also") or () for each in marks])
        is_complaint = np.array([each.startswith("complaint_") for each in intents])
        reacts = np.array([bool(each.get("reaction")) for each in marks]) & is_complaint
        self._reaction = self._classifier(
            features, reacts, [str(each.get("reaction")) for each in marks], None
        )
        for harm in HARMS:
            machine = self._classifier(
                features, reacts, [harm in (each.get("harm") or ()) for each in marks]
            )
            if machine is not None:
                self._harm[harm] = machine
        is_marked = np.array([bool(each.get("feedback")) for each in marks])
        self._feedback = self._classifier(
            features, is_marked, [str(each.get("feedback")) for each in marks]
        )
        is_marked = np.array(["threat" in each for each in marks])
        self._threat = self._classifier(
            features, is_marked, [bool(each.get("threat")) for each in marks]
        )
        return self

    def _fit_also(self, features: csr_matrix, also: Sequence[Collection[str]]) -> None:
        """Learn each intent from the messages that mean it too, beside as many single-minded."""
        several = np.flatnonzero([bool(each) for each in also])
        single = np.flatnonzero([not each for each in also])
        rng = np.random.default_rng(self._config["random_state"])
        chosen = np.zeros(len(also), np.bool_)
        chosen[several] = True
        chosen[rng.permutation(single)[: len(several)]] = True
        counts = Counter(name for each in also for name in each)
        asked = {name for name, count in counts.items() if count >= FEWEST_ALSO}
        machines: dict[str, LinearSVC] = {}
        for name in sorted(asked - set(self._config["never_also"])):
            machine = self._classifier(features, chosen, [name in each for each in also], None)
            if machine is not None:
                machines[name] = machine
        if machines:
            weights = np.concatenate([each.coef_ for each in machines.values()]).T
            self._also_weights = np.ascontiguousarray(weights, dtype=np.float32)
            self._also_intercepts = np.concatenate([each.intercept_ for each in machines.values()])
        self._also = list(machines)

    def also(self, row: csr_matrix) -> list[str]:
        """Return the intents that a message carries beside another, the plainest first."""
        if not self._also:
            return []
        margins = (row @ self._also_weights)[0] + self._also_intercepts
        order = np.argsort(-margins, kind="stable")
        return [self._also[at] for at in order if margins[at] >= self._config["also_margin"]]

    def reaction(self, row: csr_matrix) -> str | None:
        """Return the reaction type of a complaint."""
        return str(self._reaction.predict(row)[0]) if self._reaction is not None else None

    def harm(self, row: csr_matrix) -> list[str]:
        """Return the kinds of harm that a complaint names."""
        return [name for name, machine in self._harm.items() if machine.predict(row)[0]]

    def feedback(self, row: csr_matrix) -> str | None:
        """Return the kind of negative feedback of an objection; None for a mere bargain."""
        kind = str(self._feedback.predict(row)[0]) if self._feedback is not None else "none"
        return None if kind == "none" else kind

    def is_threat(self, row: csr_matrix, *, is_named: bool) -> bool:
        """Tell whether a message threatens; a veiled threat must be plainer than a named one."""
        if self._threat is None:
            return is_named
        margin = float(self._threat.decision_function(row)[0])
        return margin > (0.0 if is_named else self._config["veiled_threat_margin"])

    def _classifier(
        self,
        features: csr_matrix,
        chosen: NDArray[np.bool_],
        answers: Sequence[Any],
        class_weight: str | None = "balanced",
    ) -> LinearSVC | None:
        """Return a machine for one question, or None when there is nothing to tell apart."""
        wanted = np.array(answers)[chosen]
        if len(set(wanted.tolist())) < 2:
            return None
        machine = LinearSVC(
            C=self._config["C"],
            class_weight=class_weight,
            random_state=self._config["random_state"],
        )
        return machine.fit(features[chosen], wanted)
