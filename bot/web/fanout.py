"""Fan-out from services to sockets over Litestar's channels (memory, or PostgreSQL).

A subscriber that is too slow loses the oldest events; the gap in `seq` makes it catch up from the
database, so nothing is lost and nobody waits for it.
"""

from __future__ import annotations

from typing import Any

import msgspec
from litestar.channels import ChannelsPlugin
from litestar.channels.backends.base import ChannelsBackend
from litestar.channels.backends.memory import MemoryChannelsBackend

BACKLOG = 256


def build_channels(database_url: str) -> ChannelsPlugin:
    """Return the channels that fit the database."""
    backend: ChannelsBackend = MemoryChannelsBackend()
    if not database_url.startswith("sqlite"):
        from bot.web.postgres_channels import PostgresChannels

        backend = PostgresChannels(database_url.replace("+psycopg", ""))
    return ChannelsPlugin(
        backend,
        arbitrary_channels_allowed=True,
        subscriber_max_backlog=BACKLOG,
        subscriber_backlog_strategy="dropleft",
    )


class ChannelsNotifier:
    """Publishes stored events to the sockets of a conversation."""

    def __init__(self, channels: ChannelsPlugin) -> None:
        self._channels = channels

    async def publish(self, conversation_id: str, events: list[dict[str, Any]]) -> None:
        """Push stored events, in `seq` order."""
        for event in events:
            self._channels.publish(msgspec.json.encode(event), conversation_id)
