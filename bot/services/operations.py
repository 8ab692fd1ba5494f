"""What staff commands can ask of a shop, as one table.

Used by the local admin API, and by the command line when no server runs. Names are `noun.verb`;
arguments and results are plain values.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from bot.errors import NotFoundError, UsageError
from bot.services import (
    api_tokens,
    case_operations,
    follow_up_operations,
    privacy_operations,
    promise_operations,
    staff,
    technique_operations,
    webhooks,
)
from bot.services.application import Application
from bot.services.exports import ExportRequest, read_page
from bot.services.imports import ImportChunk, write_chunk


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
    """Add a person of the shop, or give one another role."""

    name: str
    role: str


class UserName(Struct, frozen=True, forbid_unknown_fields=True):
    """Disable or enable somebody, or list their tokens."""

    name: str


class Nothing(Struct, frozen=True, forbid_unknown_fields=True):
    """No arguments."""


class TokenMake(Struct, frozen=True, forbid_unknown_fields=True):
    """Make a token of the REST API for somebody."""

    name: str
    scopes: list[str]
    label: str = ""
    days: int | None = None


class TokenRevoke(Struct, frozen=True, forbid_unknown_fields=True):
    """End a token."""

    token: str


class WebhookAdd(Struct, frozen=True, forbid_unknown_fields=True):
    """Send events to an address; answers with the secret, this once."""

    url: str
    events: list[str]


class WebhookId(Struct, frozen=True, forbid_unknown_fields=True):
    """Remove a webhook, or list what was sent there."""

    id: int


class WebhookReplay(Struct, frozen=True, forbid_unknown_fields=True):
    """Send everything since a moment again."""

    id: int
    since: datetime


class Explain(Struct, frozen=True, forbid_unknown_fields=True):
    """Why every turn of a conversation said what it said."""

    conversation: str


async def _list(app: Application, args: QueueList) -> Any:
    return [asdict(each) for each in await app.list_queue(args.name)]


async def _claim(app: Application, args: QueueMove) -> Any:
    await app.claim(args.conversation, args.name)


async def _answer(app: Application, args: QueueAnswer) -> Any:
    warnings = await app.answer(
        args.conversation, args.name, args.text, is_confirmed=args.is_confirmed
    )
    return {"warnings": warnings}


async def _give_back(app: Application, args: QueueMove) -> Any:
    await app.give_back(args.conversation, args.name)


async def _add_user(app: Application, args: UserAdd) -> Any:
    await app.add_user(args.name, args.role)


async def _change_role(app: Application, args: UserAdd) -> Any:
    now = app.clock.now()
    await app.database.write_async(lambda uow: staff.change_role(uow, args.name, args.role, now))


async def _disable_user(app: Application, args: UserName) -> Any:
    return await app.disable_user(args.name)


async def _enable_user(app: Application, args: UserName) -> Any:
    now = app.clock.now()
    await app.database.write_async(lambda uow: staff.enable(uow, args.name, now))


async def _list_users(app: Application, _: Nothing) -> Any:
    return await app.database.read_async(lambda uow: uow.staff.all())


async def _make_token(app: Application, args: TokenMake) -> Any:
    now = app.clock.now()
    return await app.database.write_async(
        lambda uow: api_tokens.make_token(
            uow, args.name, args.scopes, label=args.label, days=args.days, now=now
        )
    )


async def _list_tokens(app: Application, args: UserName) -> Any:
    return await app.database.read_async(lambda uow: api_tokens.list_tokens(uow, args.name))


async def _revoke_token(app: Application, args: TokenRevoke) -> Any:
    now = app.clock.now()
    await app.database.write_async(lambda uow: api_tokens.revoke_token(uow, args.token, now))


async def _add_webhook(app: Application, args: WebhookAdd) -> Any:
    now = app.clock.now()
    return await app.database.write_async(
        lambda uow: webhooks.add_webhook(uow, args.url, args.events, actor="cli", now=now)
    )


async def _list_webhooks(app: Application, _: Nothing) -> Any:
    return await app.database.read_async(webhooks.list_webhooks)


async def _remove_webhook(app: Application, args: WebhookId) -> Any:
    now = app.clock.now()
    await app.database.write_async(
        lambda uow: webhooks.remove_webhook(uow, args.id, actor="cli", now=now)
    )


async def _replay_webhook(app: Application, args: WebhookReplay) -> Any:
    now = app.clock.now()
    return await app.database.write_async(
        lambda uow: webhooks.replay_webhook(uow, args.id, args.since, actor="cli", now=now)
    )


async def _list_deliveries(app: Application, args: WebhookId) -> Any:
    return await app.database.read_async(lambda uow: webhooks.list_deliveries(uow, args.id))


async def _explain(app: Application, args: Explain) -> Any:
    return await app.explain(args.conversation)


async def _import(app: Application, args: ImportChunk) -> Any:
    now = app.clock.now()
    return await asyncio.to_thread(write_chunk, app.database, app.settings.shop_dir, args, now)


async def _export(app: Application, args: ExportRequest) -> Any:
    return await asyncio.to_thread(read_page, app.database, args, app.clock.now())


OPERATIONS: dict[str, tuple[type[Struct], Callable[[Application, Any], Awaitable[Any]]]] = {
    "queue.list": (QueueList, _list),
    "queue.claim": (QueueMove, _claim),
    "queue.answer": (QueueAnswer, _answer),
    "queue.give_back": (QueueMove, _give_back),
    "user.add": (UserAdd, _add_user),
    "user.role": (UserAdd, _change_role),
    "user.disable": (UserName, _disable_user),
    "user.enable": (UserName, _enable_user),
    "user.list": (Nothing, _list_users),
    "user.token": (TokenMake, _make_token),
    "user.tokens": (UserName, _list_tokens),
    "user.revoke": (TokenRevoke, _revoke_token),
    "webhook.add": (WebhookAdd, _add_webhook),
    "webhook.list": (Nothing, _list_webhooks),
    "webhook.remove": (WebhookId, _remove_webhook),
    "webhook.replay": (WebhookReplay, _replay_webhook),
    "webhook.deliveries": (WebhookId, _list_deliveries),
    "conversation.explain": (Explain, _explain),
    "import.write": (ImportChunk, _import),
    "export.page": (ExportRequest, _export),
    **privacy_operations.OPERATIONS,
    **technique_operations.OPERATIONS,
    **promise_operations.OPERATIONS,
    **case_operations.OPERATIONS,
    **follow_up_operations.OPERATIONS,
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
