"""Runs the turns of all conversations: strictly in order within one, side by side between them.

Acknowledgement never waits for anything here (design decision 4).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from bot.clock import Clock
from bot.crm.database import Database
from bot.errors import BotError, EngineError, StaleTurnError, StorageUnavailableError
from bot.killpoints import reach
from bot.knowledge.book import Book
from bot.language.completeness import is_unfinished
from bot.services.ports import Engine, Notifier
from bot.services.turns import (
    LoadedTurn,
    apply_failure,
    apply_result,
    changes_standing,
    count_attempt,
    load_turn,
    receipt_of,
)
from bot.settings import Settings

log = structlog.get_logger(__name__)

STORAGE_RETRY_SECONDS = 1.0


async def _nothing(_: str) -> None:
    """For edges that show no standing."""


class TurnRunner:
    """Computes turns as messages come in. One a process."""

    def __init__(
        self,
        *,
        database: Database,
        engine: Engine,
        notifier: Notifier,
        book: Book,
        clock: Clock,
        settings: Settings,
        when_standing_changed: Callable[[str], Awaitable[None]] = _nothing,
    ) -> None:
        self._database = database
        self._engine = engine
        self._notifier = notifier
        self._book = book
        self._clock = clock
        self._settings = settings
        self._when_standing_changed = when_standing_changed
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._woken_again: set[str] = set()

    async def recover(self) -> int:
        """Wake every conversation that was left with pending messages; return how many."""
        waiting = await self._database.read_async(
            lambda uow: uow.messages.conversations_with_pending()
        )
        for conversation_id in waiting:
            self.wake(conversation_id)
        return len(waiting)

    def wake(self, conversation_id: str) -> None:
        """Say that a conversation may have something to do. Never waits."""
        if conversation_id in self._tasks:
            self._woken_again.add(conversation_id)
            return
        task = asyncio.get_running_loop().create_task(self._drain(conversation_id))
        self._tasks[conversation_id] = task

    async def settle(self) -> None:
        """Wait until nothing is left to do."""
        while self._tasks:
            await asyncio.gather(*list(self._tasks.values()))

    async def close(self) -> None:
        """Stop; what was not finished stays pending and is found at the next start."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _drain(self, conversation_id: str) -> None:
        try:
            while True:
                self._woken_again.discard(conversation_id)
                has_worked = await self._try_turn(conversation_id)
                if not has_worked and conversation_id not in self._woken_again:
                    return
        finally:
            del self._tasks[conversation_id]
            self._woken_again.discard(conversation_id)

    async def _try_turn(self, conversation_id: str) -> bool:
        """Do one turn; return whether there may be another."""
        try:
            return await self._turn(conversation_id)
        except StorageUnavailableError as error:
            log.warning("turn.storage_unavailable", conversation=conversation_id, error=str(error))
            await self._clock.sleep(STORAGE_RETRY_SECONDS)
        except BotError as error:
            log.error("turn.refused", conversation=conversation_id, error=str(error))
            await self._clock.sleep(STORAGE_RETRY_SECONDS)
        except Exception:
            log.exception("turn.crashed", conversation=conversation_id)
            await self._clock.sleep(STORAGE_RETRY_SECONDS)
        return True

    async def _turn(self, conversation_id: str) -> bool:
        loaded = await self._load(conversation_id)
        if loaded is None:
            return False
        failure = self._reason_to_give_up(loaded)
        if failure is not None:
            await self._give_up(loaded, failure)
            return True
        request = loaded.request
        # The counter's own transaction runs beside the engine: a worker's death cannot touch it,
        # and nothing is applied before it is committed.
        counted = asyncio.ensure_future(
            self._database.write_async(lambda uow: count_attempt(uow, request))
        )
        try:
            try:
                result = await self._engine.turn(request, loaded.attempts + 1)
            finally:
                await counted
                reach("attempt_after_commit")
            events = await self._database.write_async(
                lambda uow: apply_result(uow, request, result, self._clock.now())
            )
        except StaleTurnError:
            log.info("turn.stale", conversation=conversation_id)
            ids = [message.message_id for message in request.messages]
            await self._database.write_async(lambda uow: uow.messages.count_attempt(ids, by=-1))
            return True
        except EngineError as error:
            log.error(
                "turn.engine_failed",
                conversation=conversation_id,
                attempt=loaded.attempts + 1,
                error=str(error),
            )
            return True
        reach("t2_after_commit")
        await self._notifier.publish(conversation_id, [*events, receipt_of(request, "done")])
        if changes_standing(request, result):
            await self._when_standing_changed(conversation_id)
        return loaded.has_more

    async def _load(self, conversation_id: str) -> LoadedTurn | None:
        """Load the next turn; wait once for the rest of an unfinished message."""
        loaded = await self._load_now(conversation_id)
        if loaded is None or loaded.attempts:
            return loaded
        if loaded.is_venting or is_unfinished(loaded.request.messages[-1].text):
            await self._clock.sleep(self._settings.more_text_wait_seconds)
            return await self._load_now(conversation_id)
        return loaded

    async def _load_now(self, conversation_id: str) -> LoadedTurn | None:
        now = self._clock.now()
        return await self._database.read_async(lambda uow: load_turn(uow, conversation_id, now))

    def _reason_to_give_up(self, loaded: LoadedTurn) -> str | None:
        if loaded.attempts >= self._settings.max_attempts:
            return "utter_turn_failed"
        age = self._clock.now() - loaded.oldest_at
        if age > timedelta(seconds=self._settings.stale_after_seconds):
            return "utter_message_stale"
        return None

    async def _give_up(self, loaded: LoadedTurn, response: str) -> None:
        request = loaded.request
        try:
            events = await self._database.write_async(
                lambda uow: apply_failure(
                    uow, request, self._book, response=response, now=self._clock.now()
                )
            )
        except StaleTurnError:
            return
        log.error("turn.given_up", conversation=request.conversation_id, response=response)
        receipt = receipt_of(request, "failed")
        await self._notifier.publish(request.conversation_id, [*events, receipt])
        await self._when_standing_changed(request.conversation_id)
