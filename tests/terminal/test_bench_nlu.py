"""`bench nlu` and the learning curve: who learns what, and what is made of the answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.bench import feature_groups, learning_curve, nlu, nlu_peers
from bot.bench.nlu_peers import Job, Result
from bot.bench.servers import BenchError
from bot.bench.understanding import Labelled
from bot.language.training_data import Metadata, TrainingMessage
from bot.nlu.features import MessageFeatures

# The bench's tables


def result(guesses: list[str], milliseconds: float, *, is_cached: bool = False) -> Result:
    return Result(guesses, [milliseconds] * len(guesses), 1.5, 100.4, is_cached)


def test_bench_gives_ours_in_proportion_to_each_of_the_others() -> None:
    gold = ["greet", "thank"] * 50
    labelled = [Labelled("x", each) for each in gold]
    results = {
        "ours": result(["greet"] * 10 + gold[10:], 2.0),
        "linear_svc": result(["greet"] * 40 + gold[40:], 4.0),
        "stock": result(gold, 8.0, is_cached=True),
    }
    tables = nlu.tables_of(labelled, results)
    ours, svc, stock = tables["systems"]
    assert (ours["accuracy"], svc["accuracy"], stock["accuracy"]) == (0.95, 0.8, 1.0)
    assert (ours["trained"], stock["trained"]) == ("now", "before (cached)")
    ratio, to_stock = tables["ratios"]
    assert (ratio["error ratio"], ratio["p50 ratio"]) == (pytest.approx(0.25), 0.5)
    assert ratio["macro-F1 difference"] == pytest.approx(ours["macro-F1"] - svc["macro-F1"])
    low, high = ratio["paired 95%"]
    assert 0 < low < ratio["macro-F1 difference"] < high
    assert to_stock["error ratio"] == pytest.approx(5.0)  # no error counts as one


# Who learns from what


def messages_of(*counts: tuple[str, str, int]) -> list[TrainingMessage]:
    return [
        TrainingMessage("f:1", intent, f"{intent} {writer} {number}", Metadata(writer, "shoes"))
        for intent, writer, count in counts
        for number in range(count)
    ]


def test_chosen_messages_are_seeded_and_mix_the_writers() -> None:
    messages = messages_of(*(("greet", writer, 40) for writer in "ABC"), ("thank", "A", 5))
    chosen = nlu.some_of(messages, 30)
    assert chosen == nlu.some_of(messages, 30)
    assert {each.text for each in nlu.some_of(messages, 10)} <= {each.text for each in chosen}
    writers = [each.metadata.writer for each in chosen if each.intent == "greet"]
    assert len(writers) == 30 and min(writers.count(each) for each in "ABC") >= 5
    assert len(chosen) == 35
    assert sorted(nlu.some_of(messages, None)) == sorted(messages)


def test_curve_holds_whole_writers_out_and_tells_which_intents_climb(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A stand-in guesses 'greet' always, and 'thank' better the more of it was learned."""
    messages = messages_of(*(("greet", each, 60) for each in "ABCDE"))
    messages += messages_of(*(("thank", each, 30) for each in "ABCDE"))
    jobs: list[Job] = []

    def run_peer(name: str, job: Job) -> Result:
        jobs.append(job)
        share = job.intents.count("thank") / 120
        texts = [text for text in job.asked if text.startswith("thank")]
        known = set(texts[: int(len(texts) * share)])
        return result(["thank" if text in known else "greet" for text in job.asked], 1.0)

    monkeypatch.setattr(learning_curve, "run_peer", run_peer)
    tables = learning_curve.curve_of(messages, [Labelled("hi", "greet")], most=200)
    assert [job.intents.count("greet") for job in jobs] == [50, 100, 150, 200]
    assert [job.intents.count("thank") for job in jobs] == [50, 100, 120, 120]
    learned = {each["writer"] for job in jobs for each in job.metadata}
    asked = {text.split()[1] for job in jobs for text in job.asked[:-1]}
    assert (len(learned), len(asked), learned & asked) == (4, 1, set())
    macro_rows, by_intent, on_file = tables.values()
    assert [row["messages"] for row in macro_rows] == [50, 100, 150, 200]
    assert {"held-out writers", "labelled file"} <= set(macro_rows[0])
    rows = {row["intent"]: row for row in by_intent}
    assert rows["thank"]["climbs"] == "yes" and rows["thank"]["50"] < rows["thank"]["200"] == 1.0
    assert rows["thank"]["per 50"] == pytest.approx(
        (rows["thank"]["150"] - rows["thank"]["50"]) / 2, abs=0.01
    )  # at 200 it got none that were new
    assert {row["intent"]: row["50"] for row in on_file} == {"greet": 1.0, "thank": None}


