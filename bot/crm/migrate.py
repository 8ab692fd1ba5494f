"""Bring a database to the newest schema with Alembic, and tell which one it has.

All of an upgrade is one transaction, on SQLite too: whoever is killed half-way leaves the former
schema, and the next start does it anew (promise 9).
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import select, text
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from bot.crm.database import migration_engine, reading_engine
from bot.crm.models import Installation
from bot.errors import StorageUnavailableError, UsageError

MIGRATIONS = Path(__file__).parent / "migrations"
UPGRADE_LOCK = 20261122  # any number; the same for all who migrate one PostgreSQL database


@dataclass(frozen=True)
class SchemaStatus:
    """Which schema a database has; `pending` are (revision, what it does), oldest first.

    `current` is None for a database without tables, or no database at all.
    """

    current: str | None
    head: str
    pending: list[tuple[str, str]]


def status(url: str) -> SchemaStatus:
    """Return which schema the database at `url` has; changes nothing.

    Raises:
        StorageUnavailableError: the database cannot be opened.
        UsageError: its schema is of a newer Prelude.
    """
    script = ScriptDirectory.from_config(_config())
    current = None
    if not is_missing(url):
        engine = reading_engine(url)
        try:
            with engine.connect() as connection:
                current = MigrationContext.configure(connection).get_current_revision()
        except DBAPIError as error:
            raise StorageUnavailableError(f"the database cannot be read: {error.orig}") from error
        finally:
            engine.dispose()
    check_known(current)
    revisions = list(script.iterate_revisions("head", current or "base"))[::-1]
    return SchemaStatus(
        current=current,
        head=str(script.get_current_head()),
        pending=[(each.revision, (each.doc or "").rstrip(".")) for each in revisions],
    )


def is_missing(url: str) -> bool:
    """Tell whether `url` names a file of SQLite that is not there."""
    database = make_url(url).database
    return url.startswith("sqlite") and bool(database) and not Path(str(database)).exists()


def check_known(revision: str | None) -> None:
    """Refuse a schema that no migration of this Prelude leads to.

    Raises:
        UsageError: says so.
    """
    known = {each.revision for each in ScriptDirectory.from_config(_config()).walk_revisions()}
    if revision is not None and revision not in known:
        raise UsageError(
            f"its schema is {revision}, and this Prelude knows none above {max(known)}: "
            "it was made by a newer Prelude; install that one"
        )


def upgrade(url: str) -> None:
    """Create or migrate the database at `url`; safe to run again at any time.

    Raises:
        StorageUnavailableError: the database cannot be opened or written.
        UsageError: its schema is of a newer Prelude.
    """
    status(url)
    database = make_url(url).database
    if url.startswith("sqlite") and database:
        Path(database).parent.mkdir(parents=True, exist_ok=True)
    config = _config()
    engine = migration_engine(url)
    try:
        with engine.begin() as connection:
            if connection.dialect.name == "postgresql":  # replicas that start at the same time
                connection.execute(select(text(f"pg_advisory_xact_lock({UPGRADE_LOCK})")))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            _make_installation(connection)
    except DBAPIError as error:
        raise StorageUnavailableError(f"the database cannot be migrated: {error.orig}") from error
    finally:
        engine.dispose()


def renew_epoch(url: str) -> None:
    """Make it another database to its clients: they start their numbers anew and resend."""
    engine = migration_engine(url)
    try:
        with Session(engine) as session, session.begin():
            session.get_one(Installation, 1).epoch = uuid.uuid4().hex
    finally:
        engine.dispose()


def _make_installation(connection: Connection) -> None:
    with Session(connection) as session:
        if session.get(Installation, 1) is None:
            session.add(Installation(id=1, epoch=uuid.uuid4().hex))
            session.flush()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config
