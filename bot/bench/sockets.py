"""`./prelude bench sockets`: many idle widgets beside a bare echo's, and what they cost.

Our server with its engine and the bare echo run at the same time; the idle sockets of both are
held by processes of their own. A few active conversations are timed without the idle ones, with
them, and without them again, so that a drift of the machine falls on both sides.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import resource
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from rich.console import Console
from websockets.exceptions import WebSocketException

from bot.bench.clients import Customer, Opener, Timing, open_echo, open_ours
from bot.bench.figures import MIB
from bot.bench.servers import RAISED_LIMITS, BenchError, Server, Servers, stop_signals_interrupt
from bot.bench.socket_figures import (
    WITH,
    WITHOUT,
    SocketFigures,
    active_of,
    active_table,
    as_json,
    memory_table,
    ratio_table,
)
from bot.bench.turn import MESSAGES, ScriptLine
from bot.cli.training import ensure_model
from bot.knowledge.loader import read_yaml
from bot.settings import ROOT, load_settings

OTHER_FILES = 500  # what a server has open beside its sockets, with room
WARM_UP_QUIET_SECONDS = 0.3
ACTIVE = 4
TURNS = 10
ROUNDS = 5
OPEN_SECONDS = 300.0
CLOSE_SECONDS = 10.0

console = Console()


@dataclass(frozen=True)
class System:
    """One of the two.

    Attributes:
        url: where its idle widgets go.
        frames: how many frames answer their hello.
        expected: replies to each message of one conversation, as counted in the warm-up.
    """

    name: str
    server: Server
    opener: Opener
    url: str
    frames: int
    expected: Sequence[int]


class SocketServers(Servers):
    """Ours and the bare echo; both ended on exit."""

    def __enter__(self) -> SocketServers:
        """Start both."""
        try:
            self.ours = self._start(
                "ours",
                ["-m", "bot.cli", "serve", "--port", str(self.ours_port)],
                f"http://127.0.0.1:{self.ours_port}/readyz",
            )
            self.echo = self._start(
                "echo",
                ["-m", "bot.bench.bare_echo", str(self.echo_port)],
                f"http://127.0.0.1:{self.echo_port}/",
            )
        except BaseException:
            self._end()
            raise
        return self


def run(json_out: Path | None, *, connections: int) -> None:
    """Measure, show the tables, and write them to `json_out`.

    Raises:
        BenchError: a limit cannot be raised, or a system did not start or answer.
        UsageError: the model could not be trained.
    """
    raised = {**RAISED_LIMITS, "RLIMIT_NOFILE": raise_open_files(connections)}
    for name, value in raised.items():
        console.print(f"limit for this bench: {name} = {value}")
    settings = load_settings()
    model_path = ensure_model(settings)
    settings.var_dir.mkdir(parents=True, exist_ok=True)
    started = monotonic()
    with (
        stop_signals_interrupt(),
        tempfile.TemporaryDirectory(prefix="bench-", dir=settings.var_dir) as folder,
        SocketServers(Path(folder), model_path) as servers,
    ):
        servers.wait_until_ready(console.print)
        try:
            figures = asyncio.run(_Bench(servers, connections).measure())
        except (OSError, asyncio.TimeoutError, WebSocketException, BenchError) as error:
            raise BenchError(f"{error!r}\n{servers.log_tails()}") from error
    for table in (active_table(figures), memory_table(figures), ratio_table(figures)):
        console.print(table)
    console.print(f"{ACTIVE} active at a time, {ROUNDS} rounds; {monotonic() - started:.0f} s")
    if json_out is not None:
        json_out.write_text(json.dumps(as_json(figures, raised), indent=2) + "\n")
        console.print(f"written to {json_out}")


def raise_open_files(connections: int) -> str:
    """Let this process and its children hold so many sockets; return what was changed.

    Raises:
        BenchError: the system does not allow it, or our own limit is lower.
    """
    most = int(RAISED_LIMITS["PRELUDE_MAX_SOCKETS"]) - 10 * ACTIVE
    if not 1 <= connections <= most:
        raise BenchError(f"--connections must be a number from 1 to {most}, not {connections}")
    needed = connections + OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return f"{soft}, not raised: {needed} are needed"
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise BenchError(
            f"{needed} open files are needed and the hard limit is {hard}: raise it "
            f"(ulimit -Hn {needed}, as root), or ask for fewer --connections"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
    return f"{needed}, raised from {soft}"


class _Bench:
    """One run over running servers."""

    def __init__(self, servers: SocketServers, connections: int) -> None:
        self._servers = servers
        self._figures = SocketFigures(connections)
        self._texts = [line.text for line in read_yaml(MESSAGES, list[ScriptLine])]

    async def measure(self) -> SocketFigures:
        """Time without, with, and without again."""
        figures = self._figures
        console.print("warming up")
        systems = await self._systems()
        without = await self._time_active(systems, "without idle sockets")
        before = self._resident(systems)
        async with AsyncExitStack() as stack:
            for system in systems:
                console.print(f"opening {figures.connections} idle sockets: {system.name}")
                await stack.enter_async_context(self._idle(system))
            after = self._resident(systems)
            with_idle = await self._time_active(systems, "with idle sockets")
        again = await self._time_active(systems, "without them again")
        for name in before:
            timings = {WITHOUT: without[name] + again[name], WITH: with_idle[name]}
            figures.active[name] = {phase: active_of(each) for phase, each in timings.items()}
            figures.resident_mib[name] = {
                WITHOUT: round(before[name] / MIB, 1),
                WITH: round(after[name] / MIB, 1),
            }
            grown = after[name] - before[name]
            figures.kib_per_connection[name] = round(grown / figures.connections / 1024, 1)
        return figures

    async def _systems(self) -> list[System]:
        """Hold two conversations with ours; the second one counts the replies."""
        ours, echo = self._servers.ours_port, self._servers.echo_port
        opener = open_ours(ours, WARM_UP_QUIET_SECONDS)
        for _ in range(2):
            async with opener() as customer:
                counts = [each.replies for each in await self._talk(customer, [None] * TURNS)]
        chat, bare = f"ws://127.0.0.1:{ours}/chat", f"ws://127.0.0.1:{echo}/"
        return [
            System("ours", self._servers.ours, opener, chat, 2, counts),
            System("echo", self._servers.echo, open_echo(echo), bare, 1, [0] * TURNS),
        ]

    async def _time_active(self, systems: list[System], told: str) -> dict[str, list[Timing]]:
        """Hold conversations with each, in turns."""
        console.print(f"timing active conversations {told}")
        timings: dict[str, list[Timing]] = {system.name: [] for system in systems}
        for number in range(ROUNDS):
            for system in systems if number % 2 == 0 else reversed(systems):
                timings[system.name] += await self._round(system)
        return timings

    async def _round(self, system: System) -> list[Timing]:
        async with AsyncExitStack() as stack:
            customers = [await stack.enter_async_context(system.opener()) for _ in range(ACTIVE)]
            done = await asyncio.gather(*(self._talk(each, system.expected) for each in customers))
        return [timing for each in done for timing in each]

    async def _talk(self, customer: Customer, expected: Sequence[int | None]) -> list[Timing]:
        script = zip(itertools.cycle(self._texts), expected, strict=False)
        return [await customer.say(text, count) for text, count in script]

    @asynccontextmanager
    async def _idle(self, system: System) -> AsyncIterator[None]:
        """Keep idle widgets in a process of their own; it ends when its input does."""
        words = [system.url, str(self._figures.connections), str(system.frames)]
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-W", "ignore", "-m", "bot.bench.idle", *words),
            stdin=PIPE,
            stdout=PIPE,
            cwd=ROOT,
            start_new_session=True,
        )
        try:
            self._figures.opened[system.name] = await _count(process, OPEN_SECONDS)
            yield
            _end_input(process)
            self._figures.remained[system.name] = await _count(process, CLOSE_SECONDS)
        finally:
            await _end(process)

    def _resident(self, systems: list[System]) -> dict[str, int]:
        return {system.name: system.server.resident_bytes() for system in systems}


async def _count(process: Process, seconds: float) -> dict[str, float]:
    """Return what the idle process tells next.

    Raises:
        BenchError: it has ended.
    """
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), seconds)
    if not line:
        raise BenchError("the process of the idle sockets has ended")
    told: dict[str, float] = json.loads(line)
    return told


def _end_input(process: Process) -> None:
    assert process.stdin is not None
    process.stdin.close()


async def _end(process: Process) -> None:
    _end_input(process)
    try:
        await asyncio.wait_for(process.wait(), CLOSE_SECONDS)
    except (asyncio.TimeoutError, asyncio.CancelledError):
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
