"""The trained part of intent classification: two machines over the same features, one confidence.

A linear support vector machine and averaged embeddings err differently; their margins are added
with weights that make the probability of held-out messages highest. Held out are whole genres, for
a customer always writes otherwise than those who wrote the training messages (Guo et al. 2017, 'On
Calibration of Modern Neural Networks'; here with one temperature a machine). Not Rasa's.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse import csr_matrix
from scipy.special import log_softmax, softmax
from sklearn.model_selection import GroupKFold, StratifiedKFold
from sklearn.svm import LinearSVC

from bot.nlu.averaged_embeddings import AveragedEmbeddings


@dataclass(frozen=True)
class Machines:
    """Both machines; `weights` are features × classes, as a row's product wants them."""

    weights: NDArray[np.float32]
    intercept: NDArray[np.float64]
    embeddings: AveragedEmbeddings


class IntentModel:
    """Features → margins of two machines → calibrated probabilities."""

    def __init__(self, config: dict[str, Any]) -> None:
        """Keep the options; as in `SalesIntentClassifier`."""
        self._config = config
        self._temperatures = np.ones(2)
        self.classes: list[str] = []

    def fit(
        self, features: csr_matrix, labels: Sequence[str], groups: Sequence[str]
    ) -> IntentModel:
        """Fit everything; deterministic for the same data and configuration.

        Args:
            features: one row for each message.
            labels: its intent.
            groups: what is held out together when confidence is fitted.
        """
        names, numbers = np.unique(np.array(labels), return_inverse=True)
        self.classes = [str(name) for name in names]
        self._temperatures = self._fit_temperatures(features, numbers, groups)
        self._machines = self._fit_machines(features, numbers)
        return self

    def shares(self, features: csr_matrix) -> NDArray[np.float64]:
        """Return the probability of each class (columns as `classes`) for each row."""
        margins = self._margins(self._machines, features)
        return np.asarray(softmax(margins @ self._temperatures, axis=1))

    def rank(self, row: csr_matrix) -> list[dict[str, Any]]:
        """Return the likeliest intents, best first: `name` and `confidence` (0–1)."""
        shares = self.shares(row)[0]
        order = np.argsort(-shares, kind="stable")[: self._config["ranking_length"]]
        return [{"name": self.classes[at], "confidence": float(shares[at])} for at in order]

    def _fit_machines(self, features: csr_matrix, numbers: NDArray[np.intp]) -> Machines:
        """Fit both at the same time: each leaves Python's lock while it computes."""
        linear = LinearSVC(C=self._config["C"], random_state=self._config["random_state"])
        embeddings = AveragedEmbeddings(self._config)
        with ThreadPoolExecutor(1) as pool:
            other = pool.submit(linear.fit, features, numbers)
            embeddings.fit(features, numbers, len(self.classes))
            other.result()
        weights = np.ascontiguousarray(linear.coef_.T, dtype=np.float32)
        return Machines(weights, linear.intercept_, embeddings)

    def _margins(self, machines: Machines, features: csr_matrix) -> NDArray[np.float64]:
        """Return margins, messages × classes × machines."""
        both = [
            features @ machines.weights + machines.intercept,
            machines.embeddings.margins(features),
        ]
        return np.asarray(np.stack(both, axis=-1), np.float64)

    def _fit_temperatures(
        self, features: csr_matrix, numbers: NDArray[np.intp], groups: Sequence[str]
    ) -> NDArray[np.float64]:
        """Return the factor of each machine's margins that makes held-out confidence honest."""
        kept, held_out = self._split(numbers, groups)
        machines = self._fit_machines(features[kept], numbers[kept])
        margins = self._margins(machines, features[held_out])
        wanted = numbers[held_out]

        def loss(logs: NDArray[np.float64]) -> float:
            chances = log_softmax(margins @ np.exp(logs), axis=1)
            return float(-chances[np.arange(len(wanted)), wanted].mean())

        return np.asarray(np.exp(minimize(loss, np.zeros(2), method="Nelder-Mead").x))

    def _split(
        self, numbers: NDArray[np.intp], groups: Sequence[str]
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return what is fitted on and what is held out, whole groups where there are enough."""
        parts = self._config["calibration_parts"]
        folds: GroupKFold | StratifiedKFold
        if len(set(groups)) >= parts:
            folds = GroupKFold(parts)
        else:
            seed = self._config["random_state"]
            folds = StratifiedKFold(parts, shuffle=True, random_state=seed)
        for kept, held_out in folds.split(numbers, numbers, list(groups)):
            if set(numbers[held_out]) <= set(numbers[kept]):
                return kept, held_out
        raise ValueError("an intent's messages are all of one genre")