def test_each_group_of_features_is_left_out_once_and_whole_genres_are_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    weights: list[tuple[float, ...]] = []

    class Watched(MessageFeatures):
        def __init__(self, config: dict[str, Any]) -> None:
            weights.append(tuple(config[key] for key in feature_groups.GROUPS.values()))
            super().__init__(config)

    monkeypatch.setattr(feature_groups, "MessageFeatures", Watched)
    wants = {"greet": "老板在吗", "objection_price": "便宜一点", "thank": "多谢"}
    messages = [
        TrainingMessage("f:1", intent, f"{text}{end}", Metadata("A", "shoes", genre))
        for intent, text in wants.items()
        for genre, ends in {"calls": "啊呀呢哦", "posts": "嘛哈吧啦", "chats": "喽哟"}.items()
        for end in ends
    ]
    (rows,) = feature_groups.groups_of(messages).values()
    names = ["all", "without words", "without characters", "without concepts"]
    assert [row["features"] for row in rows] == names
    assert rows[0]["accuracy"] == 1.0
    assert all(weights[0])
    assert [each.index(0.0) for each in weights[1:]] == [0, 1, 2]
    assert {row["messages"] for row in rows} == {12}


# The peers


def job(tmp_path: Path) -> Job:
    greetings = [f"在吗老板{each}" for each in "啊呀呢哦嘛哈"] * 5
    prices = [f"太贵了便宜{each}块" for each in "一二三四五六"] * 5
    metadata = [{"writer": "A", "trade": "shoes"}] * 60
    intents = ["greet"] * 30 + ["objection_price"] * 30
    return Job([*greetings, *prices], intents, metadata, ["老板在吗", "便宜十块"], str(tmp_path))


@pytest.mark.parametrize("name", ["linear_svc", "fasttext_like", "spacy_bow"])
def test_peer_learns_what_is_easy(name: str, tmp_path: Path) -> None:
    measured = nlu_peers.measure(name, job(tmp_path))
    assert measured.guesses == ["greet", "objection_price"]
    assert len(measured.milliseconds) == 2 and min(measured.milliseconds) > 0
    assert (measured.train_seconds > 0, measured.is_cached) == (True, False)
    assert 50 < measured.peak_mib < 5000


def test_stock_that_was_trained_before_says_so_and_keeps_its_cost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(job: Job) -> nlu_peers.Guess:
        return lambda text: "greet"

    monkeypatch.setitem(nlu_peers.PEERS, "stock", (train, "stock", "json"))
    first = nlu_peers.measure("stock", job(tmp_path))
    assert not first.is_cached
    (tmp_path / "cost.json").write_text("[1234.5, 99999.0]")
    second = nlu_peers.measure("stock", job(tmp_path))
    assert (second.is_cached, second.train_seconds, second.peak_mib) == (True, 1234.5, 99999.0)
    assert second.guesses == first.guesses


def test_peer_runs_in_a_process_of_its_own_and_its_failure_is_told(tmp_path: Path) -> None:
    assert nlu.run_peer("linear_svc", job(tmp_path)).guesses == ["greet", "objection_price"]
    broken = job(tmp_path)
    broken.intents = ["greet"] * 60
    with pytest.raises(BenchError, match="linear_svc failed:(?s:.*)classes"):
        nlu.run_peer("linear_svc", broken)
