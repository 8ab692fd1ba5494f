"""The trained part of intent classification: two kinds of machine over the same features.

A linear support vector machine holds on to single rare features, networks of averaged embeddings
generalise over them; their errors differ, and so do those of networks that met the messages in
another order (Lakshminarayanan et al. 2017, 'Simple and Scalable Predictive Uncertainty Estimation
using Deep Ensembles'). The margins of both are added with weights that make held-out messages
likeliest, which also makes confidence honest (Guo et al. 2017, 'On Calibration of Modern Neural
Networks'). Held out are whole genres, for a customer always writes otherwise than those who wrote
the training messages. Not Rasa's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from joblib.externals.loky import get_reusable_executor
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse import csr_matrix
from scipy.special import log_softmax, softmax
from sklearn.model_selection import GroupKFold, StratifiedKFold
from sklearn.svm import LinearSVC

from bot.nlu.averaged_embeddings import AveragedEmbeddings

DEFAULTS: dict[str, Any] = {
    # Inverse strength of regularisation of the linear machine.
    "C": 1.0,
    # How many networks answer together; from how many messages on all learn at one time.
    "networks": 3,
    "parallel_from": 2_000,
    # In how many messages a feature must occur for the networks to learn it; the linear
    # machine learns rarer ones too.
    "network_min_df": 4,
    # Width of the hidden layer of each.
    "width": 64,
    # Rounds over the data, messages a step, step size at the start (it falls to nothing).
    "epochs": 5,
    "batch_size": 128,
    "learning_rate": 0.1,
    # Share of a message's features, and of hidden units, left out of each step.
    "feature_dropout": 0.5,
    "hidden_dropout": 0.2,
    # Share of the wanted probability that is spread over all intents.
    "label_smoothing": 0.02,
    # Confidence is fitted on one of so many parts, whole genres held out.
    "calibration_parts": 3,
    # How many intents a ranking holds.
    "ranking_length": 10,
    # Seed of everything random.
    "random_state": 20261122,
}


@dataclass(frozen=True)
class Machines:
    """Both kinds; `weights` are features × classes, as a row's product wants them."""

    weights: NDArray[np.float32]
    intercept: NDArray[np.float64]
    network: AveragedEmbeddings

    def margins(self, features: csr_matrix) -> NDArray[np.float64]:
        """Return margins, messages × classes × kinds."""
        both = [features @ self.weights + self.intercept, self.network.margins(features)]
        return np.asarray(np.stack(both, axis=-1), np.float64)


class IntentModel:
    """Features → margins of the machines → calibrated probabilities."""

    def __init__(self, config: dict[str, Any]) -> None:
        """Keep the options; as in `DEFAULTS`."""
        self._config = config
        self._sharpness = np.ones(2)
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
        self._sharpness = self._fit_sharpness(features, numbers, groups)
        self._machines = self._fit_machines(features, numbers)
        return self

    def shares(self, features: csr_matrix) -> NDArray[np.float64]:
        """Return the probability of each class (columns as `classes`) for each row."""
        margins = self._machines.margins(features)
        return np.asarray(softmax(margins @ self._sharpness, axis=1))

    def rank(self, row: csr_matrix) -> list[dict[str, Any]]:
        """Return the likeliest intents, best first: `name` and `confidence` (0–1)."""
        shares = self.shares(row)[0]
        order = np.argsort(-shares, kind="stable")[: self._config["ranking_length"]]
        return [{"name": self.classes[at], "confidence": float(shares[at])} for at in order]

    def _fit_machines(self, features: csr_matrix, numbers: NDArray[np.intp]) -> Machines:
        """Fit all, as many at a time as there are processors."""
        count, seed = len(self.classes), self._config["random_state"]
        networks = [
            AveragedEmbeddings({**self._config, "random_state": seed + number})
            for number in range(self._config["networks"])
        ]
        linear = LinearSVC(C=self._config["C"], random_state=seed)
        is_large = features.shape[0] >= self._config["parallel_from"]
        jobs = [delayed(linear.fit)(features, numbers)]
        jobs += [delayed(network.fit)(features, numbers, count) for network in networks]
        linear, *networks = Parallel(n_jobs=-1 if is_large else 1)(jobs)
        if is_large:  # joblib would keep its processes for later work, which never comes
            get_reusable_executor().shutdown(wait=True)
        weights = np.ascontiguousarray(linear.coef_.T, dtype=np.float32)
        return Machines(weights, linear.intercept_, AveragedEmbeddings.joined(networks))

    def _fit_sharpness(
        self, features: csr_matrix, numbers: NDArray[np.intp], groups: Sequence[str]
    ) -> NDArray[np.float64]:
        """Return the factor of each kind's margins that makes held-out messages likeliest."""
        learned, held = self._split(numbers, groups)
        machines = self._fit_machines(features[learned], numbers[learned])
        margins, wanted = machines.margins(features[held]), numbers[held]

        def loss(logs: NDArray[np.float64]) -> float:
            chances = log_softmax(margins @ np.exp(logs), axis=1)
            return float(-chances[np.arange(len(wanted)), wanted].mean())

        return np.asarray(np.exp(minimize(loss, np.zeros(2), method="Nelder-Mead").x))

    def _split(
        self, numbers: NDArray[np.intp], groups: Sequence[str]
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return what is learned and what is held out, whole groups where there are enough."""
        parts, seed = self._config["calibration_parts"], self._config["random_state"]
        folds: GroupKFold | StratifiedKFold = GroupKFold(parts)
        if len(set(groups)) < parts:
            folds = StratifiedKFold(parts, shuffle=True, random_state=seed)
        for learned, held in folds.split(numbers, numbers, list(groups)):
            if set(numbers[held]) <= set(numbers[learned]):
                return learned, held
        raise ValueError("an intent's messages are all of one genre")
