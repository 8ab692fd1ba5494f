"""What the services need from outside, as protocols (imports point inward)."""

from __future__ import annotations

from typing import Protocol

from bot.dialogue.turn import TurnRequest, TurnResult


class Engine(Protocol):
    """Computes turns. Writes nothing."""

    async def turn(self, request: TurnRequest, attempt: int) -> TurnResult:
        """Compute one turn.

        Args:
            request: the conversation's snapshot, messages and facts.
            attempt: 1 for the first try; later tries wait behind all first ones.

        Raises:
            EngineError: it failed, hung, died or returned nonsense.
        """

    def is_ready(self) -> bool:
        """Tell whether a turn would be computed now."""


class Notifier(Protocol):
    """Tells the sockets of a conversation that there is something to read."""

    async def publish(self, conversation_id: str, events: list[dict[str, object]]) -> None:
        """Push stored events, in `seq` order."""
