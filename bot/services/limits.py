"""How often a customer may do something (promise 16); counted in this process.

Moving windows of exact times: "10/10 second" is one a second with a burst of ten. (The library
`limits` was tried: its memory storage starts a thread for a hit, which doubled the time to an
acknowledgement.) Who wants a person is counted apart, so that a limited customer reaches one.
"""

from __future__ import annotations

import math
import re
from collections import deque
from datetime import datetime, timedelta

from bot.clock import Clock
from bot.errors import RateLimitedError
from bot.settings import Settings

PERSON_RATE = "3/minute"
FRAME_RATE = "60/10 second"
MAX_KEYS = 20_000
_RATE = re.compile(r"(\d+)/(?:(\d+) )?(second|minute|hour|day)")


class MovingWindow:
    """So many hits of one key within a period."""

    def __init__(self, rate: str) -> None:
        """Read a rate like "10/10 second" or "6/hour".

        Raises:
            ValueError: not a rate.
        """
        found = _RATE.fullmatch(rate)
        if found is None:
            raise ValueError(f"{rate!r} is not a rate like '10/10 second' or '6/hour'")
        self.rate = rate
        self._most = int(found[1])
        self._period = int(found[2] or 1) * timedelta(**{f"{found[3]}s": 1})
        self._hits: dict[str, deque[datetime]] = {}

    def hit(self, key: str, now: datetime) -> timedelta | None:
        """Count a hit; return None, or how long to wait when there were too many."""
        hits = self._hits.get(key)
        if hits is None:
            self._forget(now)
            hits = self._hits[key] = deque(maxlen=self._most)
        if len(hits) == self._most and now - hits[0] < self._period:
            return hits[0] + self._period - now
        hits.append(now)
        return None

    def count(self, key: str, now: datetime, told: str) -> None:
        """Count a hit.

        Raises:
            RateLimitedError: too many; it begins with `told`.
        """
        wait = self.hit(key, now)
        if wait is not None:
            seconds = max(1, math.ceil(wait.total_seconds()))
            raise RateLimitedError(f"{told}; the limit is {self.rate}", seconds)

    def _forget(self, now: datetime) -> None:
        """Drop the keys that count no more, once there are many."""
        if len(self._hits) >= MAX_KEYS:
            self._hits = {
                key: hits for key, hits in self._hits.items() if now - hits[-1] < self._period
            }


class RateLimits:
    """Counts and refuses. One a process."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        """Read the rates of the settings."""
        self._clock = clock
        self._message = MovingWindow(settings.message_rate)
        self._visitor = MovingWindow(settings.visitor_rate)
        self._address = MovingWindow(settings.address_rate)
        self._person = MovingWindow(PERSON_RATE)
        self._frame = MovingWindow(FRAME_RATE)

    def count_message(self, conversation_id: str, *, wants_person: bool) -> None:
        """Count one message of a conversation.

        Raises:
            RateLimitedError: too many; nothing is lost, the client sends it again later.
        """
        if wants_person and self._person.hit(conversation_id, self._clock.now()) is None:
            return
        self._count(self._message, conversation_id, "messages come too fast")

    def count_frame(self, conversation_id: str) -> None:
        """Count one frame that is no message (history, context, survey).

        Raises:
            RateLimitedError: too many.
        """
        self._count(self._frame, conversation_id, "requests come too fast")

    def count_conversation(self, visitor: str, address: str) -> None:
        """Count one new conversation of a visitor, and of an address many may share.

        Raises:
            RateLimitedError: too many.
        """
        if visitor:
            self._count(self._visitor, visitor, "too many new conversations")
        self._count(self._address, address, "too many new conversations from this address")

    def _count(self, window: MovingWindow, key: str, told: str) -> None:
        window.count(key, self._clock.now(), told)
