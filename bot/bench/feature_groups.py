"""What each group of features adds: our classifier with it, and without it.

Learned from all genres of writing but some, asked the messages of those: a customer writes
otherwise than whoever wrote the training messages.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.progress import track
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GroupKFold

from bot.bench.tables import Row, Tables
from bot.bench.understanding import macro_f1, scores_of
from bot.cli.training import console
from bot.language.document import shared_reader
from bot.language.training_data import TrainingMessage
from bot.nlu import features as message_features
from bot.nlu import intent_model
from bot.nlu.features import CHAR_WEIGHT, CONCEPT_WEIGHT, WORD_WEIGHT, MessageFeatures
from bot.nlu.intent_model import IntentModel

PARTS = 3
GROUPS = {"words": WORD_WEIGHT, "characters": CHAR_WEIGHT, "concepts": CONCEPT_WEIGHT}


def groups_of(messages: Sequence[TrainingMessage]) -> Tables:
    """Return accuracy and macro-F1 with all groups, and with each left out."""
    genres = [each.metadata.genre or "" for each in messages]
    learned, held = next(GroupKFold(PARTS).split(messages, groups=genres))
    reader = shared_reader()
    docs = [
        reader.read(each.text, with_entities=False)
        for each in track(messages, "reading", console=console, transient=True)
    ]
    intents = [each.intent for each in messages]
    rows: list[Row] = []
    variants = {"all": {}, **{f"without {name}": {key: 0.0} for name, key in GROUPS.items()}}
    for name, change in track(variants.items(), "training", console=console, transient=True):
        features = MessageFeatures({**message_features.DEFAULTS, **change})
        features.fit([docs[each] for each in learned])
        matrix = features.transform(docs)
        model = IntentModel(intent_model.DEFAULTS).fit(
            matrix[learned], [intents[each] for each in learned], [genres[each] for each in learned]
        )
        best = model.shares(matrix[held]).argmax(axis=1)
        guesses = [model.classes[each] for each in best]
        gold = [intents[each] for each in held]
        figures = {"accuracy": accuracy_score(gold, guesses)}
        figures["macro-F1"] = macro_f1(scores_of(gold, guesses))
        rows.append({"features": name, **figures, "messages": len(held)})
    return {"what each group of features adds (genres held out)": rows}
