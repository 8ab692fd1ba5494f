"""Watches promises by the clock: reminds owners, marks what was broken, apologises (D-CUS-11).

Each promise is worked on in a transaction of its own that also says that it is done, so whoever
dies, whatever the clock does and whoever else watches, nothing happens twice.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from bot.crm.database import Database
from bot.crm.records import ConversationRecord, PromiseRecord
from bot.crm.unit_of_work import UnitOfWork
from bot.dialogue.promises import say_moment, times_of, usual_due
from bot.errors import StaleTurnError, VersionConflictError
from bot.knowledge.book import Book
from bot.services.announce import announce
from bot.services.promises import BOT, BROKEN, DUE
from bot.services.shop import read_shop

OwnerChanged = Callable[[str, list[dict[str, Any]]], Awaitable[None]]


class _News(NamedTuple):
    """What is to be pushed to a conversation's page."""

    conversation_id: str
    events: list[dict[str, Any]]


async def watch_promises(
    database: Database, now: datetime, *, book: Book, owner_changed: OwnerChanged
) -> AsyncIterator[None]:
    """Mark every promise that was broken, then remind of those due soon; yields in between.

    Args:
        owner_changed: pushes news to a page, with how its conversation stands.
    """
    try:
        while (news := await database.write_async(partial(_break_one, book, now=now))) is not None:
            if news.events:
                await owner_changed(*news)
            yield
        while await database.write_async(partial(_remind_one, now=now)):
            yield
    except (StaleTurnError, VersionConflictError):
        return  # somebody was quicker; a minute later it is looked at again


def _remind_one(uow: UnitOfWork, now: datetime) -> bool:
    row = uow.promises.next_to_remind(now)
    if row is None:
        return False
    _tell(uow, DUE, uow.promises.change(row.id, {"remind_at": None}, now, row.version), now)
    return True


def _break_one(book: Book, uow: UnitOfWork, now: datetime) -> _News | None:
    row = uow.promises.next_broken(now)
    if row is None:
        return None
    values = {"state": "broken", "remind_at": None}
    broken = uow.promises.change(row.id, values, now, row.version)
    _tell(uow, BROKEN, broken, now)
    record = uow.conversations.get(row.conversation_id)
    rule = book.promises.kinds.get(row.kind)
    is_told = rule is not None and rule.is_renewed and not record.contact_refused
    if not is_told or record.owner != BOT:  # with a person already: they speak for the shop
        return _News(record.id, [])
    due_at = usual_due(book.promises, row.kind, read_shop(uow).hours, now)
    if row.renewal or due_at is None:
        return _News(record.id, [_hand_over(uow, book, record, now)])
    return _News(record.id, [_renew(uow, book, broken, record, due_at, now)])


def _renew(
    uow: UnitOfWork,
    book: Book,
    row: PromiseRecord,
    record: ConversationRecord,
    due_at: datetime,
    now: datetime,
) -> dict[str, Any]:
    """Promise the same for another day, with the same task; apologise and name the day."""
    times = times_of(book.promises, row.kind, read_shop(uow).hours, due_at, now)
    uow.promises.add(
        now,
        conversation_id=row.conversation_id,
        customer_id=row.customer_id,
        case_id=row.case_id,
        turn_id=row.turn_id,
        kind=row.kind,
        ordinal=row.ordinal,
        renewal=row.renewal + 1,
        made_by=BOT,
        about=row.about,
        text=row.text,
        owner=row.owner,
        due_at=times.due_at,
        remind_at=times.remind_at,
        broken_after=times.broken_after,
        task_id=row.task_id,
    )
    if row.task_id is not None:
        uow.tasks.change(row.task_id, {"due_at": due_at}, now)
    facts = {"promise_day": say_moment(book.promises, due_at, now)}
    return announce(uow, book, record, "utter_promise_broken", facts, now, sender=BOT)


def _hand_over(
    uow: UnitOfWork, book: Book, record: ConversationRecord, now: datetime
) -> dict[str, Any]:
    """Broken a second time: no third day, a person takes over.

    Raises:
        StaleTurnError: the conversation has just changed.
    """
    if uow.conversations.take_version(record.id, record.version, "bot", now) is None:
        raise StaleTurnError("the conversation moved on while its promise was looked at")
    uow.conversations.update_fields(record.id, owner="queue", queued_at=now)
    uow.messages.change_state(record.id, "pending", "held")
    return announce(uow, book, record, "utter_promise_handed_over", {}, now, sender=BOT)


def _tell(uow: UnitOfWork, kind: str, row: PromiseRecord, now: datetime) -> None:
    """Write the event that webhooks are told of, once a promise: ids and states, never words."""
    body = {
        "promise": row.id,
        "kind": row.kind,
        "state": row.state,
        "made_by": BOT if row.made_by == BOT else "staff",
        "owner": row.owner,
        "due_at": row.due_at.isoformat(),
        "task": row.task_id,
        "version": row.version,
    }
    uow.outbox.add(f"{kind}:{row.id}", kind, body, now)
