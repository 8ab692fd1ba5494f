"""A shop's server as a process of its own, its folder, and what its database says."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tests.crash.server_process import ROOT, free_port, is_running, wait_for

FAKE = ["-m", "tests.browser.fake_shop"]
REAL = ["-m", "bot.cli", "serve", "--port"]
READY_SECONDS = 300.0
# Far above what a test does, so that only the test of the limits meets them.
GENEROUS = {
    "PRELUDE_MESSAGE_RATE": "5000/10 second",
    "PRELUDE_VISITOR_RATE": "1000/hour",
    "PRELUDE_ADDRESS_RATE": "10000/hour",
}


class ShopServer:
    """One server on one folder and port; may be killed and started again."""

    def __init__(
        self,
        folder: Path,
        shop_dir: Path,
        *,
        command: list[str] = FAKE,
        port: int = 0,
        **environ: str,
    ) -> None:
        self.port = port or free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.var_dir = folder / "var"
        self.var_dir.mkdir(parents=True, exist_ok=True)
        self._log_file = folder / "server.log"
        self._command = [sys.executable, "-W", "ignore", *command, str(self.port)]
        clean = {name: value for name, value in os.environ.items() if not _is_ours(name)}
        own = {"PRELUDE_VAR": str(self.var_dir), "PRELUDE_SHOP": str(shop_dir)}
        if "PRELUDE_MODELS" in os.environ:
            own["PRELUDE_MODELS"] = os.environ["PRELUDE_MODELS"]
        self.environ = {**clean, **GENEROUS, **own, **environ}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and return when a message would be answered."""
        self.launch()
        self.wait_until_ready()

    def launch(self) -> None:
        """Start, and do not wait."""
        with self._log_file.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_until_ready(self) -> None:
        wait_for(self._is_ready, READY_SECONDS, self._told)

    def kill(self) -> None:
        """End the server as a power cut would."""
        assert self._process is not None
        session = self._process.pid
        self._process.kill()
        self._process.wait(10)
        _end_session(session)

    def stop(self) -> None:
        """End the server as an operator would; leave no process behind."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(5)
        _end_session(self._process.pid)

    def worker_pids(self) -> list[int]:
        """Return the processes that compute turns."""
        assert self._process is not None
        spawned = b"spawn_main"
        return [pid for pid in _session(self._process.pid) if spawned in _command_of(pid)]

    def rows(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        """Return what a query finds in the running shop's database."""
        connection = sqlite3.connect(f"file:{self.var_dir / 'prelude.db'}?mode=ro", uri=True)
        connection.row_factory = sqlite3.Row
        try:
            return [dict(row) for row in connection.execute(sql, values)]
        finally:
            connection.close()

    def said(self, conversation: str, sender: str = "customer") -> list[str]:
        """Return the stored texts of one side, in order."""
        sql = "SELECT text FROM message WHERE conversation_id = ? AND sender = ? ORDER BY seq"
        return [row["text"] for row in self.rows(sql, conversation, sender)]

    def prelude(self, *words: str) -> str:
        """Run `./prelude WORDS` as a person of this shop; return what it printed."""
        done = subprocess.run(
            [str(ROOT / "prelude"), *words],
            cwd=ROOT,
            env={**self.environ, "COLUMNS": "200"},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def admin(self, operation: str, **arguments: Any) -> Any:
        """Do the same as the commands do, without a process for each."""
        access = json.loads((self.var_dir / "admin.json").read_text())
        request = urllib.request.Request(
            f"{access['url']}/admin/{operation}",
            json.dumps(arguments).encode(),
            {"Authorization": f"Bearer {access['token']}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)["result"]

    def _is_ready(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError(f"the server ended at once: {self._told()}")
        try:
            with urllib.request.urlopen(f"{self.address}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def _told(self) -> str:
        return self._log_file.read_text(errors="replace")[-3000:]


def _is_ours(name: str) -> bool:
    return name.startswith("PRELUDE_")


def _session(leader: int) -> list[int]:
    """Return the live processes of a session; a server starts one of its own."""
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [pid for pid in pids if is_running(pid) and _session_of(pid) == leader]


def _session_of(pid: int) -> int:
    try:
        return os.getsid(pid)
    except OSError:
        return 0


def _command_of(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _end_session(leader: int) -> None:
    for pid in _session(leader):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    wait_for(lambda: not _session(leader), 10.0, lambda: f"left over: {_session(leader)}")
