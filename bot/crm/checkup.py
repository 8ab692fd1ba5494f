"""What `./prelude doctor` asks of a database; reads only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone

from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from bot.crm.database import reading_engine
from bot.crm.models import Message
from bot.errors import StorageUnavailableError

FALLBACK = "nlu_fallback"


@dataclass(frozen=True)
class DatabaseFacts:
    """The state of a database.

    `damage` is empty for a sound one; `now` is the database server's own time (None for a file);
    `newest_at` is when the newest message was stored; `fallbacks` of the `understood` newest
    messages of customers were understood as nothing.
    """

    damage: str
    now: datetime | None
    newest_at: datetime | None
    fallbacks: int
    understood: int


def examine_database(url: str, messages: int) -> DatabaseFacts:
    """Look at a database with the newest schema, and at its last `messages` messages.

    Raises:
        StorageUnavailableError: it cannot be read.
    """
    engine = reading_engine(url)
    is_sqlite = engine.dialect.name == "sqlite"
    newest = (
        select(Message.analysis)
        .where(Message.sender == "customer", Message.turn_id.is_not(None))
        .order_by(Message.id.desc())
        .limit(messages)
    )
    try:
        with Session(engine) as session:
            sound = session.execute(text("PRAGMA quick_check(1)" if is_sqlite else "select 'ok'"))
            damage = sound.scalar_one()
            asked = None if is_sqlite else session.execute(text("select now()")).scalar_one()
            newest_at = session.execute(select(func.max(Message.created_at))).scalar_one()
            intents = [each["intent"] for each in session.execute(newest).scalars() if each]
    except DBAPIError as error:
        raise StorageUnavailableError(f"the database cannot be read: {error.orig}") from error
    finally:
        engine.dispose()
    return DatabaseFacts(
        damage="" if damage == "ok" else damage,
        now=asked.astimezone(timezone.utc) if asked else None,
        newest_at=newest_at,
        fallbacks=intents.count(FALLBACK),
        understood=len(intents),
    )
