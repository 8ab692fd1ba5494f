"""The use cases as one object: what the web edge and the command line call.

Everything that changes a conversation goes through here: a unit of work, then a push to the
sockets, then a wake-up of the runner.
"""

from __future__ import annotations

import asyncio
import random
from datetime import datetime
from typing import Any

import structlog

from bot.clock import Clock
from bot.crm.database import Database
from bot.crm.records import ConversationRecord, MessageRecord, WaitingConversation
from bot.crm.unit_of_work import UnitOfWork
from bot.dialogue.facts import shop_facts
from bot.dialogue.wording import choose_reply
from bot.errors import NotFoundError, StorageUnavailableError
from bot.killpoints import reach
from bot.knowledge.book import Book
from bot.knowledge.shop import Shop
from bot.services import queue, reception, staff
from bot.services.cases import note_answer
from bot.services.conversations import Accepted, InboundText, accept_message
from bot.services.events import event_of
from bot.services.explain import explain_conversation
from bot.services.identity import Customer, IdentityDesk
from bot.services.limits import RateLimits
from bot.services.picture_files import PictureLimits
from bot.services.ports import Engine, Notifier
from bot.services.promises import answer_promise
from bot.services.reception import Admission, Arrival, PageContext
from bot.services.runner import TurnRunner
from bot.services.said_promises import note_promises, notices, read_promises
from bot.services.shop import ShopCatalogue
from bot.services.standing import read_progress, read_standing
from bot.services.survey import SurveyAnswer, end, go_on, rate
from bot.settings import Settings

log = structlog.get_logger(__name__)

