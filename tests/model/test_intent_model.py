"""Features and networks of intent classification, on small matrices made by hand."""

from __future__ import annotations

import multiprocessing
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.sparse import random as random_matrix
from sklearn.feature_extraction.text import TfidfVectorizer

from bot.nlu.averaged_embeddings import AveragedEmbeddings
from bot.nlu.features import FeatureRow, rows_of, weigh
from bot.nlu.intent_model import DEFAULTS, IntentModel

TEXTS = ["aab abc", "b", "cab cab cab", "dd ee"]
CLASSES = 3


@pytest.fixture
def config() -> dict[str, Any]:
    return {**DEFAULTS, "network_min_df": 1, "width": 8, "epochs": 20, "batch_size": 4}


@pytest.fixture
def features() -> csr_matrix:
    """Sixty rows of thirty features; every third row has a class of its own."""
    rows = random_matrix(60, 30, 0.2, "lil", np.float32, np.random.RandomState(1))
    for place in range(60):
        rows[place, place % CLASSES] = 3.0
    return rows.tocsr()


@pytest.fixture
def numbers() -> np.ndarray:
    return np.arange(60) % CLASSES


@pytest.mark.parametrize("is_sublinear", [True, False])
@pytest.mark.parametrize("text", [*TEXTS, "abc unseen", "zzz", ""])
def test_features_weigh_like_scikit_learn(is_sublinear: bool, text: str) -> None:
    vectorizer = TfidfVectorizer(
        analyzer="char", ngram_range=(1, 3), sublinear_tf=is_sublinear
    ).fit(TEXTS)
    expected = vectorizer.transform([text, "aab"]).toarray()
    assert np.allclose(weigh(vectorizer, vectorizer.idf_, [text, "aab"]).toarray(), expected)


def test_rows_of_one_matrix_and_of_several_are_the_same(features: csr_matrix) -> None:
    places = [7, 0, 7, 59]
    shared = rows_of([FeatureRow(features, place) for place in places])
    apart = rows_of([FeatureRow(features[place], 0) for place in places])
    assert (shared != apart).nnz == 0
    assert (shared != features[places]).nnz == 0


def test_fingerprint_of_a_row_is_of_what_is_in_it(features: csr_matrix) -> None:
    digests = {FeatureRow(features, place).fingerprint() for place in range(60)}
    assert len(digests) == 60
    assert FeatureRow(features[7], 0).fingerprint() == FeatureRow(features, 7).fingerprint()


def test_joined_networks_give_the_mean_of_their_margins(
    config: dict[str, Any], features: csr_matrix, numbers: np.ndarray
) -> None:
    networks = [
        AveragedEmbeddings({**config, "random_state": seed}).fit(features, numbers, CLASSES)
        for seed in range(3)
    ]
    mean = np.mean([network.margins(features) for network in networks], axis=0)
    assert not np.allclose(networks[0].margins(features), mean, atol=1e-3)
    joined = AveragedEmbeddings.joined(networks).margins(features)
    assert np.allclose(joined, mean, atol=1e-4)


def test_intent_model_learns_and_is_the_same_each_time_and_in_parallel(
    config: dict[str, Any], features: csr_matrix, numbers: np.ndarray
) -> None:
    labels = [f"intent_{number}" for number in numbers]
    genres = [f"genre_{place // CLASSES % 4}" for place in range(60)]
    shares = [
        IntentModel({**config, "parallel_from": start})
        .fit(features, labels, genres)
        .shares(features)
        for start in (1_000, 1_000, 10)
    ]
    assert not multiprocessing.active_children()
    assert np.array_equal(shares[0], shares[1])
    assert np.allclose(shares[0], shares[2])
    assert (shares[0].argmax(axis=1) == numbers).mean() > 0.9
    assert np.allclose(shares[0].sum(axis=1), 1.0)
