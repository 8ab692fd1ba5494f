"""What a run of `bench sockets` comes to, and how it is shown."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from statistics import quantiles
from typing import Any

from rich.table import Table

from bot.bench.clients import Timing

WITHOUT, WITH = "without", "with"


@dataclass(frozen=True)
class Active:
    """Times of the active conversations, in milliseconds."""

    turns: int
    ack_p50: float
    ack_p99: float
    reply_p50: float | None
    reply_p99: float | None


@dataclass
class SocketFigures:
    """Everything that one run has measured.

    Attributes:
        active: by system ('ours', 'echo') and 'without' or 'with' the idle ones.
        resident_mib: by system and the same.
        kib_per_connection: by system: the difference of resident memory, by connections.
        opened: by system: how many idle ones were open, lost, and the seconds to open them.
        remained: by system: how many were open and lost at the end.
    """

    connections: int
    active: dict[str, dict[str, Active]] = field(default_factory=dict)
    resident_mib: dict[str, dict[str, float]] = field(default_factory=dict)
    kib_per_connection: dict[str, float] = field(default_factory=dict)
    opened: dict[str, dict[str, float]] = field(default_factory=dict)
    remained: dict[str, dict[str, float]] = field(default_factory=dict)


def active_of(timings: Sequence[Timing]) -> Active:
    """Return what the timings come to; a side without acknowledgements has none."""
    acks = [each.ack_seconds or 0.0 for each in timings]
    replies = [each.reply_seconds for each in timings if each.reply_seconds is not None]
    return Active(
        turns=len(timings),
        ack_p50=_ms(acks, 50),
        ack_p99=_ms(acks, 99),
        reply_p50=_ms(replies, 50) if replies else None,
        reply_p99=_ms(replies, 99) if replies else None,
    )


def ratios_of(figures: SocketFigures) -> dict[str, float]:
    """Return the ratios of a run; none of them has an aim."""
    memory, ours, echo = figures.kib_per_connection, figures.active["ours"], figures.active["echo"]
    pairs = {
        "memory per connection: ours / bare echo": (memory["ours"], memory["echo"]),
        "ours, ack p99: with / without idle ones": (ours[WITH].ack_p99, ours[WITHOUT].ack_p99),
        "ours, reply p99: with / without": (ours[WITH].reply_p99, ours[WITHOUT].reply_p99),
        "bare echo, p99: with / without": (echo[WITH].ack_p99, echo[WITHOUT].ack_p99),
    }
    return {name: round(a / b, 2) for name, (a, b) in pairs.items() if a is not None and b}


def active_table(figures: SocketFigures) -> Table:
    """Show the active conversations with and without the idle ones."""
    columns = ("ack p50 ms", "ack p99 ms", "reply p50 ms", "reply p99 ms")
    table = Table("system", "idle sockets", "turns", *columns, title="active conversations")
    for name, phases in figures.active.items():
        for phase, each in phases.items():
            times = (each.ack_p50, each.ack_p99, each.reply_p50, each.reply_p99)
            cells = ("" if value is None else f"{value:.1f}" for value in times)
            idle = figures.connections if phase == WITH else 0
            table.add_row(name, str(idle), str(each.turns), *cells)
        table.add_section()
    return table


def memory_table(figures: SocketFigures) -> Table:
    """Show resident memory with and without the idle ones."""
    columns = ("MiB without", "MiB with", "KiB a connection", "s to open", "open at the end")
    table = Table("system", *columns, title=f"{figures.connections} idle sockets")
    for name, memory in figures.resident_mib.items():
        table.add_row(
            name,
            f"{memory[WITHOUT]:.1f}",
            f"{memory[WITH]:.1f}",
            f"{figures.kib_per_connection[name]:.1f}",
            f"{figures.opened[name]['seconds']:.1f}",
            f"{figures.remained[name]['open']:.0f}",
        )
    return table


def ratio_table(figures: SocketFigures) -> Table:
    """Show the ratios."""
    table = Table("ratio", "value", title="ratios")
    for name, value in ratios_of(figures).items():
        table.add_row(name, f"{value:.2f}")
    return table


def as_json(figures: SocketFigures, raised: dict[str, str]) -> dict[str, Any]:
    """Return a run as plain values."""
    return {
        "machine": {
            "processors": os.cpu_count(),
            "platform": platform.platform(),
            "python": platform.python_version(),
        },
        "raised_limits": raised,
        "figures": asdict(figures),
        "ratios": ratios_of(figures),
    }


def _ms(seconds: Sequence[float], percent: int) -> float:
    return round(quantiles(seconds, n=100, method="inclusive")[percent - 1] * 1000, 2)
