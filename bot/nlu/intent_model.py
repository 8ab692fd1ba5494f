"""The trained part of intent classification: networks over the same features, one confidence.

One network's errors depend on the order in which it met the messages; the mean of several errs
less than any of them (Lakshminarayanan et al. 2017, 'Simple and Scalable Predictive Uncertainty
Estimation using Deep Ensembles'). Confidence is fitted on whole genres held out, for a customer
always writes otherwise than those who wrote the training messages (Guo et al. 2017, 'On Calibration
of Modern Neural Networks'). Not Rasa's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.sparse import csr_matrix
from scipy.special import log_softmax, softmax
from sklearn.model_selection import GroupKFold, StratifiedKFold

from bot.nlu.averaged_embeddings import AveragedEmbeddings


class IntentModel:
    """Features → mean margins of the networks → calibrated probabilities."""

    def __init__(self, config: dict[str, Any]) -> None:
        """Keep the options; as in `SalesIntentClassifier`."""
        self._config = config
        self._sharpness = 1.0
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
        kept, held_out = self._split(numbers, groups)
        network = self._fit_network(features[kept], numbers[kept])
        self._sharpness = _sharpness(network.margins(features[held_out]), numbers[held_out])
        self._network = self._fit_network(features, numbers)
        return self

    def shares(self, features: csr_matrix) -> NDArray[np.float64]:
        """Return the probability of each class (columns as `classes`) for each row."""
        margins = self._network.margins(features).astype(np.float64)
        return np.asarray(softmax(margins * self._sharpness, axis=1))

    def rank(self, row: csr_matrix) -> list[dict[str, Any]]:
        """Return the likeliest intents, best first: `name` and `confidence` (0–1)."""
        shares = self.shares(row)[0]
        order = np.argsort(-shares, kind="stable")[: self._config["ranking_length"]]
        return [{"name": self.classes[at], "confidence": float(shares[at])} for at in order]

    def _fit_network(self, features: csr_matrix, numbers: NDArray[np.intp]) -> AveragedEmbeddings:
        """Fit all networks, as many at a time as there are processors; return them as one."""
        seeds = range(self._config["networks"])
        fit = delayed(_fit_one)
        count = len(self.classes)
        is_small = features.shape[0] < self._config["parallel_from"]
        pool = Parallel(n_jobs=1 if is_small else -1)
        fitted = pool(fit(self._config, seed, features, numbers, count) for seed in seeds)
        return AveragedEmbeddings.joined(fitted)

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


def _fit_one(
    config: dict[str, Any],
    seed: int,
    features: csr_matrix,
    numbers: NDArray[np.intp],
    count: int,
) -> AveragedEmbeddings:
    options = {**config, "random_state": config["random_state"] + seed}
    return AveragedEmbeddings(options).fit(features, numbers, count)


def _sharpness(margins: NDArray[np.float32], wanted: NDArray[np.intp]) -> float:
    """Return the factor of the margins that makes held-out messages likeliest."""

    def loss(log: float) -> float:
        chances = log_softmax(margins * np.exp(log), axis=1)
        return float(-chances[np.arange(len(wanted)), wanted].mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-5.0, 5.0), method="bounded").x))