WELCOME = "utter_welcome"
PICTURE_TYPES = ("image/jpeg", "image/png", "image/webp", "image/gif")


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
        desk: IdentityDesk,
    ) -> None:
        self.settings = settings
        self.database = database
        self.engine = engine
        self.notifier = notifier
        self.book = book
        self.clock = clock
        self.desk = desk
        self.limits = RateLimits(settings, clock)
        self._catalogue = ShopCatalogue(database)
        self.runner = TurnRunner(
            database=database,
            engine=engine,
            notifier=notifier,
            book=book,
            clock=clock,
            settings=settings,
            when_standing_changed=self.tell_standing,
        )

    async def shop(self) -> Shop:
        """Return the shop's facts."""
        return await asyncio.to_thread(self._catalogue.shop)

    async def introduce(self, conversation_id: str) -> dict[str, Any]:
        """Return what a customer's page shows before the first word."""
        shop = await self.shop()
        welcome = choose_reply(
            self.book, WELCOME, shop_facts(shop), (), random.Random(conversation_id)
        )
        return {
            "name": shop.profile.name,
            "greeting": welcome.text,
            "privacy_url": shop.profile.privacy_url,
            "phone": shop.profile.phone,
            "quick": [{"label": option.label} for option in welcome.options],
            "picture_max_bytes": PictureLimits().max_bytes,
            "picture_types": PICTURE_TYPES,
        }

    async def arrive(self, arrival: Arrival) -> Admission:
        """Open the conversation that somebody comes back to, or a new one.

        Raises:
            NotAllowedError: a wrong token. IdentityRefusedError: another customer.
            RateLimitedError: too many new conversations.
        """
        now = self.clock.now()
        shop_id = (await self.shop()).profile.id
        customer = reception.customer_of(self.desk, arrival, shop_id, now)
        if arrival.conversation_id:
            self.desk.visitor_of(arrival.token, now)
            record = await self.authenticate(arrival.conversation_id, arrival.token)
            reception.check_customer(record, customer)
            admission = Admission(record)
        else:
            admission = await self._begin(arrival, customer, now)
        if customer is not None or arrival.context is not None:
            await self.database.write_async(
                lambda uow: reception.welcome(
                    uow, admission.conversation.id, customer, arrival.context, now
                )
            )
        return admission

    async def _begin(self, arrival: Arrival, customer: Customer | None, now: datetime) -> Admission:
        visitor = self.desk.visitor_of(arrival.token, now) if arrival.token else ""
        if arrival.address:
            self.limits.count_conversation(visitor, arrival.address)
        token = arrival.token or self.desk.new_visitor(now)
        record = await self.database.write_async(
            lambda uow: reception.begin(uow, arrival.channel, token, now)
        )
        return Admission(record, token, is_new=True)

    async def authenticate(self, conversation_id: str, token: str) -> ConversationRecord:
        """Return the conversation that the token opens; raise NotAllowedError otherwise."""
        return await self.database.read_async(
            lambda uow: reception.authenticate(uow, conversation_id, token)
        )

    async def note_context(self, conversation_id: str, context: PageContext) -> None:
        """Remember what the customer looks at."""
        await self.database.write_async(
            lambda uow: reception.note_context(uow, conversation_id, context)
        )

    async def standing(self, conversation_id: str) -> dict[str, Any]:
        """Return how a conversation stands, as its customer's page shows it."""
        shop, now = await self.shop(), self.clock.now()
        return await self.database.read_async(
            lambda uow: read_standing(
                uow, conversation_id, shop=shop, book=self.book, desk=self.desk, now=now
            )
        )

    async def case_progress(self, number: str, key: str) -> dict[str, Any]:
        """Return the progress of a case.

        Raises:
            NotFoundError: no such case, or not its key; the same answer for both.
        """
        if not self.desk.opens_case(number, key):
            raise NotFoundError("there is no case with this number and key")
        return await self.database.read_async(
            lambda uow: read_progress(uow, number, self.book, self.desk)
        )

    async def tell_standing(self, conversation_id: str) -> None:
        """Push how a conversation stands to its sockets."""
        await self.notifier.publish(conversation_id, [await self.standing(conversation_id)])

    async def tell_queue(self) -> None:
        """Push their place to all who wait for a person: somebody has left the queue."""
        waiting = await self.database.read_async(lambda uow: uow.conversations.queued())
        for position, conversation_id in enumerate(waiting, 1):
            frame = {"type": "queue", "position": position}
            await self.notifier.publish(conversation_id, [frame])

    async def end(self, conversation_id: str) -> None:
        """The customer ends the talk."""
        now = self.clock.now()
        await self.database.write_async(lambda uow: end(uow, conversation_id, now))
        await self.tell_standing(conversation_id)

    async def rate(self, conversation_id: str, answer: SurveyAnswer) -> None:
        """Keep the customer's answer to the survey, once; a low one is asked about."""
        now = self.clock.now()
        events = await self.database.write_async(
            lambda uow: rate(uow, self.book, conversation_id, answer, now)
        )
        await self.notifier.publish(conversation_id, events)
        await self.tell_standing(conversation_id)

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
        try:
            if not accepted.is_duplicate:
                await self._tell_stored(accepted)
        except StorageUnavailableError as error:  # the message itself is kept: no error of its own
            log.warning("message.not_told", conversation=message.conversation_id, error=str(error))
        if message.state == "pending":
            self.runner.wake(message.conversation_id)

    async def _tell_stored(self, accepted: Accepted) -> None:
        message = accepted.message
        await self.notifier.publish(message.conversation_id, [event_of(message)])
        if accepted.is_change_of_owner:
            await self.owner_changed(message.conversation_id, [])
        if message.state == "held":
            await self._comfort(message.conversation_id)

    async def _comfort(self, conversation_id: str) -> None:
        """Say once to somebody who writes while waiting that it is kept and will be read."""
        now = self.clock.now()

        def write(uow: UnitOfWork) -> tuple[bool, list[dict[str, Any]]]:
            has_gone_on = go_on(uow, conversation_id)
            return has_gone_on, queue.comfort(uow, self.book, conversation_id, now)

        has_gone_on, events = await self.database.write_async(write)
        await self.notifier.publish(conversation_id, events)
        if has_gone_on:
            await self.tell_standing(conversation_id)

    async def events_after(self, conversation_id: str, seq: int) -> list[MessageRecord]:
        """Return what a client that has seen `seq` has missed."""
        return await self.database.read_async(
            lambda uow: uow.messages.events_after(conversation_id, seq)
        )

    async def events_before(
        self, conversation_id: str, seq: int, limit: int
    ) -> list[MessageRecord]:
        """Return a page of what was said before."""
        return await self.database.read_async(
            lambda uow: uow.messages.events_before(conversation_id, seq, limit)
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
        await self.database.write_async(lambda uow: staff.add_user(uow, name, role, now))

    async def disable_user(self, name: str) -> int:
        """Shut somebody out; return how many conversations wait for somebody else now."""
        now = self.clock.now()
        talks = await self.database.write_async(lambda uow: staff.disable(uow, name, now))
        for conversation_id in talks:
            await self.owner_changed(conversation_id, [])
        return len(talks)

    async def list_queue(self, name: str | None) -> list[WaitingConversation]:
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
        await self.owner_changed(conversation_id, events)

    async def answer(
        self, conversation_id: str, name: str, text: str, *, is_confirmed: bool
    ) -> list[str]:
        """Send a person's text; return what the guard says against it, and what it promises."""
        now = self.clock.now()
        found = await read_promises(self.engine, text, now)

        def work(uow: UnitOfWork) -> queue.Answered:
            sent = queue.answer(
                uow, self.book, conversation_id, name, text, is_confirmed=is_confirmed, now=now
            )
            note_answer(uow, conversation_id, name, now)
            noted = note_promises(
                uow,
                self.book.promises,
                uow.conversations.get(conversation_id),
                found,
                now,
                made_by=name,
                owner=name,
                message_id=sent.message_id,
            )
            return sent._replace(warnings=[*sent.warnings, *notices(noted)])

        answered = await self.database.write_async(work)
        await self.notifier.publish(conversation_id, answered.events)
        return answered.warnings

    async def answer_promise(
        self, number: int, name: str, text: str, *, is_confirmed: bool
    ) -> list[str]:
        """Give an answer that was promised; return what the guard says against it."""
        now = self.clock.now()
        conversation_id, answered = await self.database.write_async(
            lambda uow: answer_promise(
                uow, self.book, number, name, text, is_confirmed=is_confirmed, now=now
            )
        )
        await self.notifier.publish(conversation_id, answered.events)
        return answered.warnings

    async def give_back(self, conversation_id: str, name: str) -> None:
        """Give a conversation back to the bot."""
        now = self.clock.now()
        events = await self.database.write_async(
            lambda uow: queue.give_back(uow, self.book, conversation_id, name, now)
        )
        await self.owner_changed(conversation_id, events)
        self.runner.wake(conversation_id)

    async def owner_changed(self, conversation_id: str, events: list[dict[str, Any]]) -> None:
        """Tell a conversation how it stands, and all who wait their place."""
        await self.notifier.publish(conversation_id, events)
        await self.tell_standing(conversation_id)
        await self.tell_queue()
