"""A small network over sparse features: averaged embeddings, one hidden layer, softmax.

The design of fastText (Joulin et al. 2017, 'Bag of Tricks for Efficient Text Classification') with
a rectifier, dropout of whole features (Iyyer et al. 2015, 'Deep Averaging Networks') and row-wise
Adagrad, so that a step touches only the features of its batch. scikit-learn's `MLPClassifier`
reaches the same accuracy in ten times the time; fastText itself has no dropout and is no longer
kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.special import softmax

Floats = NDArray[np.float32]
TINY = 1e-6
RARE = 0  # the place of every feature too rare to be learned


class AveragedEmbeddings:
    """Features (n × f, sparse) → hidden (n × width) → one margin for each class."""

    def __init__(self, config: dict[str, Any]) -> None:
        """Keep the options; as in `bot.nlu.intent_model.DEFAULTS`."""
        self._width: int = config["width"]
        self._epochs: int = config["epochs"]
        self._rate: float = config["learning_rate"]
        self._batch: int = config["batch_size"]
        self._fewest: int = config["network_min_df"]
        self._feature_dropout: float = config["feature_dropout"]
        self._hidden_dropout: float = config["hidden_dropout"]
        self._smoothing: float = config["label_smoothing"]
        self._seed: int = config["random_state"]
        self._embeddings: Floats = np.zeros((1, self._width), np.float32)

    def fit(
        self, features: csr_matrix, classes: NDArray[np.intp], count: int
    ) -> AveragedEmbeddings:
        """Fit; deterministic for the same data and options.

        Args:
            features: one row for each message.
            classes: the number of each row's class, from 0.
            count: how many classes there are.
        """
        frequent = np.bincount(features.indices, minlength=features.shape[1]) >= self._fewest
        self._place = np.where(frequent, frequent.cumsum(), RARE).astype(np.int32)
        self._size = int(frequent.sum()) + 1
        features = self._own(features)
        rng = np.random.default_rng(self._seed)
        self._start(rng, features.shape[1], count)
        self._embeddings[RARE] = 0.0
        steps = self._epochs * -(-features.shape[0] // self._batch)
        for step, rows in enumerate(self._batches(rng, features.shape[0])):
            rate = self._rate * (1 - step / steps)
            columns, batch = self._drop(rng, features[rows])
            wanted = np.full((len(rows), count), self._smoothing / count, np.float32)
            wanted[np.arange(len(rows)), classes[rows]] += 1 - self._smoothing
            self._step(rng, columns, batch, wanted, rate)
        self._squares.clear()
        self._embeddings = self._embeddings.astype(np.float16).astype(np.float32)  # as stored
        return self

    @classmethod
    def joined(cls, networks: Sequence[AveragedEmbeddings]) -> AveragedEmbeddings:
        """Return one network whose margins are the mean of those of `networks`."""
        whole = cls.__new__(cls)
        whole._place, whole._size = networks[0]._place, networks[0]._size
        whole._embeddings = np.concatenate([each._embeddings for each in networks], axis=1)
        whole._hidden_bias = np.concatenate([each._hidden_bias for each in networks])
        whole._weights = np.concatenate([each._weights for each in networks]) / len(networks)
        whole._bias = np.mean([each._bias for each in networks], axis=0)
        return whole

    def margins(self, features: csr_matrix) -> Floats:
        """Return one margin for each row and class."""
        hidden = np.maximum(self._own(features) @ self._embeddings + self._hidden_bias, 0)
        return np.asarray(hidden @ self._weights + self._bias, np.float32)

    def __getstate__(self) -> dict[str, Any]:
        """Store half precision: half the file, no measurable loss."""
        return {**self.__dict__, "_embeddings": self._embeddings.astype(np.float16)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Compute in single precision."""
        self.__dict__.update(state)
        self._embeddings = self._embeddings.astype(np.float32)

    def _own(self, features: csr_matrix) -> csr_matrix:
        """Return the rows over the features that were frequent enough, the others in one place."""
        own = (features.data, self._place[features.indices], features.indptr)
        return csr_matrix(own, shape=(features.shape[0], self._size))

    def _start(self, rng: np.random.Generator, size: int, count: int) -> None:
        width = self._width
        self._embeddings = rng.standard_normal((size, width), np.float32) * np.float32(0.1)
        self._weights: Floats = rng.standard_normal((width, count), np.float32) / np.float32(
            np.sqrt(width)
        )
        self._hidden_bias: Floats = np.zeros(width, np.float32)
        self._bias: Floats = np.zeros(count, np.float32)
        self._squares = {
            "embeddings": np.full((size, 1), TINY, np.float32),
            "weights": np.full((width, count), TINY, np.float32),
            "hidden_bias": np.full(width, TINY, np.float32),
            "bias": np.full(count, TINY, np.float32),
        }

    def _batches(self, rng: np.random.Generator, size: int) -> Iterator[NDArray[np.intp]]:
        for _ in range(self._epochs):
            order = rng.permutation(size)
            for start in range(0, size, self._batch):
                yield order[start : start + self._batch]

    def _drop(
        self, rng: np.random.Generator, batch: csr_matrix
    ) -> tuple[NDArray[np.intp], csr_matrix]:
        """Return the columns that are left of a batch, and the batch over these columns."""
        kept = (batch.indices != RARE) & (rng.random(batch.nnz) >= self._feature_dropout)
        row_of = np.repeat(np.arange(batch.shape[0]), np.diff(batch.indptr))[kept]
        columns, place = np.unique(batch.indices[kept], return_inverse=True)
        values = batch.data[kept] / np.float32(1 - self._feature_dropout)
        return columns, csr_matrix((values, (row_of, place)), shape=(batch.shape[0], len(columns)))

    def _step(
        self,
        rng: np.random.Generator,
        columns: NDArray[np.intp],
        batch: csr_matrix,
        wanted: Floats,
        rate: float,
    ) -> None:
        raw = batch @ self._embeddings[columns] + self._hidden_bias
        mask = (rng.random(raw.shape) >= self._hidden_dropout) / (1 - self._hidden_dropout)
        mask = (mask * (raw > 0)).astype(np.float32)
        hidden = raw * mask
        shares = softmax(hidden @ self._weights + self._bias, axis=1)
        error = ((shares - wanted) / len(wanted)).astype(np.float32)
        back = (error @ self._weights.T) * mask
        self._descend("weights", self._weights, hidden.T @ error, rate)
        self._descend("bias", self._bias, error.sum(axis=0), rate)
        self._descend("hidden_bias", self._hidden_bias, back.sum(axis=0), rate)
        slope = batch.T @ back
        squares = self._squares["embeddings"]
        squares[columns] += (slope**2).mean(axis=1, keepdims=True)
        self._embeddings[columns] -= rate * slope / np.sqrt(squares[columns])

    def _descend(self, name: str, values: Floats, slope: Floats, rate: float) -> None:
        squares = self._squares[name]
        squares += slope**2
        values -= rate * slope / np.sqrt(squares)
