"""The systems under measurement as child processes, each a process group of its own.

Whatever happens, `Servers` leaves none of them behind. All of them write below one temporary
folder; no shop's data is ever touched.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

from bot.cli.training import QUIET
from bot.errors import BotError
from bot.settings import ROOT

START_SECONDS = 120.0
STOP_SECONDS = 5.0
PROC = Path("/proc")
RAISED_LIMITS = {
    "PRELUDE_MESSAGE_RATE": "100000/second",
    "PRELUDE_ADDRESS_RATE": "100000/second",
    "PRELUDE_MAX_SOCKETS": "10000",
}
UNSET = ("PRELUDE_DATABASE_URL", "PRELUDE_KILL_AT")


class BenchError(BotError):
    """A measurement could not be made; the message says which and why."""

    code = "bench"


class Server:
    """One command in a process group of its own."""

    def __init__(self, name: str, command: list[str], ready_url: str, var_dir: Path) -> None:
        """Start it; `ready_url` answers 200 once it can be used."""
        var_dir.mkdir(parents=True, exist_ok=True)
        self.name = name
        self._ready_url = ready_url
        self._log_path = var_dir / f"{name}.log"
        environ = {name: value for name, value in os.environ.items() if name not in UNSET}
        environ |= {**QUIET, "PRELUDE_VAR": str(var_dir), "PYTHONPATH": str(ROOT)}
        environ |= RAISED_LIMITS
        environ["PRELUDE_SHOP"] = str(ROOT / "shops" / "sample")
        with self._log_path.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-W", "ignore", *command],
                cwd=ROOT,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def is_ready(self) -> bool:
        """Tell whether it can be used.

        Raises:
            BenchError: it has ended.
        """
        if self._process.poll() is not None:
            raise BenchError(f"{self.name} ended while starting:\n{self.log_tail()}")
        try:
            with urllib.request.urlopen(self._ready_url, timeout=2) as answer:  # noqa: S310
                return bool(answer.status == 200)
        except urllib.error.HTTPError:
            return False
        except OSError:
            return False

    def log_tail(self) -> str:
        """Return the end of what it has printed."""
        return self._log_path.read_text(errors="replace")[-2000:]

    def resident_bytes(self) -> int:
        """Return the resident memory of all its processes; 0 where there is no /proc."""
        return sum(_resident_bytes(pid) for pid in _processes_of_session(self._process.pid))

    def terminate(self) -> None:
        """Ask the whole group to end."""
        self._signal(signal.SIGTERM)

    def kill(self, deadline: float) -> None:
        """Wait for its end until `deadline` (monotonic), then kill what is left of the group."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(max(0.0, deadline - time.monotonic()))
        self._signal(signal.SIGKILL)
        self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)


class Servers:
    """Ours, stock Rasa with its action server, and the echo; all ended on exit."""

    def __init__(self, folder: Path, model_path: Path) -> None:
        """Prepare; nothing is started yet."""
        self._folder = folder
        self._model_path = model_path
        self._all: list[Server] = []
        self.ours_port = free_port()
        self.echo_port = free_port()
        self.stock_port = free_port()
        self._actions_port = free_port()

    def __enter__(self) -> Servers:
        """Start all; they load side by side."""
        try:
            self.ours = self._start(
                "ours",
                ["-m", "bot.cli", "serve", "--port", str(self.ours_port)],
                f"http://127.0.0.1:{self.ours_port}/readyz",
            )
            self.stock = [self._start_actions(), self._start_rasa()]
            self.echo = self._start(
                "echo",
                ["-m", "bot.bench.echo", str(self._folder / "echo"), str(self.echo_port)],
                f"http://127.0.0.1:{self.echo_port}/",
            )
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave nothing behind."""
        self._end()

    def wait_until_ready(self, tell: Callable[[str], None]) -> None:
        """Wait for all of them.

        Raises:
            BenchError: one has ended, or needs too long.
        """
        deadline = time.monotonic() + START_SECONDS
        for server in self._all:
            tell(f"waiting for {server.name}")
            while not server.is_ready():
                if time.monotonic() > deadline:
                    raise BenchError(f"{server.name} is not ready:\n{server.log_tail()}")
                time.sleep(0.2)

    def log_tails(self) -> str:
        """Return the end of what each has printed."""
        return "\n".join(f"[{each.name}] {each.log_tail()[-600:]}" for each in self._all)

    @property
    def stock_database(self) -> Path:
        """The file that Rasa's tracker store must be writing."""
        return self._folder / "stock" / "rasa.db"

    def _start(self, name: str, command: list[str], ready_url: str, var: str = "") -> Server:
        server = Server(name, command, ready_url, self._folder / (var or name))
        self._all.append(server)
        return server

    def _start_actions(self) -> Server:
        port = str(self._actions_port)
        return self._start(
            "stock-actions",
            ["-m", "rasa", "run", "actions", "--actions", "actions", "--port", port, "--quiet"],
            f"http://127.0.0.1:{port}/health",
            "stock",
        )

    def _start_rasa(self) -> Server:
        endpoints = self._folder / "stock" / "endpoints.yml"
        endpoints.write_text(json.dumps(self._endpoints()))  # JSON is YAML
        command = ["-m", "rasa", "run", "--quiet", "--model", str(self._model_path)]
        command += ["--endpoints", str(endpoints), "--credentials", str(ROOT / "credentials.yml")]
        command += ["--interface", "127.0.0.1", "--port", str(self.stock_port)]
        return self._start("stock-rasa", command, f"http://127.0.0.1:{self.stock_port}/", "stock")

    def _endpoints(self) -> dict[str, dict[str, str]]:
        return {
            "action_endpoint": {"url": f"http://127.0.0.1:{self._actions_port}/webhook"},
            "nlg": {"type": "bot.engine.nlg.PlaybookNLG"},
            "tracker_store": {
                "type": "bot.bench.stock_tracker_store.StockTrackerStore",
                "db": str(self.stock_database),
            },
        }

    def _end(self) -> None:
        with _signals_ignored():
            for server in self._all:
                server.terminate()
            deadline = time.monotonic() + STOP_SECONDS
            for server in self._all:
                server.kill(deadline)


@contextmanager
def stop_signals_interrupt() -> Iterator[None]:
    """Turn the signals that end a program into KeyboardInterrupt, so that `finally` runs."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = {each: signal.signal(each, interrupt) for each in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _signals_ignored() -> Iterator[None]:
    """Let nobody interrupt the clearing up."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {each: signal.signal(each, signal.SIG_IGN) for each in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _processes_of_session(session: int) -> Iterator[int]:
    for entry in PROC.glob("[0-9]*"):
        with suppress(OSError, IndexError, ValueError):
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            if int(fields[3]) == session:
                yield int(entry.name)


def _resident_bytes(pid: int) -> int:
    with suppress(OSError, IndexError, ValueError):
        pages = int((PROC / str(pid) / "statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    return 0
