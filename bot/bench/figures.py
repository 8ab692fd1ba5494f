"""From timings to figures and ratios, and how they are shown."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median, quantiles
from typing import Any

from rich.table import Table

from bot.bench.case_shown import Waits
from bot.bench.clients import Timing

MIB = 1 << 20


@dataclass(frozen=True)
class Load:
    """The timings of one system at one number of conversations, in one round."""

    timings: Sequence[Timing]
    seconds: float


@dataclass(frozen=True)
class LoadFigures:
    """What a load comes to; times in milliseconds, each the median over the rounds.

    Attributes:
        turns_per_second: turns answered (or frames echoed) a second.
    """

    ack_p50: float | None
    ack_p95: float | None
    reply_p50: float | None
    reply_p95: float | None
    turns_per_second: float


@dataclass
class Figures:
    """Everything that one run has measured.

    Attributes:
        loads: figures by system ('ours', 'stock', 'echo') and number of conversations.
        replies: replies to each message of the script, by system.
        long: p50 reply time in milliseconds at early and late turns of one conversation, and at
            early turns of a young one at the same time.
        resident_mib: resident memory by system.
        waits: until a first reply, of who complains for the case's number, and of who asks.
    """

    loads: dict[str, dict[int, LoadFigures]] = field(default_factory=dict)
    replies: dict[str, list[int]] = field(default_factory=dict)
    long: dict[str, float] = field(default_factory=dict)
    resident_mib: dict[str, float] = field(default_factory=dict)
    waits: dict[str, Waits] = field(default_factory=dict)


@dataclass(frozen=True)
class Ratio:
    """One ratio and what it should be."""

    name: str
    value: float
    sign: str
    aim: float

    @property
    def is_met(self) -> bool:
        """Tell whether the aim is reached."""
        return self.value <= self.aim if self.sign == "<=" else self.value >= self.aim


def summarise(rounds: Sequence[Load]) -> LoadFigures:
    """Return the medians over the rounds of what each round comes to."""

    def over_rounds(pick: Callable[[Timing], float | None], percent: int) -> float | None:
        values = [_percentile([pick(each) for each in load.timings], percent) for load in rounds]
        known = [value for value in values if value is not None]
        return round(median(known) * 1000, 2) if known else None

    return LoadFigures(
        ack_p50=over_rounds(lambda timing: timing.ack_seconds, 50),
        ack_p95=over_rounds(lambda timing: timing.ack_seconds, 95),
        reply_p50=over_rounds(lambda timing: timing.reply_seconds, 50),
        reply_p95=over_rounds(lambda timing: timing.reply_seconds, 95),
        turns_per_second=round(median(len(load.timings) / load.seconds for load in rounds), 1),
    )


def reply_p50(timings: Sequence[Timing]) -> float:
    """Return the median reply time in milliseconds."""
    return round(median(each.reply_seconds or 0.0 for each in timings) * 1000, 2)


def ratios_of(figures: Figures) -> list[Ratio]:
    """Return the ratios of a run beside their aims."""
    ours, stock, echo = (figures.loads[name] for name in ("ours", "stock", "echo"))
    most = max(ours)
    found = [
        _ratio("ack p50, 1 conversation: ours / echo", ours[1].ack_p50, echo[1].ack_p50, "<=", 3.0)
    ]
    found += [
        _ratio(
            f"reply p50, {_conversations(count)}: ours / stock",
            ours[count].reply_p50,
            stock[count].reply_p50,
            "<=",
            0.5,
        )
        for count in ours
    ]
    speed = (ours[most].turns_per_second, stock[most].turns_per_second)
    found.append(_ratio(f"turns a second, {most} conversations: ours / stock", *speed, ">=", 2.0))
    early, late, young = figures.long
    found += [
        _ratio(f"reply p50, {late} / {each}", figures.long[late], figures.long[each], "<=", 1.2)
        for each in (early, young)
    ]
    memory = figures.resident_mib
    found.append(
        _ratio("resident memory: ours / stock", memory["ours"], memory["stock"], "<=", 1.1)
    )
    return [each for each in found if each is not None]


def load_table(figures: Figures) -> Table:
    """Show times and speed by system and number of conversations."""
    table = Table(
        "conversations",
        "system",
        *(f"{what} p{percent} ms" for what in ("ack", "reply") for percent in (50, 95)),
        "turns/s",
        title="one turn",
    )
    for column in table.columns[2:]:
        column.justify = "right"
    for count in next(iter(figures.loads.values())):
        for name, loads in figures.loads.items():
            each = loads[count]
            times = (each.ack_p50, each.ack_p95, each.reply_p50, each.reply_p95)
            cells = ("" if value is None else f"{value:.1f}" for value in times)
            table.add_row(str(count), name, *cells, f"{each.turns_per_second:.1f}")
        table.add_section()
    return table


def ratio_table(ratios: Sequence[Ratio]) -> Table:
    """Show the ratios beside their aims."""
    table = Table("ratio", "value", "aim", "", title="ratios")
    for each in ratios:
        verdict = "[green]met[/green]" if each.is_met else "[red]missed[/red]"
        sign = {"<=": "≤", ">=": "≥"}[each.sign]
        table.add_row(each.name, f"{each.value:.2f}", f"{sign} {each.aim:g}", verdict)
    return table


def as_json(figures: Figures, ratios: Sequence[Ratio], *, is_quick: bool) -> dict[str, Any]:
    """Return a run as plain values."""
    return {
        "is_quick": is_quick,
        "machine": {
            "processors": os.cpu_count(),
            "platform": platform.platform(),
            "python": platform.python_version(),
        },
        "figures": asdict(figures),
        "ratios": [{**asdict(each), "is_met": each.is_met} for each in ratios],
    }


def _ratio(
    name: str, ours: float | None, other: float | None, sign: str, aim: float
) -> Ratio | None:
    """Return a ratio, or nothing where one side could not be measured."""
    if not ours or not other:
        return None
    return Ratio(name, round(ours / other, 3), sign, aim)


def _percentile(values: Sequence[float | None], percent: int) -> float | None:
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return known[0] if known else None
    return quantiles(known, n=100, method="inclusive")[percent - 1]


def _conversations(count: int) -> str:
    return f"{count} conversation" + ("" if count == 1 else "s")
