"""Rasa's SQL tracker store, repaired for SQLAlchemy 2.0: the stock peer of the bench only.

`SQLTrackerStore.get_db_url` builds `URL(...)` directly, which 2.0 refuses; nothing else is
changed. Named by module path in the bench's endpoints file.
"""

from __future__ import annotations

from typing import Any

from rasa.core.tracker_store import SQLTrackerStore
from sqlalchemy.engine import URL


class StockTrackerStore(SQLTrackerStore):
    """Stores every event of every tracker, as Rasa does."""

    @staticmethod
    def get_db_url(
        dialect: str = "sqlite",
        host: str | None = None,
        port: int | None = None,
        db: str = "rasa.db",
        username: str | None = None,
        password: str | None = None,
        login_db: str | None = None,
        query: dict[str, Any] | None = None,
    ) -> URL:
        """Return the database's address."""
        return URL.create(dialect, username, password, host, port, login_db or db, query or {})
