"""It stays a good Rasa project: Rasa's own commands work from the root."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest
import yaml

from bot.engine.training import find_model
from bot.settings import ROOT, load_settings
from tests.processes import run_command

pytestmark = pytest.mark.model

RASA = (sys.executable, "-m", "rasa")
STORIES = ROOT / "tests" / "conversations" / "test_stories.yml"
CHINESE = re.compile(r"[\u4e00-\u9fff]")
MESSAGES_VALIDATED = 40  # of each intent; `./prelude data check` looks at all of them
START_SECONDS = 300.0


@pytest.fixture(scope="module")
def model(model_path: Path) -> str:
    """The model that `find_model` gives, as Rasa's commands want it."""
    found = find_model(load_settings().models_dir)
    assert found == model_path
    return str(found)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return environment_with(tmp_path)


def environment_with(folder: Path) -> dict[str, str]:
    return {
        **os.environ,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "RASA_TELEMETRY_ENABLED": "false",
        "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
        "PYTHONWARNINGS": "ignore",
        "PRELUDE_VAR": str(folder / "var"),
    }


def rasa(*arguments: str, env: dict[str, str], stdin: str | None = None) -> tuple[int, str]:
    """Run one command to its end; return its code and all it wrote."""
    done = run_command([*RASA, *arguments], cwd=ROOT, env=env, stdin=stdin)
    return done.returncode, done.stdout + done.stderr


def test_rasa_test_core_predicts_every_step_of_the_journeys(
    model: str, environment: dict[str, str], tmp_path: Path
) -> None:
    out = tmp_path / "results"
    code, told = rasa(
        *("test", "core", "--model", model, "--stories", str(STORIES), "--out", str(out)),
        *("--no-plot", "--fail-on-prediction-errors"),
        env=environment,
    )
    assert code == 0, told[-3000:]
    failed = out / "failed_test_stories.yml"
    assert not failed.exists() or "None of the test stories failed" in failed.read_text()
    count = len(yaml.safe_load(STORIES.read_text())["stories"])
    assert f"Correct:          {count} / {count}" in told, told[-3000:]


def test_rasa_data_validate_finds_nothing_wrong(
    environment: dict[str, str], tmp_path: Path
) -> None:
    data = tmp_path / "data"
    for kind in ("rules", "stories"):
        shutil.copytree(ROOT / "data" / kind, data / kind)
    (data / "nlu").mkdir()
    for path in (ROOT / "data" / "nlu").glob("*.yml"):
        (data / "nlu" / path.name).write_text(beginnings_of(path.read_text(encoding="utf-8")))
    code, told = rasa(
        *("data", "validate", "--domain", "domain.yml", "--data", str(data)),
        *("--config", "config.yml"),
        env=environment,
    )
    assert code == 0, told[-3000:]
    assert "No story structure conflicts found" in told, told[-3000:]


def beginnings_of(nlu: str) -> str:
    """Return a file of messages with the first of each intent; Rasa takes minutes for all."""
    told = yaml.load(nlu, yaml.CSafeLoader)
    for family in told["nlu"]:
        if "intent" in family:
            family["examples"] = family["examples"][:MESSAGES_VALIDATED]
    return str(yaml.dump(told, Dumper=yaml.CSafeDumper, allow_unicode=True))


def test_rasa_shell_nlu_understands_a_line(model: str, environment: dict[str, str]) -> None:
    _, told = rasa("shell", "nlu", "--model", model, env=environment, stdin="加湿器太贵了\n")
    start = told.index("{\n")
    parse, _ = json.JSONDecoder().raw_decode(told[start:])
    assert parse["intent"]["name"] == "objection_price"


@pytest.fixture(scope="module")
def endpoints(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Run the action server; give the endpoints that name it."""
    folder = tmp_path_factory.mktemp("actions")
    port = free_port()
    told = yaml.safe_load((ROOT / "endpoints.yml").read_text())
    told["action_endpoint"]["url"] = f"http://127.0.0.1:{port}/webhook"
    file, log = folder / "endpoints.yml", folder / "actions.log"
    file.write_text(yaml.safe_dump(told))
    with running(("run", "actions", "--port", str(port)), environment_with(folder), log) as server:
        wait_for(f"http://127.0.0.1:{port}/health", server, log)
        yield file


def test_rasa_run_with_its_action_server_answers_in_chinese(
    model: str, environment: dict[str, str], endpoints: Path, tmp_path: Path
) -> None:
    port, log = free_port(), tmp_path / "run.log"
    command = (
        *("run", "--model", model, "--port", str(port), "--interface", "127.0.0.1"),
        *("--endpoints", str(endpoints), "--credentials", "credentials.yml"),
    )
    with running(command, environment, log) as server:
        wait_for(f"http://127.0.0.1:{port}/", server, log)
        answer = ask(
            f"http://127.0.0.1:{port}/webhooks/rest/webhook",
            {"sender": "somebody", "message": "加湿器太贵了"},
        )
    # An objection has no reply of the server's own: what was said came from our actions.
    assert len(answer) >= 2, (answer, log.read_text()[-2000:])
    assert all(CHINESE.search(each["text"]) for each in answer), answer


def test_rasa_shell_holds_a_talk(model: str, environment: dict[str, str], endpoints: Path) -> None:
    command = ("shell", "--model", model, "--endpoints", str(endpoints), "--port", str(free_port()))
    with Terminal(command, environment) as terminal:
        terminal.wait_until(lambda told: "Your input" in told)
        terminal.type("加湿器太贵了")
        terminal.wait_until(lambda told: len(answers_in(told)) >= 2)


def answers_in(told: str) -> list[str]:
    """Return the lines in Chinese that do not repeat what was typed."""
    return [line for line in told.splitlines() if CHINESE.search(line) and "太贵了" not in line]


class Terminal:
    """A command on a terminal of its own, typed at line by line."""

    def __init__(self, arguments: tuple[str, ...], env: dict[str, str]) -> None:
        self._master, slave = pty.openpty()
        self._process = subprocess.Popen(
            [*RASA, *arguments], cwd=ROOT, env=env, stdin=slave, stdout=slave, stderr=slave
        )
        os.close(slave)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait(timeout=10)
        os.close(self._master)

    def type(self, line: str) -> None:
        os.write(self._master, f"{line}\r".encode())

    def wait_until(self, is_enough: Callable[[str], bool]) -> None:
        """Read on until what was newly written is enough."""
        deadline = time.monotonic() + START_SECONDS
        told = ""
        while not is_enough(told):
            if time.monotonic() > deadline:
                pytest.fail(f"nothing more came after {told[-2000:]}")
            if select.select([self._master], [], [], 1.0)[0]:
                told += os.read(self._master, 65536).decode(errors="replace")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(
    arguments: tuple[str, ...], env: dict[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a server; kill it and what it started, whatever happens."""
    with log.open("wb") as file:
        process = start(arguments, env, file)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(timeout=10)


def start(
    arguments: tuple[str, ...], env: dict[str, str], file: IO[bytes]
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*RASA, *arguments], cwd=ROOT, env=env, stdout=file, stderr=subprocess.STDOUT
    )


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            pytest.fail(f"{url}: the server has ended: {log.read_text()[-3000:]}")
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    pytest.fail(f"{url} does not answer: {log.read_text()[-3000:]}")


def ask(url: str, message: dict[str, str]) -> list[dict[str, Any]]:
    request = urllib.request.Request(
        url,
        data=json.dumps(message).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        answer: list[dict[str, Any]] = json.loads(response.read())
        return answer
