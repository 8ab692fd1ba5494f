"""`./prelude bench turn`: one turn of ours beside stock Rasa and a one-row echo.

All three run at the same time on this machine and are asked in alternation, several rounds, so
that noise hits all of them; a figure is the median of its rounds. Stock is the same model, data
and actions under `rasa run` with `rasa run actions`, Rasa's own SQL tracker store and no patch.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, perf_counter

from aiohttp import ClientError
from msgspec import Struct
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from websockets.exceptions import WebSocketException

from bot.bench.case_shown import measure_waits, waits_table
from bot.bench.clients import Customer, Opener, Timing, open_echo, open_ours, open_stock
from bot.bench.figures import (
    MIB,
    Figures,
    Load,
    as_json,
    load_table,
    ratio_table,
    ratios_of,
    reply_p50,
    summarise,
)
from bot.bench.servers import RAISED_LIMITS, BenchError, Servers, stop_signals_interrupt
from bot.cli.training import ensure_model
from bot.knowledge.loader import read_yaml
from bot.settings import load_settings

MESSAGES = Path(__file__).with_name("messages.yml")
WARM_UP_QUIET_SECONDS = 0.3
LONG_QUIET_SECONDS = 0.03
FIRST_MESSAGES = Path(__file__).with_name("first_messages.yml")
OURS, STOCK, ECHO = "ours", "stock", "echo"

console = Console()


class ScriptLine(Struct, frozen=True, forbid_unknown_fields=True):
    """One message of the conversation that everybody has, again and again."""

    kind: str
    text: str


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    Attributes:
        repeats: by number of conversations at a time, how often in a round they are held anew.
        turns: by the same, the length of each.
        early: turns of the long conversation that are compared, from and to, with `late`;
            both are of one length and at the same place of the script.
    """

    rounds: int
    repeats: dict[int, int]
    turns: dict[int, int]
    early: tuple[int, int]
    late: tuple[int, int]


FULL = Plan(
    rounds=3,
    repeats={1: 6, 8: 1, 32: 1},
    turns={1: 10, 8: 10, 32: 5},
    early=(5, 25),
    late=(390, 410),
)
QUICK = Plan(
    rounds=2,
    repeats={1: 3, 8: 1, 32: 1},
    turns={1: 5, 8: 5, 32: 5},
    early=(5, 25),
    late=(40, 60),
)


@dataclass(frozen=True)
class System:
    """One of the three.

    Attributes:
        expected: replies to each message of one conversation, as counted in the warm-up.
    """

    name: str
    opener: Opener
    expected: Sequence[int]


def run(json_out: Path | None, *, is_quick: bool) -> None:
    """Measure, show the tables, and write them to `json_out`.

    Raises:
        BenchError: a system did not start or did not answer.
        UsageError: the model could not be trained.
    """
    settings = load_settings()
    model_path = ensure_model(settings)
    plan = QUICK if is_quick else FULL
    settings.var_dir.mkdir(parents=True, exist_ok=True)
    started = monotonic()
    with (
        stop_signals_interrupt(),
        tempfile.TemporaryDirectory(prefix="bench-", dir=settings.var_dir) as folder,
        _progress() as progress,
        Servers(Path(folder), model_path) as servers,
    ):
        figures = _Bench(servers, plan, progress).measure()
    ratios = ratios_of(figures)
    console.print(f"limits raised for this bench: {RAISED_LIMITS}")
    console.print(load_table(figures))
    console.print(waits_table(figures.waits))
    console.print(f"resident memory, MiB: {figures.resident_mib}")
    console.print(f"one long conversation, reply p50, ms: {figures.long}")
    console.print(ratio_table(ratios))
    console.print(
        f"medians of {plan.rounds} rounds, taken in turns; reply = the last one of a turn; "
        f"{monotonic() - started:.0f} s"
    )
    if is_quick:
        console.print(f"--quick: fewer turns, and a long conversation of {plan.late[1]} turns only")
    if json_out is not None:
        report = as_json(figures, ratios, is_quick=is_quick)
        json_out.write_text(json.dumps(report, indent=2) + "\n")
        console.print(f"written to {json_out}")


