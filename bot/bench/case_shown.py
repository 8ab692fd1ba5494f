"""How long a customer who complains waits for the number of the case, beside a plain question.

Both are the first message of a conversation on our real server; the two loads are held in turns,
so that noise hits both. The aim is promise 26: the number is there within two seconds.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from statistics import median, quantiles

from rich.table import Table

from bot.bench.clients import Opener, SocketCustomer
from bot.bench.servers import BenchError

NUMBER = re.compile(r"P\d{6}-[0-9A-Z]{4,}-[0-9A-Z]")
WITHIN_SECONDS = 2.0
CONVERSATIONS = 32
COMPLAINT, PLAIN = "case number", "plain question"


@dataclass(frozen=True)
class Waits:
    """What the waits of one kind come to; milliseconds, and the share within two seconds."""

    count: int
    p50: float
    p95: float
    most: float
    within: float


def summarise_waits(seconds: Sequence[float]) -> Waits:
    """Return what waits come to.

    Args:
        seconds: of each conversation, at least two.
    """
    return Waits(
        count=len(seconds),
        p50=round(median(seconds) * 1000, 1),
        p95=round(quantiles(seconds, n=100, method="inclusive")[94] * 1000, 1),
        most=round(max(seconds) * 1000, 1),
        within=sum(each <= WITHIN_SECONDS for each in seconds) / len(seconds),
    )


async def measure_waits(
    opener: Opener, complaint: str, question: str, rounds: int, tell: Callable[[str], None]
) -> dict[str, Waits]:
    """Hold both loads, in turns, and return what each comes to.

    Raises:
        BenchError: a reply has not come, or none has a number.
    """
    asked: dict[str, Callable[[SocketCustomer], Awaitable[float]]] = {
        COMPLAINT: lambda customer: customer.say_until(complaint, NUMBER),
        PLAIN: lambda customer: customer.say_until(question, re.compile(".")),
    }
    seconds: dict[str, list[float]] = {name: [] for name in asked}
    for number in range(rounds):
        for name in asked if number % 2 == 0 else reversed(asked):
            tell(f"round {number + 1}: {name}, {CONVERSATIONS} at a time")
            async with AsyncExitStack() as stack:
                customers = []
                for _ in range(CONVERSATIONS):
                    customer = await stack.enter_async_context(opener())
                    if not isinstance(customer, SocketCustomer):
                        raise BenchError("only our own server has cases")
                    customers.append(customer)
                seconds[name] += await asyncio.gather(*map(asked[name], customers))
    return {name: summarise_waits(each) for name, each in seconds.items()}


def waits_table(waits: dict[str, Waits]) -> Table:
    """Show the waits of both, and their ratio."""
    title = f"first reply, {CONVERSATIONS} conversations at a time"
    table = Table("", "count", "p50 ms", "p95 ms", "most ms", "within 2 s", title=title)
    for name, each in waits.items():
        figures = (f"{value:.0f}" for value in (each.p50, each.p95, each.most))
        table.add_row(name, str(each.count), *figures, f"{each.within:.1%}")
    ours, plain = waits[COMPLAINT], waits[PLAIN]
    ratios = (ours.p50 / plain.p50, ours.p95 / plain.p95, ours.most / plain.most)
    table.add_row("ratio", "", *(f"{each:.2f}" for each in ratios), "")
    return table
