"""Bring a database to the newest schema with Alembic."""

from __future__ import annotations

import uuid
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from bot.crm.database import migration_engine
from bot.crm.models import Installation
from bot.errors import StorageUnavailableError

MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(url: str) -> None:
    """Create or migrate the database at `url`; safe to run again at any time.

    Raises:
        StorageUnavailableError: the database cannot be opened or written.
    """
    database = make_url(url).database
    if url.startswith("sqlite") and database:
        Path(database).parent.mkdir(parents=True, exist_ok=True)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    engine = migration_engine(url)
    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
        with Session(engine) as session, session.begin():
            if session.get(Installation, 1) is None:
                session.add(Installation(id=1, epoch=uuid.uuid4().hex))
    except DBAPIError as error:
        raise StorageUnavailableError(f"the database cannot be migrated: {error.orig}") from error
    finally:
        engine.dispose()
