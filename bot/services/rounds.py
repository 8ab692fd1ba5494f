"""Rounds over all customers, in small steps: what the nightly and hourly jobs share.

What is to be done is looked for in read transactions, then done for each customer in a unit of
work of its own, so no writer waits and one customer's failure is nobody else's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import structlog

from bot.crm.database import Database
from bot.crm.unit_of_work import UnitOfWork
from bot.errors import StorageUnavailableError

log = structlog.get_logger(__name__)

T = TypeVar("T")
Look = Callable[[UnitOfWork, int], T | None]
Do = Callable[[UnitOfWork, int, T], None]
CHUNK = 25


async def each_customer(
    database: Database,
    look: Look[T],
    do: Do[T],
    *,
    is_reachable: bool = False,
) -> AsyncIterator[None]:
    """Do what `look` finds for every customer; yields between the steps.

    Args:
        look: returns what is to be done, None for nothing; called again before it is done.
        is_reachable: only customers who may be contacted and can be.

    Raises:
        StorageUnavailableError: the round broke off; it may be begun anew.
    """
    last_id = 0
    while True:
        step = partial(_look_at, after_id=last_id, look=look, is_reachable=is_reachable)
        ids, wanted = await database.read_async(step)
        work = (_do_for(database, customer_id, look, do) for customer_id in wanted)
        await asyncio.gather(*work)
        if len(ids) < CHUNK:
            return
        last_id = ids[-1]
        yield


def _look_at(
    uow: UnitOfWork, after_id: int, look: Look[Any], is_reachable: bool
) -> tuple[Sequence[int], list[int]]:
    """Return the next customers, and those for whom there is something to do."""
    ids = uow.customers.ids_after(after_id, CHUNK, is_reachable=is_reachable)
    wanted = []
    for customer_id in ids:
        try:
            if look(uow, customer_id) is not None:
                wanted.append(customer_id)
        except Exception:  # it fails again when it is done, and is told there
            wanted.append(customer_id)
    return ids, wanted


async def _do_for(
    database: Database,
    customer_id: int,
    look: Look[T],
    do: Do[T],
) -> None:
    def write(uow: UnitOfWork) -> None:
        found = look(uow, customer_id)
        if found is not None:
            do(uow, customer_id, found)

    try:
        await database.write_async(write)
    except StorageUnavailableError:
        raise
    except Exception:
        log.exception("round.customer_failed", customer=customer_id)
