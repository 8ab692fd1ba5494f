"""The use cases as one object: what the web edge and the command line call.

Everything that changes a conversation goes through here: a unit of work, then a push to the
sockets, then a wake-up of the runner.
"""

from __future__ import annotations

from typing import Any

from bot.clock import Clock
from bot.crm.database import Database
from bot.crm.records import ConversationRecord, MessageRecord
from bot.killpoints import reach
from bot.knowledge.book import Book
from bot.services import queue
from bot.services.conversations import (
    Accepted,
    InboundText,
    StartedConversation,
    accept_message,
    authenticate,
    start_conversation,
)
from bot.services.events import event_of
from bot.services.explain import explain_conversation
from bot.services.ports import Engine, Notifier
from bot.services.runner import TurnRunner
from bot.settings import Settings


class Application:
    """One running Prelude, whatever its edges are."""

    def __init__(
        self,
        *,
        settings: Settings,
        database: Database,
        engine: Engine,
        notifier: Notifier,
        book: Book,
        clock: Clock,
    ) -> None:
        self.settings = settings
        self.database = database
        self.engine = engine
        self.notifier = notifier
        self.book = book
        self.clock = clock
        self.runner = TurnRunner(
            database=database,
            engine=engine,
            notifier=notifier,
            book=book,
            clock=clock,
            settings=settings,
        )

    async def start_conversation(self, channel: str) -> StartedConversation:
        """Open a conversation."""
        now = self.clock.now()
        return await self.database.write_async(lambda uow: start_conversation(uow, channel, now))

    async def authenticate(self, conversation_id: str, token: str) -> ConversationRecord:
        """Return the conversation that the token opens; raise NotAllowedError otherwise."""
        return await self.database.read_async(lambda uow: authenticate(uow, conversation_id, token))

    async def receive(self, inbound: InboundText) -> Accepted:
        """T1: keep a message; the caller acknowledges it and then calls `message_stored`."""
        now = self.clock.now()
        limit = self.settings.max_message_chars
        accepted = await self.database.write_async(
            lambda uow: accept_message(uow, inbound, max_chars=limit, now=now)
        )
        reach("t1_after_commit")
        return accepted

    async def message_stored(self, accepted: Accepted) -> None:
        """After the acknowledgement: show the message to other sockets, wake the bot."""
        message = accepted.message
        if not accepted.is_duplicate:
            await self.notifier.publish(message.conversation_id, [event_of(message)])
        if message.state == "pending":
            self.runner.wake(message.conversation_id)

    async def events_after(self, conversation_id: str, seq: int) -> list[MessageRecord]:
        """Return what a client that has seen `seq` has missed."""
        return await self.database.read_async(
            lambda uow: uow.messages.events_after(conversation_id, seq)
        )

    async def epoch(self) -> str:
        """Return the id of the database, by which a client knows its numbers still hold."""
        return await self.database.read_async(lambda uow: uow.conversations.epoch())

    async def explain(self, conversation_id: str) -> dict[str, Any]:
        """Return why every turn of a conversation said what it said."""
        return await self.database.read_async(
            lambda uow: explain_conversation(uow, conversation_id)
        )

    async def add_user(self, name: str, role: str) -> None:
        """Add a person of the shop."""
        now = self.clock.now()
        await self.database.write_async(lambda uow: queue.add_user(uow, name, role, now))

    async def list_queue(self, name: str | None) -> list[queue.WaitingConversation]:
        """List who waits; a named person is marked as there."""
        now = self.clock.now()
        if name is not None:
            who = name
            await self.database.write_async(lambda uow: queue.sign_in(uow, who, now))
        return await self.database.read_async(queue.list_waiting)

    async def claim(self, conversation_id: str, name: str) -> None:
        """Take a conversation over."""
        now = self.clock.now()
        events = await self.database.write_async(
            lambda uow: queue.claim(uow, self.book, conversation_id, name, now)
        )
        await self.notifier.publish(conversation_id, events)

    async def answer(
        self, conversation_id: str, name: str, text: str, *, is_confirmed: bool
    ) -> None:
        """Send a person's text."""
        now = self.clock.now()
        events = await self.database.write_async(
            lambda uow: queue.answer(
                uow, self.book, conversation_id, name, text, is_confirmed=is_confirmed, now=now
            )
        )
        await self.notifier.publish(conversation_id, events)

    async def give_back(self, conversation_id: str, name: str) -> None:
        """Give a conversation back to the bot."""
        now = self.clock.now()
        events = await self.database.write_async(
            lambda uow: queue.give_back(uow, self.book, conversation_id, name, now)
        )
        await self.notifier.publish(conversation_id, events)
        self.runner.wake(conversation_id)
