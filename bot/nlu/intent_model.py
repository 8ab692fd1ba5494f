"""The trained part of intent classification: features, linear machine, temperature.

Knows spaCy's `Doc` and scikit-learn, not Rasa; what it predicts depends on the `Doc` alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.sparse import csr_matrix, hstack
from scipy.special import log_softmax, softmax
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.model_selection import GroupKFold, StratifiedKFold
from sklearn.svm import LinearSVC
from spacy.tokens import Doc

from bot.language.document import concepts_of

START, END = "^", "$"


def words_of(doc: Doc) -> list[str]:
    """Return words and word pairs."""
    words = [token.text.lower() for token in doc if not token.is_space]
    return words + [f"{left}_{right}" for left, right in zip(words, words[1:], strict=False)]


def characters_of(doc: Doc) -> str:
    """Return the text with its ends marked, for character n-grams."""
    return f"{START}{doc.text.lower()}{END}"


def weigh(vectorizer: TfidfVectorizer, docs: Sequence[Doc]) -> csr_matrix:
    """Return what `vectorizer.transform` returns, without its checks: they cost more than it."""
    counts: csr_matrix = CountVectorizer.transform(vectorizer, docs).astype(np.float64)
    if vectorizer.sublinear_tf:
        counts.data = np.log(counts.data) + 1.0
    counts.data *= vectorizer.idf_[counts.indices]
    lengths = np.sqrt(np.asarray(counts.multiply(counts).sum(axis=1)).ravel())
    lengths[lengths == 0.0] = 1.0
    counts.data /= np.repeat(lengths, np.diff(counts.indptr))
    return counts


class IntentModel:
    """Features → margins → calibrated probabilities."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._config = config
        self._temperature = 1.0
        self._concept_weight: float = config["concept_weight"]
        self._words = TfidfVectorizer(analyzer=words_of, sublinear_tf=True)
        self._characters = TfidfVectorizer(
            preprocessor=characters_of,
            analyzer="char",
            ngram_range=(config["char_ngram_min"], config["char_ngram_max"]),
            sublinear_tf=True,
            lowercase=False,
        )
        self._concepts = TfidfVectorizer(analyzer=concepts_of)
        self._classifier = self._new_classifier()

    @property
    def classes(self) -> list[str]:
        """The intents it knows."""
        return [str(name) for name in self._classifier.classes_]

    def fit(self, docs: Sequence[Doc], labels: NDArray[Any], writers: Sequence[str]) -> None:
        """Fit everything; deterministic for the same data and configuration.

        Args:
            writers: who wrote each message. Confidence is fitted on writers held out whole, for a
                customer is always somebody new.
        """
        for vectorizer in (self._words, self._characters, self._concepts):
            vectorizer.fit(docs)
        features = self._features(docs)
        self._temperature = self._fit_temperature(features, labels, writers)
        self._classifier.fit(features, labels)

    def rank(self, doc: Doc) -> list[dict[str, Any]]:
        """Return the likeliest intents, best first: `name` and `confidence` (0–1).

        A text of which not one character was ever seen gets no intent at all.
        """
        if not self._knows_something(doc):
            return []
        margins = self._classifier.decision_function(self._features([doc]))
        shares = softmax(margins[0] * self._temperature)
        order = np.argsort(-shares, kind="stable")[: self._config["ranking_length"]]
        classes = self.classes
        return [{"name": classes[each], "confidence": float(shares[each])} for each in order]

    def _knows_something(self, doc: Doc) -> bool:
        known = self._characters.vocabulary_
        return any(char in known for char in doc.text.lower() if char not in (START, END, " "))

    def _new_classifier(self) -> LinearSVC:
        return LinearSVC(
            C=self._config["C"],
            class_weight="balanced",
            random_state=self._config["random_state"],
        )

    def _features(self, docs: Sequence[Doc]) -> csr_matrix:
        parts = [weigh(self._words, docs), weigh(self._characters, docs)]
        if self._concept_weight:
            parts.append(weigh(self._concepts, docs) * self._concept_weight)
        return hstack(parts).tocsr()

    def _fit_temperature(
        self, features: csr_matrix, labels: NDArray[Any], writers: Sequence[str]
    ) -> float:
        """Return the factor on margins that makes held-out confidence honest."""
        wanted = self._config["calibration_folds"]
        folds: GroupKFold | StratifiedKFold
        if len(set(writers)) >= wanted:
            folds = GroupKFold(wanted)
        else:
            seed = self._config["random_state"]
            folds = StratifiedKFold(wanted, shuffle=True, random_state=seed)
        classes, numbers = np.unique(labels, return_inverse=True)
        margins = np.zeros((len(labels), len(classes)))
        for train, held_out in folds.split(features, labels, list(writers)):
            classifier = self._new_classifier().fit(features[train], labels[train])
            margins[held_out] = classifier.decision_function(features[held_out])

        def loss(temperature: float) -> float:
            logs = log_softmax(margins * temperature, axis=1)
            return float(-logs[np.arange(len(numbers)), numbers].mean())

        return float(minimize_scalar(loss, bounds=(0.1, 20.0), method="bounded").x)