class _Bench:
    """One run over running servers."""

    def __init__(self, servers: Servers, plan: Plan, progress: Progress) -> None:
        self._servers = servers
        self._plan = plan
        self._progress = progress
        self._texts = [line.text for line in read_yaml(MESSAGES, list[ScriptLine])]
        loads = plan.rounds * len(plan.repeats) * 3
        self._task = progress.add_task("starting", total=loads + plan.late[1])

    def measure(self) -> Figures:
        """Measure everything, one after the other."""
        self._servers.wait_until_ready(self._tell)
        try:
            return asyncio.run(self._measure())
        except (OSError, ClientError, WebSocketException, BenchError) as error:
            raise BenchError(f"{error}\n{self._servers.log_tails()}") from error

    async def _measure(self) -> Figures:
        figures = Figures()
        systems = await self._warm_up(figures)
        await self._measure_loads(systems, figures)
        opener = open_ours(self._servers.ours_port, WARM_UP_QUIET_SECONDS)
        first = {line.kind: line.text for line in read_yaml(FIRST_MESSAGES, list[ScriptLine])}
        figures.waits = await measure_waits(
            opener, first["complaint"], first["question"], self._plan.rounds, self._tell
        )
        memory = {OURS: [self._servers.ours], STOCK: self._servers.stock}
        figures.resident_mib = {
            name: round(sum(server.resident_bytes() for server in each) / MIB, 1)
            for name, each in memory.items()
        }
        await self._measure_long_conversation(figures)
        return figures

    async def _warm_up(self, figures: Figures) -> list[System]:
        """Hold two conversations with each; the second one counts the replies.

        Raises:
            BenchError: Rasa's tracker store has fallen back to memory.
        """
        openers = {
            OURS: open_ours(self._servers.ours_port, WARM_UP_QUIET_SECONDS),
            STOCK: open_stock(self._servers.stock_port),
            ECHO: open_echo(self._servers.echo_port),
        }
        systems = []
        length = max(self._plan.turns.values())
        for name, opener in openers.items():
            self._tell(f"warming up {name}")
            for _ in range(2):
                async with opener() as customer:
                    timings = await self._talk(customer, [None] * length)
            counts = [timing.replies for timing in timings]
            figures.replies[name] = counts
            systems.append(System(name, opener, counts))
        with closing(sqlite3.connect(self._servers.stock_database)) as database:
            if not database.execute("SELECT count(*) FROM events").fetchone()[0]:
                raise BenchError("stock Rasa does not write to its SQL tracker store")
        return systems

    async def _measure_loads(self, systems: list[System], figures: Figures) -> None:
        loads: dict[tuple[str, int], list[Load]] = {}
        for number in range(self._plan.rounds):
            for count, repeats in self._plan.repeats.items():
                for system in systems if number % 2 == 0 else reversed(systems):
                    self._tell(f"round {number + 1}: {system.name}, {count} at a time")
                    load = await self._load(system, count, repeats)
                    loads.setdefault((system.name, count), []).append(load)
                    self._progress.advance(self._task)
        for system in systems:
            figures.loads[system.name] = {
                count: summarise(loads[system.name, count]) for count in self._plan.repeats
            }

    async def _load(self, system: System, count: int, repeats: int) -> Load:
        timings: list[Timing] = []
        seconds = 0.0
        for _ in range(repeats):
            async with AsyncExitStack() as stack:
                customers = [await stack.enter_async_context(system.opener()) for _ in range(count)]
                expected = system.expected[: self._plan.turns[count]]
                started = perf_counter()
                done = await asyncio.gather(
                    *(self._talk(customer, expected) for customer in customers)
                )
                seconds += perf_counter() - started
            timings += [timing for each in done for timing in each]
        return Load(timings, seconds)

    async def _measure_long_conversation(self, figures: Figures) -> None:
        """Hold one conversation of many turns with ours; compare late turns with early ones.

        The late turns are taken alternately with the early ones of a second, young conversation,
        so that there is also a pair of figures that noise hits alike.
        """
        self._tell("a long conversation with ours")
        opener = open_ours(self._servers.ours_port, LONG_QUIET_SECONDS)
        (first, last), (late, end) = self._plan.early, self._plan.late
        async with opener() as old, opener() as young:
            timings = await self._talk(old, [None] * (late - 1), is_shown=True)
            await self._talk(young, [None] * (first - 1))
            pairs: tuple[list[Timing], list[Timing]] = ([], [])
            for number in range(late, end + 1):
                text = self._texts[(number - 1) % len(self._texts)]
                for customer, taken in zip((old, young), pairs, strict=True):
                    taken.append(await customer.say(text, None))
                self._progress.advance(self._task)
        figures.long = {
            f"turns {first}-{last}": reply_p50(timings[first - 1 : last]),
            f"turns {late}-{end}": reply_p50(pairs[0]),
            f"turns {first}-{last} of a young one": reply_p50(pairs[1]),
        }

    async def _talk(
        self, customer: Customer, expected: Sequence[int | None], *, is_shown: bool = False
    ) -> list[Timing]:
        """Go through the script, as often as `expected` is long."""
        timings = []
        for text, count in zip(itertools.cycle(self._texts), expected):
            timings.append(await customer.say(text, count))
            if is_shown:
                self._progress.advance(self._task)
        return timings

    def _tell(self, what: str) -> None:
        self._progress.update(self._task, description=what)


def _progress() -> Progress:
    columns = (TextColumn("{task.description:<32}"), BarColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True)
