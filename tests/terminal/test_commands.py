"""The commands as their user calls them: real processes, the real engine, one smoke a path."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.crash.chat_client import ChatClient
from tests.crash.server_process import wait_for
from tests.processes import run_command

ROOT = Path(__file__).resolve().parents[2]
PRELUDE = [sys.executable, "-W", "ignore", "-m", "bot.cli"]
READY_SECONDS = 300.0

pytestmark = pytest.mark.model


def run(var_dir: Path, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PRELUDE_VAR": str(var_dir), "COLUMNS": "200"}
    return run_command([*PRELUDE, *words], cwd=ROOT, env=env, stdin=stdin)


def test_chat_plays_a_file_and_writes_one_object_a_turn(tmp_path: Path) -> None:
    lines, turns = tmp_path / "lines.txt", tmp_path / "turns.jsonl"
    lines.write_text("空气炸锅太贵了\n好的\n\n收到的杯子是碎的\n", encoding="utf-8")
    done = run(tmp_path / "var", "chat", "--in", str(lines), "--out", str(turns))
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in turns.read_text(encoding="utf-8").splitlines()]
    wanted = "conversation turn text analysis step objections case technique replies owner".split()
    assert all(set(wanted) <= set(row) for row in rows)
    assert [row["turn"] for row in rows] == [1, 2, 1]
    assert rows[0]["conversation"] == rows[1]["conversation"] != rows[2]["conversation"]
    assert rows[0]["objections"][0]["kind"] == "price"
    assert rows[0]["technique"] == "postponement"  # nothing was shown yet (D-OBJ-6)
    assert rows[2]["case"]["causes"] == ["product"]
    assert any(rows[2]["case"]["number"] in reply for reply in rows[2]["replies"])
    assert not (tmp_path / "var" / "prelude.db").exists()


def test_parse_answers_every_line_in_order_and_says_which_are_bad(tmp_path: Path) -> None:
    messages, parses = tmp_path / "messages.jsonl", tmp_path / "parses.jsonl"
    good = json.dumps({"text": "太贵了, 299块行不行"}).encode()
    bad = [b"{", b'{"text": 3}', b"\xff\xfe", b"[]"]
    messages.write_bytes(b"\n".join([good, *bad, json.dumps({"text": ""}).encode()]) + b"\n")
    done = run(tmp_path / "var", "parse", "--in", str(messages), "--out", str(parses))
    assert done.returncode == 1
    rows = [json.loads(line) for line in parses.read_text(encoding="utf-8").splitlines()]
    assert [bool(row.get("error")) for row in rows] == [False, True, True, True, True, False]
    first = rows[0]
    wanted = "text intent intent_ranking also entities reaction harm refusal".split()
    assert set(wanted) <= set(first)
    assert first["intent"]["name"] == "objection_price"
    assert {"entity": "amount", "value": "299"}.items() <= first["entities"][0].items()


def test_unknown_file_is_one_clear_line_and_a_failure(tmp_path: Path) -> None:
    done = run(tmp_path / "var", "chat", "--in", str(tmp_path / "none.txt"))
    assert done.returncode == 1
    assert "none.txt" in done.stderr
    assert "Traceback" not in done.stderr


class Served:
    """`./prelude serve` in a process of its own."""

    def __init__(self, var_dir: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.var_dir = var_dir
        self.process = subprocess.Popen(
            [*PRELUDE, "serve", "--port", str(self.port)],
            cwd=ROOT,
            env={**os.environ, "PRELUDE_VAR": str(var_dir)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.process.stdout.read()  # type: ignore[union-attr]
            try:
                answer = httpx.get(f"http://127.0.0.1:{self.port}/readyz", trust_env=False)
            except httpx.HTTPError:
                answer = None
            if answer is not None and answer.status_code == 200:
                return
            time.sleep(0.2)  # bounded waiting for another process
        raise AssertionError("not ready in time")

    def children(self) -> list[int]:
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in path.read_text().split()]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    server = Served(tmp_path_factory.mktemp("served"))
    yield server
    if server.process.poll() is None:
        server.process.kill()
        server.process.wait()


def test_server_answers_a_customer_and_a_person_takes_over(served: Served) -> None:
    assert run(served.var_dir, "user", "add", "小林", "--role", "agent").returncode == 0

    async def talk() -> ChatClient:
        client = ChatClient(f"ws://127.0.0.1:{served.port}/chat")
        await client.open()
        await client.ask("1", "空气炸锅太贵了")
        await client.until_replies(2)
        await client.ask("2", "转人工")
        await client.until_replies(3)
        listed = await asyncio.to_thread(run, served.var_dir, "queue", "--as", "小林")
        assert client.conversation in listed.stdout
        claim = ["queue", "--as", "小林", "--claim", client.conversation]
        assert (await asyncio.to_thread(run, served.var_dir, *claim)).returncode == 0
        answer = ["queue", "--as", "小林", "--answer", client.conversation, "--text", "您好"]
        assert (await asyncio.to_thread(run, served.var_dir, *answer)).returncode == 0
        await client.until(lambda: any(event["sender"] == "agent" for event in client.events))
        assert (await client.ask("3", "在吗"))["state"] == "held"
        await client.leave()
        return client

    client = asyncio.run(talk())
    agent = next(event for event in client.events if event["sender"] == "agent")
    assert (agent["name"], agent["text"]) == ("小林", "您好")
    why = run(served.var_dir, "why", client.conversation)
    assert "postponement" in why.stdout
    assert "note an objection while no complaint is open" in why.stdout


def test_chat_command_talks_with_the_running_server(served: Served) -> None:
    done = run(served.var_dir, "chat", stdin="你好\n")
    assert done.returncode == 0, done.stderr
    assert re.search(r"./prelude why [0-9a-f]{24}", done.stdout)
    assert len(done.stdout.splitlines()) >= 3


def test_second_server_on_the_same_folder_refuses_to_start(served: Served) -> None:
    done = run(served.var_dir, "serve", "--port", "0")
    assert done.returncode == 1
    assert "already uses" in done.stderr


def test_interrupt_ends_both_processes_and_leaves_no_child(served: Served) -> None:
    children = served.children()
    assert children
    served.process.send_signal(signal.SIGINT)
    assert served.process.wait(20) == 0
    assert not (served.var_dir / "admin.json").exists()
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children), 10.0)
