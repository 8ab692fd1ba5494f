"""The engine in this very process, for the terminal and the tests; `serve` uses workers."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from bot.dialogue.turn import TurnRequest, TurnResult
from bot.engine.host import TurnComputer
from bot.errors import BotError, EngineError


class InlineEngine:
    """Computes turns on one thread of this process."""

    def __init__(self, computer: TurnComputer) -> None:
        self._computer = computer
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="engine")

    def is_ready(self) -> bool:
        """Tell whether a turn would be computed: always."""
        return True

    async def turn(self, request: TurnRequest, attempt: int) -> TurnResult:
        """Compute one turn.

        Raises:
            EngineError: it failed.
        """
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._thread, self._computer.turn, request)
        except BotError:
            raise
        except Exception as error:
            raise EngineError(f"{type(error).__name__}: {error}") from error
