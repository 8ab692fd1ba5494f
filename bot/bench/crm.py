"""`./prelude bench crm`: a large shop's database, read, searched, written and imported into.

A figure is a ratio to a read by primary key of the same run, or of the same write in a small
database beside the large one; all are asked in turn, so that noise hits all of them. The
databases are the bench's own: no shop's data is read or written.
"""

from __future__ import annotations

import json
import os
import platform
import random
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path
from statistics import fmean, quantiles
from time import monotonic, perf_counter
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bot.bench.crm_data import END, TALK_MESSAGES, Shop, Speech, fill, make_speech
from bot.bench.crm_import import ImportFigures, measure_import, write_orders
from bot.bench.figures import Ratio, ratio_table
from bot.bench.postgres_cluster import databases_of, postgres_server
from bot.bench.servers import stop_signals_interrupt
from bot.bench.tables import show
from bot.crm.counts import day_of
from bot.crm.database import Database
from bot.crm.migrate import upgrade
from bot.crm.postgres_dump import find_program
from bot.crm.unit_of_work import UnitOfWork
from bot.errors import UsageError
from bot.services.conversations import InboundText, accept_message
from bot.services.customers import read_card
from bot.services.queue import list_waiting
from bot.settings import load_settings

SMALL_MESSAGES = 1000
READS = 200
WRITES = 1000
WARM_UP = 20
STEP = 10
DAYS = 31
SIZES = ("small", "large")
MAX_CHARS = 10_000
KEY_READ = "customer by primary key"
AIMS = {
    "customer card": 10.0,
    "agent queue": 10.0,
    "search, frequent word": 40.0,
    "search, rare word": 40.0,
    "search, two words": 40.0,
    "search, sentence": 40.0,
    "search, words that never meet": 40.0,
}
INSERT_AIM = 1.3
MEMORY_AIM_MIB = 300.0
Job = Callable[[UnitOfWork], object]
Advance = Callable[[int], None]

console = Console()


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    messages: int
    cases: int
    orders: int


@dataclass
class EngineFigures:
    """What one database came to; times are seconds of each single call, by what was called."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    imported: ImportFigures | None = None
    is_counted_right: bool = False


def run(
    json_out: Path | None,
    size: Size,
    database_url: str | None,
    names: Sequence[str] = ("sqlite", "postgresql"),
) -> None:
    """Measure on both databases, show the tables, and write them to `json_out`.

    Args:
        database_url: a PostgreSQL server on which databases may be made and dropped; without,
            one is started if PostgreSQL is installed.

    Raises:
        BenchError, UsageError: a database could not be made.
    """
    settings = load_settings()
    settings.var_dir.mkdir(parents=True, exist_ok=True)
    started = monotonic()
    found: dict[str, EngineFigures] = {}
    with stop_signals_interrupt(), _progress() as progress:
        with _bar(progress, "composing what customers say", size.cases) as advance:
            speech = make_speech(size.cases, advance)
        for name in names:
            with tempfile.TemporaryDirectory(prefix="prelude-bench-") as folder:
                place = Path(folder)
                place.chmod(0o755)  # PostgreSQL has a user of its own
                with _databases(name, place, database_url) as urls:
                    if urls:
                        found[name] = _measure(urls, place, speech, size, name, progress)
    _report(found, size, json_out, monotonic() - started)


def _progress() -> Progress:
    """A bar that is drawn only when told: a thread that draws would stand in the figures."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    shown = Console(stderr=True)
    return Progress(
        *columns, TimeElapsedColumn(), console=shown, transient=True, auto_refresh=False
    )


@contextmanager
def _bar(progress: Progress, what: str, total: int | None = None) -> Iterator[Advance]:
    task = progress.add_task(what, total=total)

    def advance(done: int) -> None:
        progress.advance(task, done)
        progress.refresh()

    yield advance
    progress.remove_task(task)


@contextmanager
def _databases(name: str, folder: Path, server: str | None) -> Iterator[list[str]]:
    """Yield the URLs of a small and a large database; none where there is no PostgreSQL."""
    if name == "sqlite":
        yield [f"sqlite:///{folder / each}.db" for each in ("small", "large")]
        return
    with ExitStack() as stack:
        if server is None:
            try:
                find_program("initdb")
            except UsageError as error:
                console.print(f"PostgreSQL is left out: {error}", style="yellow")
                yield []
                return
            server = stack.enter_context(postgres_server(folder))
        yield stack.enter_context(databases_of(server, "small", "large"))


