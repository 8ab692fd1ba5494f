"""How often a customer may do something (promise 16); counted in this process.

A moving window of ten messages in ten seconds is one a second with a burst of ten. Who wants a
person is counted apart, so that a limited customer still reaches one.
"""

from __future__ import annotations

import math
import time

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from bot.errors import RateLimitedError
from bot.settings import Settings

PERSON_RATE = "3/minute"
FRAME_RATE = "60/10 second"


class RateLimits:
    """Counts and refuses. One a process."""

    def __init__(self, settings: Settings) -> None:
        """Read the rates of the settings ("10/10 second")."""
        self._storage = MemoryStorage()  # the limiter itself holds it only weakly
        self._limiter = MovingWindowRateLimiter(self._storage)
        self._message = parse(settings.message_rate)
        self._visitor = parse(settings.visitor_rate)
        self._address = parse(settings.address_rate)
        self._person = parse(PERSON_RATE)
        self._frame = parse(FRAME_RATE)

    def count_message(self, conversation_id: str, *, wants_person: bool) -> None:
        """Count one message of a conversation.

        Raises:
            RateLimitedError: too many; nothing is lost, the client sends it again later.
        """
        if wants_person and self._limiter.hit(self._person, "person", conversation_id):
            return
        self._count(self._message, "message", conversation_id, "messages come too fast")

    def count_frame(self, conversation_id: str) -> None:
        """Count one frame that is no message (history, context, survey).

        Raises:
            RateLimitedError: too many.
        """
        self._count(self._frame, "frame", conversation_id, "requests come too fast")

    def count_conversation(self, visitor: str, address: str) -> None:
        """Count one new conversation of a visitor, and of an address many may share.

        Raises:
            RateLimitedError: too many.
        """
        told = "too many new conversations"
        if visitor:
            self._count(self._visitor, "visitor", visitor, told)
        self._count(self._address, "address", address, told)

    def _count(self, item: RateLimitItem, kind: str, key: str, told: str) -> None:
        if self._limiter.hit(item, kind, key):
            return
        free_at, _ = self._limiter.get_window_stats(item, kind, key)
        wait = max(1, math.ceil(free_at - time.time()))
        raise RateLimitedError(f"{told}; the limit is {item}", wait)
