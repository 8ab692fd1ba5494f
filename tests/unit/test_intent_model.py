"""The quick weighing of a text's n-grams gives what scikit-learn's own gives."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from bot.nlu.features import weigh

TEXTS = ["aab abc", "b", "cab cab cab", "dd ee"]


@pytest.mark.parametrize("is_sublinear", [True, False])
@pytest.mark.parametrize("text", [*TEXTS, "abc unseen", "zzz", ""])
def test_intent_model_weighs_like_scikit_learn(is_sublinear: bool, text: str) -> None:
    vectorizer = TfidfVectorizer(
        analyzer="char", ngram_range=(1, 3), sublinear_tf=is_sublinear
    ).fit(TEXTS)
    expected = vectorizer.transform([text, "aab"]).toarray()
    assert np.allclose(weigh(vectorizer, [text, "aab"]).toarray(), expected)
