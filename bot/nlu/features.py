"""The features of a message: TF-IDF over words, characters and concepts of its `Doc`.

Knows spaCy's `Doc` and scikit-learn, not Rasa; a row depends on the `Doc` alone.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack, vstack
from sklearn.feature_extraction.text import TfidfVectorizer
from spacy.tokens import Doc

from bot.language.document import concepts_of, text_of

START, END = "^", "$"
WORD_WEIGHT, CHAR_WEIGHT, CONCEPT_WEIGHT = "word_weight", "char_weight", "concept_weight"
DEFAULTS: dict[str, Any] = {
    # Length of character n-grams, from and to.
    "char_ngram_min": 1,
    "char_ngram_max": 4,
    # In how many messages a feature must occur.
    "min_df": 3,
    # Length of each group's part of a row; 0 leaves the group out.
    WORD_WEIGHT: 0.8,
    CHAR_WEIGHT: 1.2,
    CONCEPT_WEIGHT: 0.7,
}


def words_of(doc: Doc) -> list[str]:
    """Return words and word pairs."""
    words = [token.text.lower() for token in doc if not token.is_space]
    return words + [f"{left}_{right}" for left, right in zip(words, words[1:], strict=False)]


def characters_of(doc: Doc) -> str:
    """Return the text with its ends marked, for character n-grams."""
    return f"{START}{text_of(doc).lower()}{END}"


def concept_pairs_of(doc: Doc) -> list[str]:
    """Return concepts and what pairs of them stand together, in any order."""
    concepts = sorted(concepts_of(doc))
    pairs = [f"{one}&{other}" for at, one in enumerate(concepts) for other in concepts[at + 1 :]]
    return concepts + pairs


@dataclass(frozen=True)
class FeatureRow:
    """One message's row of a matrix that many messages share."""

    matrix: csr_matrix
    place: int

    def alone(self) -> csr_matrix:
        """Return the row as a matrix of one row."""
        return self.matrix if self.matrix.shape[0] == 1 else self.matrix[self.place]

    def fingerprint(self) -> str:
        """Return a hash of the row; Rasa's cache asks for it."""
        start, end = self.matrix.indptr[self.place : self.place + 2]
        digest = hashlib.sha1(self.matrix.indices[start:end].tobytes(), usedforsecurity=False)
        digest.update(self.matrix.data[start:end].tobytes())
        return digest.hexdigest()


def rows_of(rows: Sequence[FeatureRow]) -> csr_matrix:
    """Return rows that may be of several matrices as one matrix, in their order."""
    if all(row.matrix is rows[0].matrix for row in rows):
        return rows[0].matrix[[row.place for row in rows]]
    return vstack([row.alone() for row in rows], format="csr")


class MessageFeatures:
    """Turns `Doc`s into the rows of a sparse matrix, each group of its own length."""

    def __init__(self, config: dict[str, Any]) -> None:
        """Prepare the groups; options as in `DEFAULTS`."""
        options = {"min_df": config["min_df"]}
        characters = {
            "preprocessor": characters_of,
            "analyzer": "char",
            "ngram_range": (config["char_ngram_min"], config["char_ngram_max"]),
            "lowercase": False,
        }
        every = [
            (TfidfVectorizer(analyzer=words_of, sublinear_tf=True, **options), WORD_WEIGHT),
            (TfidfVectorizer(**characters, sublinear_tf=True, **options), CHAR_WEIGHT),
            (TfidfVectorizer(analyzer=concept_pairs_of, **options), CONCEPT_WEIGHT),
        ]
        self._groups = [(group, config[weight]) for group, weight in every if config[weight]]

    def fit(self, docs: Sequence[Doc]) -> MessageFeatures:
        """Learn vocabulary and weights."""
        for vectorizer, _ in self._groups:
            vectorizer.fit(docs)
        self._idf = [vectorizer.idf_ for vectorizer, _ in self._groups]  # worked out at each call
        return self

    def transform(self, docs: Sequence[Doc]) -> csr_matrix:
        """Return one row for each document, float32."""
        rows = [
            weigh(vectorizer, idf, docs) * share
            for (vectorizer, share), idf in zip(self._groups, self._idf, strict=True)
        ]
        return hstack(rows, format="csr").astype(np.float32)


def weigh(vectorizer: TfidfVectorizer, idf: NDArray[np.float64], docs: Sequence[Doc]) -> csr_matrix:
    """Return what `vectorizer.transform` returns, without its checks: they cost more than it."""
    counts = _count(vectorizer, docs)
    if vectorizer.sublinear_tf:
        counts.data = np.log(counts.data) + 1.0
    counts.data *= idf[counts.indices]
    sizes = np.diff(counts.indptr)
    row_of = np.repeat(np.arange(len(sizes)), sizes)
    lengths = np.sqrt(np.bincount(row_of, counts.data**2, len(sizes)))
    counts.data /= lengths[row_of]
    return counts


def _count(vectorizer: TfidfVectorizer, docs: Sequence[Doc]) -> csr_matrix:
    """Return how often each term of the vocabulary stands in each document."""
    analyze, vocabulary = vectorizer.build_analyzer(), vectorizer.vocabulary_
    columns: list[int] = []
    counts: list[int] = []
    ends = [0]
    for doc in docs:
        for term, count in Counter(analyze(doc)).items():
            column = vocabulary.get(term)
            if column is not None:
                columns.append(column)
                counts.append(count)
        ends.append(len(columns))
    shape = (len(docs), len(vocabulary))
    found = csr_matrix((np.array(counts, np.float64), columns, ends), shape)
    found.sort_indices()
    return found
