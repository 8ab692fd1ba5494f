"""What the service itself says in a conversation, outside of turns."""

from __future__ import annotations

import random
from datetime import datetime
from typing import Any

from bot.crm.records import ConversationRecord
from bot.crm.unit_of_work import UnitOfWork
from bot.dialogue.wording import choose_reply
from bot.knowledge.book import Book
from bot.services.events import event_of


def announce(
    uow: UnitOfWork,
    book: Book,
    record: ConversationRecord,
    response: str,
    facts: dict[str, str],
    now: datetime,
    *,
    sender: str = "system",
) -> dict[str, Any]:
    """Store one announcement in the book's words; return its event."""
    used = uow.messages.used_wordings(record.id)
    reply = choose_reply(book, response, facts, used, random.Random(record.version))
    message = uow.messages.add(
        record.id,
        sender=sender,
        text=reply.text,
        state="sent",
        now=now,
        response=response,
        wording=reply.wording,
    )
    return event_of(message)
