"""A real server as a child process that a test may kill, and the proof that it left nothing."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 120.0


class ServerProcess:
    """`tests.crash.fake_server` on one folder and port."""

    def __init__(self, var_dir: Path, port: int, kill_at: str = "") -> None:
        self._mark = f"PRELUDE_TEST_MARK={uuid.uuid4().hex}"
        self.url = f"ws://127.0.0.1:{port}/chat"
        self.database_file = var_dir / "prelude.db"
        name, _, value = self._mark.partition("=")
        environ = {**os.environ, name: value}
        environ.pop("PRELUDE_KILL_AT", None)
        if kill_at:
            environ["PRELUDE_KILL_AT"] = kill_at
        self._log = (var_dir.parent / f"server-{value[:8]}.log").open("wb+")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.fake_server", str(var_dir), str(port)],
            cwd=ROOT,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        wait_for(lambda: self._is_open(port), START_SECONDS, self._log_text)

    def wait_for_death(self, seconds: float = 30.0) -> int:
        """Return the exit code; its worker must go with it."""
        code = self._process.wait(seconds)
        wait_for(lambda: not self.leftovers(), 20.0, lambda: f"still there: {self.leftovers()}")
        return code

    def stop(self) -> int:
        """End the server as an operator would and return the exit code; nothing may remain."""
        if self._process.poll() is None:
            self._process.terminate()
        try:
            return self.wait_for_death(15.0)
        finally:
            self._process.kill()
            for pid in self.leftovers():
                os.kill(pid, signal.SIGKILL)
            self._process.wait(5.0)
            self._log.close()

    def leftovers(self) -> list[int]:
        """Return the live processes that this server started, and itself."""
        return [pid for pid in _pids() if self._mark.encode() in _environment(pid)]

    def _is_open(self, port: int) -> bool:
        if self._process.poll() is not None:
            raise AssertionError(f"the server ended at once: {self._log_text()}")
        with socket.socket() as probe:
            probe.settimeout(1.0)
            return probe.connect_ex(("127.0.0.1", port)) == 0

    def _log_text(self) -> str:
        self._log.flush()
        return Path(self._log.name).read_text(errors="replace")[-3000:]


def wait_for(
    is_so: Callable[[], bool], seconds: float, describe: Callable[[], str] = lambda: ""
) -> None:
    """Wait, not longer than `seconds`, for something another process does."""
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s. {describe()}")
        time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def is_running(pid: int) -> bool:
    """Tell whether a process runs (one that has ended but was not waited for does not)."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _environment(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""
