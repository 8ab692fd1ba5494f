"""The systems of `./prelude bench nlu`: `python -m bot.bench.nlu_peers NAME`, one a process.

Reads job.json of the present folder, writes result.json. Each learns from texts and intents, then
guesses one text at a time. Ours and stock Rasa go through Rasa's whole graph, with `config.yml` and
`stock_nlu.yml`; nobody has a threshold of confidence. Imports little, for memory is measured.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import random
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import msgspec
from msgspec import Struct

from bot.settings import ROOT

SEED = 20261122
NO_INTENT = "nlu_fallback"
OWN_CONFIG = ROOT / "config.yml"
STOCK_CONFIG = Path(__file__).with_name("stock_nlu.yml")
Guess = Callable[[str], str]


class Job(Struct):
    """What to learn from and what to guess; `kept` is the folder of stock Rasa's model."""

    texts: list[str]
    intents: list[str]
    metadata: list[dict[str, Any]]
    asked: list[str]
    kept: str = ""


class Result(Struct):
    """What one made of it; milliseconds of each guess, memory at its peak."""

    guesses: list[str]
    milliseconds: list[float]
    train_seconds: float
    peak_mib: float
    is_cached: bool


def ours(job: Job) -> Guess:
    """Train our own, as `./prelude train` does."""
    return _rasa(job, OWN_CONFIG, Path("model.tar.gz"))


def stock(job: Job) -> Guess:
    """Train Rasa's own Chinese recipe, or load the model that has learned from the same data."""
    return _rasa(job, STOCK_CONFIG, Path(job.kept) / "model.tar.gz")


def _rasa(job: Job, config: Path, model: Path) -> Guess:
    from rasa.core.agent import Agent
    from rasa.model_training import train_nlu

    from bot.language.normalise import as_plain_text

    if not model.with_name("cost.json").exists():
        rows = zip(job.texts, job.intents, job.metadata, strict=True)
        keys = ("text", "intent", "example_metadata")
        examples = [dict(zip(keys, row, strict=True)) for row in rows]
        data = Path("nlu.json")  # which Rasa reads faster than YAML
        data.write_text(json.dumps({"rasa_nlu_data": {"common_examples": examples}}))
        shutil.move(str(train_nlu(str(config), str(data), ".")), model)
    agent, loop = Agent.load(str(model)), asyncio.new_event_loop()

    def guess(text: str) -> str:
        parse = loop.run_until_complete(agent.parse_message(as_plain_text(text)))
        names = [each["name"] for each in (parse["intent"], *parse["intent_ranking"])]
        return next((str(name) for name in names if name not in (None, NO_INTENT)), NO_INTENT)

    return guess


def linear_svc(job: Job) -> Guess:
    """Train a linear machine on TF-IDF of one to four characters."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.svm import LinearSVC

    features = TfidfVectorizer(analyzer="char", ngram_range=(1, 4), sublinear_tf=True)
    return _scikit_learn(job, features, LinearSVC(random_state=SEED))


def fasttext_like(job: Job) -> Guess:
    """Train fastText's net: a mean of hashed words and n-grams, one linear layer, softmax."""
    import jieba
    from sklearn.feature_extraction.text import HashingVectorizer
    from sklearn.neural_network import MLPClassifier

    def pieces(text: str) -> list[str]:
        ends = f"<{text}>"
        places = ((at, size) for size in range(1, 5) for at in range(len(ends) - size + 1))
        return [*jieba.cut(text), *(ends[at : at + size] for at, size in places)]

    options = {"learning_rate_init": 0.02, "max_iter": 8, "random_state": SEED}
    net = MLPClassifier(32, activation="identity", **options)
    return _scikit_learn(job, HashingVectorizer(n_features=2**16, analyzer=pieces), net)


def _scikit_learn(job: Job, features: Any, model: Any) -> Guess:
    model.fit(features.fit_transform(job.texts), job.intents)
    return lambda text: str(model.predict(features.transform([text]))[0])


def spacy_bow(job: Job) -> Guess:
    """Train spaCy's `textcat` on a bag of one to three characters."""
    import spacy
    from spacy.training import Example
    from thinc.api import fix_random_seed

    fix_random_seed(SEED)
    nlp = spacy.blank("zh")
    model = {"@architectures": "spacy.TextCatBOW.v3", "exclusive_classes": True}
    model |= {"ngram_size": 3, "no_output_layer": False}
    nlp.add_pipe("textcat", config={"model": model})
    names = sorted(set(job.intents))
    examples = [
        Example.from_dict(nlp.make_doc(text), {"cats": {name: name == intent for name in names}})
        for text, intent in zip(job.texts, job.intents, strict=True)
    ]
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(6):
        random.shuffle(examples)
        for start in range(0, len(examples), 64):
            nlp.update(examples[start : start + 64], sgd=optimizer)
    return lambda text: max(nlp(text).cats.items(), key=lambda each: each[1])[0]


PEERS: dict[str, tuple[Callable[[Job], Guess], str, str]] = {
    # the name: what trains it, how tables call it, what is imported before its clock starts
    "ours": (ours, "ours", "rasa.model_training"),
    "linear_svc": (linear_svc, "LinearSVC, 1-4 characters", "sklearn.svm"),
    "fasttext_like": (fasttext_like, "fastText's net in scikit-learn", "sklearn.neural_network"),
    "spacy_bow": (spacy_bow, "spaCy textcat, 1-3 characters", "spacy.training"),
    "stock": (stock, "stock Rasa, DIET 20 epochs", "rasa.model_training"),
}


def measure(name: str, job: Job) -> Result:
    """Train one, then ask it everything; a model that was kept still has what it cost."""
    train, _, module = PEERS[name]
    cost = Path(job.kept) / "cost.json"
    is_cached = name == "stock" and cost.exists()
    importlib.import_module(module)
    started = perf_counter()
    guess = train(job)
    train_seconds = perf_counter() - started
    guess(job.asked[0])  # the first one takes longer
    guesses, milliseconds = [], []
    for text in job.asked:
        started = perf_counter()
        guesses.append(guess(text))
        milliseconds.append((perf_counter() - started) * 1000)
    peak_mib = _peak_mib()
    if is_cached:
        train_seconds, peak_before = json.loads(cost.read_text())
        peak_mib = max(peak_mib, peak_before)
    elif name == "stock":
        cost.write_text(json.dumps([train_seconds, peak_mib]))
    return Result(guesses, milliseconds, train_seconds, peak_mib, is_cached)


def _peak_mib() -> float:
    """Return this process's own peak; `getrusage` would count the parent's, from before `exec`."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found.group(1)) / 1024 if found else 0.0


if __name__ == "__main__":
    made = measure(sys.argv[1], msgspec.json.decode(Path("job.json").read_bytes(), type=Job))
    Path("result.json").write_bytes(msgspec.json.encode(made))
