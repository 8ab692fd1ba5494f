"""`data check`, `evaluate nlu` and `bench nlu` with the real model, on a few messages."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from bot.bench import nlu
from bot.bench.nlu_peers import PEERS
from bot.bench.understanding import HELD_OUT
from bot.language.training_data import known_intents
from tests.terminal.test_commands import run

pytestmark = pytest.mark.model

NEVER_TRAINED = {
    *("report_problem", "request_call_back", "resume_bot", "nlu_fallback"),
    *("cancel", "ask_again", "mistyped", "unreadable", "correct", "correct_call_back"),
    *("alarm", "barrier", "other_wish"),
}
CLOSED = {"affirm", "deny", "greet", "goodbye", "thank", "bot_challenge"}  # 60 messages are enough
LABELLED = [
    {"text": "太贵了，便宜点行不行", "intent": "objection_price", "source": "a", "also": []},
    {"text": "收到的杯子是碎的", "intent": "complaint_product", "reaction": "calm", "harm": []},
    {"text": "你好", "intent": "greet", "accept": ["greet", "chitchat"], "source": "a"},
    {"text": "/restart", "intent": "thank", "source": "b"},
]


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    path = tmp_path / "labelled.jsonl"
    path.write_text("\n".join(map(json.dumps, LABELLED)) + "\n")
    return path


def test_data_check_finds_our_messages_all_right(tmp_path: Path) -> None:
    done = run(tmp_path, "data", "check")
    assert done.returncode == 0, done.stdout
    assert re.search(r"\d{5,6} messages, \d+ writers, \d+ trades: all right", done.stdout)
    counts = {name: int(count) for name, count in re.findall(r"(\w+) +(\d+) *\n", done.stdout)}
    assert set(counts) == known_intents() - NEVER_TRAINED
    assert {name for name, count in counts.items() if count < 150 - 90 * (name in CLOSED)} == set()


def test_evaluation_is_told_as_json_alone_and_reported(tmp_path: Path, labelled: Path) -> None:
    folder = tmp_path / "report"
    words = ["--data", str(labelled), "--report", str(folder), "--json"]
    done = run(tmp_path, "evaluate", "nlu", *words)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["figures"]["n"], report["figures"]["accuracy"]) == (4, 0.75)
    assert {row["source"]: row["accuracy"] for row in report["sources"]}["a"] == 1.0
    assert 0 < report["latency"]["p50_ms"] <= report["latency"]["p99_ms"]
    assert [row["label"] for row in report["confusions"]] == ["thank"]
    assert json.loads((folder / "report.json").read_text()) == report
    assert "| accuracy " in (folder / "report.md").read_text()
    assert (folder / "confusion.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("command", ["evaluate", "bench"])
def test_missing_file_is_one_clear_line_and_a_failure(command: str, tmp_path: Path) -> None:
    done = run(tmp_path, command, "nlu", "--data", str(tmp_path / "none.jsonl"))
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"error: .*none\.jsonl: there is no such file; .*--data\n", done.stderr)


def test_bench_trains_ours_as_the_project_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    """Without the slow peers: stock Rasa alone takes minutes."""
    labelled = tmp_path / "labelled.jsonl"
    labelled.write_text("".join(HELD_OUT.read_text().splitlines(keepends=True)[::8]))
    monkeypatch.setenv("PRELUDE_VAR", str(tmp_path / "var"))
    quick = {name: PEERS[name] for name in ("ours", "linear_svc")}
    monkeypatch.setattr(nlu, "PEERS", quick)
    out = tmp_path / "out.json"
    nlu.run(labelled, out, limit=20)
    written = json.loads(out.read_text())
    ours, svc = written["systems"]
    assert ours["accuracy"] > 0.3 > 3 / 28  # by chance it would be one in 28
    assert ours["peak MiB"] > svc["peak MiB"] > 50  # Rasa's graph in one, none in the other
    assert written["ratios"][0]["error ratio"] > 0
    assert re.search(r"each learned from \d+ messages and was asked 8\d", capsys.readouterr().out)


def test_learner_is_simulated_and_drawn_the_same_each_time(tmp_path: Path) -> None:
    plots = [tmp_path / "one.svg", tmp_path / "two.svg"]
    for plot in plots:
        words = ["--objections", "60", "--seeds", "2", "--plot", str(plot)]
        done = run(tmp_path, "bench", "policy", *words, "--json", str(tmp_path / "policy.json"))
        assert done.returncode == 0, done.stderr
    assert plots[0].read_bytes() == plots[1].read_bytes()
    told = json.loads((tmp_path / "policy.json").read_text())
    rows = told["cells differ much: regret over all objections"]
    regret = {row["policy"]: row["to any alike"] for row in rows}
    assert 0 < regret["learner"] < regret["any alike"] == 1.0


def test_techniques_are_pinned_listed_and_evaluated_without_a_server(tmp_path: Path) -> None:
    assert "no outcomes yet" in run(tmp_path, "techniques").stdout
    done = run(tmp_path, "techniques", "pin", "price", "true", "breakdown")
    assert done.returncode == 0, done.stderr
    assert re.search(r"price +.*true +.*breakdown .*pinned", run(tmp_path, "techniques").stdout)
    refused = run(tmp_path, "techniques", "ban", "excuse", "true", "question")
    assert refused.returncode == 1 and "has no truth" in refused.stderr
    assert run(tmp_path, "techniques", "clear", "price", "true", "breakdown").returncode == 0
    assert "no outcomes yet" in run(tmp_path, "techniques").stdout
    assert "no overlap" in run(tmp_path, "evaluate", "techniques", "--policy", "uniform").stdout
