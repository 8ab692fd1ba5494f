"""What staff commands can ask of a shop, as one table.

Used by the local admin API, and by the command line when no server runs. Names are `noun.verb`;
arguments and results are plain values.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

import msgspec
from msgspec import Struct

from bot.errors import NotFoundError, UsageError
from bot.services.application import Application


class QueueList(Struct, frozen=True, forbid_unknown_fields=True):
    """List who waits; a named person is marked as there."""

    name: str | None = None


class QueueMove(Struct, frozen=True, forbid_unknown_fields=True):
    """Claim a conversation, or give it back."""

    conversation: str
    name: str


class QueueAnswer(Struct, frozen=True, forbid_unknown_fields=True):
    """Send a text to the customer."""

    conversation: str
    name: str
    text: str
    is_confirmed: bool = False


class UserAdd(Struct, frozen=True, forbid_unknown_fields=True):
    """Add a person of the shop."""

    name: str
    role: str


class Explain(Struct, frozen=True, forbid_unknown_fields=True):
    """Why every turn of a conversation said what it said."""

    conversation: str


async def _list(app: Application, args: QueueList) -> Any:
    return [asdict(each) for each in await app.list_queue(args.name)]


async def _claim(app: Application, args: QueueMove) -> Any:
    await app.claim(args.conversation, args.name)


async def _answer(app: Application, args: QueueAnswer) -> Any:
    await app.answer(args.conversation, args.name, args.text, is_confirmed=args.is_confirmed)


async def _give_back(app: Application, args: QueueMove) -> Any:
    await app.give_back(args.conversation, args.name)


async def _add_user(app: Application, args: UserAdd) -> Any:
    await app.add_user(args.name, args.role)


async def _explain(app: Application, args: Explain) -> Any:
    return await app.explain(args.conversation)


OPERATIONS: dict[str, tuple[type[Struct], Callable[[Application, Any], Awaitable[Any]]]] = {
    "queue.list": (QueueList, _list),
    "queue.claim": (QueueMove, _claim),
    "queue.answer": (QueueAnswer, _answer),
    "queue.give_back": (QueueMove, _give_back),
    "user.add": (UserAdd, _add_user),
    "conversation.explain": (Explain, _explain),
}


async def perform(app: Application, name: str, arguments: Any) -> Any:
    """Carry out one operation.

    Returns:
        Plain values, fit for JSON.

    Raises:
        NotFoundError: there is no such operation.
        UsageError: the arguments do not fit.
    """
    if name not in OPERATIONS:
        raise NotFoundError(f"there is no operation {name!r}")
    type_, work = OPERATIONS[name]
    try:
        args = msgspec.convert(arguments, type_)
    except msgspec.ValidationError as error:
        raise UsageError(f"{name}: {error}") from error
    return msgspec.to_builtins(await work(app, args))