def _measure(
    urls: list[str], folder: Path, speech: Speech, size: Size, name: str, progress: Progress
) -> EngineFigures:
    shops = []
    small = Size(SMALL_MESSAGES, SMALL_MESSAGES // TALK_MESSAGES, 0)
    for url, each in zip(urls, (small, size), strict=True):
        upgrade(url)
        with _bar(progress, f"{name}: writing {each.messages:,} messages") as advance:
            shops.append(fill(url, speech, each.messages, each.cases, advance))
    databases = [Database(url) for url in urls]
    figures = EngineFigures()
    try:
        with _bar(progress, f"{name}: reading", READS) as advance:
            _time_reads(figures, databases[1], read_jobs(shops[1], speech), advance)
        with _bar(progress, f"{name}: taking messages", WRITES) as advance:
            _time_writes(figures, databases, shops, advance)
        with _bar(progress, f"{name}: importing orders", size.orders) as advance:
            path = folder / "orders.csv"
            write_orders(path, size.orders, shops[1].customers)
            figures.imported = measure_import(urls[1], path, advance)
        figures.is_counted_right = databases[1].read(_is_counted_right)
    finally:
        for database in databases:
            database.close()
    return figures


def _is_counted_right(uow: UnitOfWork) -> bool:
    return uow.counts.between("0000-00-00", "9999-99-99") == uow.counts.recount()


def read_jobs(shop: Shop, speech: Speech) -> dict[str, Job]:
    """Return what is read, by name; each draws anew what it looks for."""
    rng = random.Random(1)
    first_day = day_of(END - timedelta(days=DAYS - 1))

    def customer() -> int:
        return rng.choice(shop.customers_of_talks)

    return {
        KEY_READ: lambda uow: uow.customers.get(customer()),
        "customer card": lambda uow: read_card(uow, customer()),
        "agent queue": list_waiting,
        "search, frequent word": lambda uow: uow.cases.search(speech.frequent[0]),
        "search, rare word": lambda uow: uow.cases.search(rng.choice(speech.rare)),
        "search, two words": lambda uow: uow.cases.search(
            " ".join(rng.sample(speech.frequent[:10], 2))
        ),
        "search, sentence": lambda uow: uow.cases.search(speech.sentence),
        "search, words that never meet": lambda uow: uow.cases.search(speech.apart),
        f"dashboard, {DAYS} days": lambda uow: uow.counts.between(first_day, day_of(END)),
    }


def _time_reads(
    figures: EngineFigures, database: Database, jobs: dict[str, Job], advance: Advance
) -> None:
    for number in range(-WARM_UP, READS):
        for what, job in jobs.items():
            started = perf_counter()
            database.read(job)
            if number >= 0:
                figures.seconds.setdefault(what, []).append(perf_counter() - started)
        if number % STEP == 0:
            advance(STEP)


def _time_writes(
    figures: EngineFigures, databases: Sequence[Database], shops: Sequence[Shop], advance: Advance
) -> None:
    rng = random.Random(2)
    both = list(zip(SIZES, databases, shops, strict=True))
    for number in range(-WARM_UP, WRITES):
        both.reverse()  # whoever is second finds the disk as the first has left it
        for what, database, shop in both:
            job = _message_in(rng.choice(shop.talks), f"bench{number}")
            started = perf_counter()
            database.write(job)
            if number >= 0:
                took = perf_counter() - started
                figures.seconds.setdefault(f"message in, {what}", []).append(took)
        if number % STEP == 0:
            advance(STEP)


def _message_in(talk: str, client_id: str) -> Job:
    inbound = InboundText(talk, client_id, "x" * 20)
    return lambda uow: accept_message(uow, inbound, max_chars=MAX_CHARS, now=END)


def ratios_of(figures: EngineFigures, name: str) -> list[Ratio]:
    """Return the ratios of one database beside their aims."""
    key = percentile(figures.seconds[KEY_READ], 95)
    found = [
        Ratio(
            f"{name}: {what} p95 / key read p95",
            round(percentile(figures.seconds[what], 95) / key, 2),
            "<=",
            aim,
        )
        for what, aim in AIMS.items()
    ]
    for what, figure in (("mean", usual_mean), ("p95", lambda each: percentile(each, 95))):
        small, large = (figure(figures.seconds[f"message in, {each}"]) for each in SIZES)
        title = f"{name}: message in {what}, large / small"
        found.append(Ratio(title, round(large / small, 2), "<=", INSERT_AIM))
    if figures.imported is not None:
        peak = figures.imported.peak_mib
        found.append(Ratio(f"{name}: memory of the import, MiB", peak, "<=", MEMORY_AIM_MIB))
    return found


def percentile(seconds: Sequence[float], percent: int) -> float:
    """Return a percentile, of at least two values."""
    return quantiles(seconds, n=100, method="inclusive")[percent - 1]


def usual_mean(seconds: Sequence[float]) -> float:
    """Return the mean without the slowest twentieth.

    Under load a commit is either quick or waits for a processor, and which of the two the median
    is, is chance.
    """
    return fmean(sorted(seconds)[: max(len(seconds) * 19 // 20, 1)])


def _report(
    found: dict[str, EngineFigures], size: Size, json_out: Path | None, seconds: float
) -> None:
    times = [
        {
            "database": name,
            "what": what,
            **{f"p{n} ms": round(percentile(values, n) * 1000, 2) for n in (50, 95)},
        }
        for name, figures in found.items()
        for what, values in figures.seconds.items()
    ]
    imports = [
        {
            "database": name,
            **asdict(figures.imported),
            "rows a second": round(figures.imported.rows / figures.imported.seconds),
            "day counts equal a recount": figures.is_counted_right,
        }
        for name, figures in found.items()
        if figures.imported is not None
    ]
    ratios = [each for name, figures in found.items() for each in ratios_of(figures, name)]
    show({"times": times, "import of orders": imports}, console)
    console.print(ratio_table(ratios))
    console.print(f"{size.messages:,} messages, {size.cases:,} cases, {seconds:.0f} s in all")
    if json_out is not None:
        told: dict[str, Any] = {
            "machine": {"processors": os.cpu_count(), "platform": platform.platform()},
            "size": asdict(size),
            "times": times,
            "imports": imports,
            "ratios": [{**asdict(each), "is_met": each.is_met} for each in ratios],
        }
        json_out.write_text(json.dumps(told, ensure_ascii=False, indent=2) + "\n")
