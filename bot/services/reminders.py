"""The one reminder of a customer who wanted to think it over (D-OBJ-4).

It is said in the talk itself, on the day that was agreed on; then nothing more. Whoever has spoken
since, wants no offers, has an open case or is talked to by a person is not reminded at all.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

from bot.crm.database import Database
from bot.crm.records import ConversationRecord, TaskRecord
from bot.crm.tasks import TaskFilter
from bot.crm.unit_of_work import UnitOfWork
from bot.knowledge.book import Book
from bot.knowledge.promise_rules import REMINDER
from bot.services.announce import announce
from bot.services.ports import Notifier
from bot.services.promise_keeping import follow_task
from bot.services.promises import SERVER

STALE = timedelta(days=2)
TOO_LATE = "too late"  # a promise that nobody kept, not one that nobody wants any more


class _Sent(NamedTuple):
    conversation_id: str
    events: list[dict[str, Any]]


async def send_reminders(
    database: Database, now: datetime, *, book: Book, notifier: Notifier
) -> AsyncIterator[None]:
    """Send every reminder that is due, or drop it; yields in between."""
    while True:
        sent = await database.write_async(partial(_send_one, book=book, now=now))
        if sent is None:
            return
        if sent.events:
            await notifier.publish(sent.conversation_id, sent.events)
        yield


def _send_one(uow: UnitOfWork, book: Book, now: datetime) -> _Sent | None:
    due = TaskFilter(state="open", kind=REMINDER, due_before=now)
    task = next(iter(uow.tasks.page(due, limit=1).items), None)
    if task is None or task.conversation_id is None:
        return None
    record = uow.conversations.get(task.conversation_id)
    obstacle = _obstacle(uow, task, record, now)
    if obstacle:
        dropped = uow.tasks.change(task.id, {"state": "dropped", "result": obstacle}, now)
        if obstacle != TOO_LATE:
            follow_task(uow, dropped, SERVER, now)
        return _Sent(record.id, [])
    product = next(
        (each["name"] for each in uow.catalogue.products() if each["id"] == record.product_id), ""
    )
    facts = {"product": product} if product else {}
    event = announce(uow, book, record, "utter_remind", facts, now, sender="bot")
    done = uow.tasks.change(task.id, {"state": "done", "result": "reminded"}, now)
    follow_task(uow, done, SERVER, now)
    return _Sent(record.id, [event])


def _obstacle(uow: UnitOfWork, task: TaskRecord, record: ConversationRecord, now: datetime) -> str:
    """Return why nothing is said, '' when nothing speaks against it."""
    if task.due_at is not None and now - task.due_at > STALE:
        return TOO_LATE
    if record.owner != "bot":
        return "with a person"
    customer = uow.customers.get(record.customer_id) if record.customer_id else None
    if record.contact_refused or (customer and customer.contact_refused_at):
        return "wants no offers"
    if uow.cases.open_case_of(record.id) is not None:
        return "open case"
    return "came back" if uow.messages.spoke_since(record.id, task.created_at) else ""
