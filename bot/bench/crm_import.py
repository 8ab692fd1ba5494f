"""The import of `bench crm`: a file of orders, and the process that imports it.

It has a process of its own, so that its memory is the import's alone: run as
`python -m bot.bench.crm_import URL FILE`, it prints one JSON object a chunk, then the last.
"""

from __future__ import annotations

import csv
import json
import random
import resource
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

import msgspec

from bot.bench.crm_data import END, SEED, phone_of
from bot.bench.servers import BenchError
from bot.crm.database import Database
from bot.services.imports import ImportChunk, ImportReport, run_import, write_chunk
from bot.services.table_files import open_table
from bot.settings import ROOT

FIELDS = "number phone customer_name state placed_at product_id product_name quantity price_fen"
STATUS = Path("/proc/self/status")


@dataclass(frozen=True)
class ImportFigures:
    """What an import came to; `peak_mib` is the most memory that its process had."""

    rows: int
    refused_rows: int
    orders: int
    seconds: float
    peak_mib: float


def write_orders(path: Path, orders: int, customers: int) -> None:
    """Write a CSV of orders of one or two lines; four in five are of known customers."""
    rng = random.Random(SEED)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(FIELDS.split())
        for number in range(orders):
            customer = 1 + int(customers * 1.25 * rng.random())
            placed_at = END - timedelta(minutes=5 * number % 500_000)
            head = [f"O{number:08d}", phone_of(customer), f"c{customer}", "paid", placed_at]
            for _ in range(rng.choice((1, 1, 2))):
                product = rng.randrange(200)
                price_fen = 100 * (product + 1)
                writer.writerow([*head, f"p{product}", f"product {product}", 1, price_fen])


def measure_import(url: str, path: Path, advance: Callable[[int], None]) -> ImportFigures:
    """Import a file in a process of its own; `advance` is told of orders as they are written.

    Raises:
        BenchError: it failed.
    """
    command = [sys.executable, "-W", "ignore", "-m", "bot.bench.crm_import", url, str(path)]
    told: dict[str, Any] = {"orders": 0}
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            before, told = told, json.loads(line)
            advance(told["orders"] - before["orders"])
    if process.returncode != 0 or "peak_mib" not in told:
        raise BenchError(f"the import failed with code {process.returncode}")
    return ImportFigures(**told)


def _import(url: str, path: Path) -> ImportFigures:
    database = Database(url)

    def send(message: dict[str, Any]) -> list[Any]:
        chunk = msgspec.convert(message, ImportChunk)
        done = write_chunk(database, path.parent, chunk, END)
        return [msgspec.to_builtins(each) for each in done]

    def tell(report: ImportReport) -> None:
        print(json.dumps({"orders": report.outcomes["new"]}), flush=True)

    started = perf_counter()
    with open_table(path) as table:
        report = run_import("orders", table, send, is_dry_run=False, on_progress=tell)
    seconds = perf_counter() - started
    database.close()
    return ImportFigures(
        rows=report.rows,
        refused_rows=report.refused_rows,
        orders=report.outcomes["new"],
        seconds=seconds,
        peak_mib=_peak_mib(),
    )


def _peak_mib() -> float:
    """Return the most memory of this process; what it was started from does not count."""
    if STATUS.exists():
        lines = dict(line.split(":", 1) for line in STATUS.read_text().splitlines())
        return round(int(lines["VmHWM"].split()[0]) / 1024, 1)
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


if __name__ == "__main__":
    print(json.dumps(asdict(_import(sys.argv[1], Path(sys.argv[2])))), flush=True)
