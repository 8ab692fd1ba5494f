"""Copy the database to a file while others write, and put such a copy in its place.

SQLite is copied by its online backup API, PostgreSQL by pg_dump. A copy is the state at one
moment. Nothing here knows of archives, hashes or pictures: see `bot.services.backup`.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import uuid
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from bot.crm import postgres_dump
from bot.crm.database import reading_engine
from bot.crm.migrate import status, upgrade
from bot.crm.models import Installation
from bot.errors import StorageUnavailableError, UsageError

PAGES_A_STEP = 1000
SQLITE_COPY = "database.sqlite"
POSTGRES_COPY = "database.pgdump"

Progress = Callable[[int, int], None]  # done, of how many


@dataclass(frozen=True)
class DatabaseIdentity:
    """Which database it is (`epoch`), and its schema."""

    epoch: str
    revision: str


def copy_name(url: str) -> str:
    """Return the name of a copy, which tells how it was made."""
    return SQLITE_COPY if url.startswith("sqlite") else POSTGRES_COPY


def identify(url: str) -> DatabaseIdentity:
    """Return which database it is.

    Raises:
        UsageError: there is none yet.
        StorageUnavailableError: it cannot be read.
    """
    revision = status(url).current
    if revision is None:
        raise UsageError("there is no database yet; ./prelude serve makes it")
    engine = reading_engine(url)
    try:
        with Session(engine) as session:
            epoch = session.execute(select(Installation.epoch)).scalar_one()
    except DBAPIError as error:
        raise StorageUnavailableError(f"the database cannot be read: {error.orig}") from error
    finally:
        engine.dispose()
    return DatabaseIdentity(epoch, revision)


def copy_database(url: str, target: Path, progress: Progress) -> None:
    """Write the database as it is at one moment to `target`.

    Raises:
        StorageUnavailableError: it cannot be read, is damaged, or the disk is full.
    """
    if not url.startswith("sqlite"):
        postgres_dump.dump(url, target)
        return
    source = f"file:{make_url(url).database}?mode=rw"
    try:
        with (
            closing(sqlite3.connect(source, uri=True, isolation_level=None)) as live,
            closing(sqlite3.connect(target, isolation_level=None)) as copy,
        ):
            live.execute("PRAGMA query_only=ON")
            live.execute("BEGIN")  # or the copy would begin anew whenever somebody writes
            live.execute("SELECT 1 FROM sqlite_master").fetchone()
            live.backup(
                copy,
                pages=PAGES_A_STEP,
                progress=lambda _, remaining, total: progress(total - remaining, total),
            )
            copy.execute("PRAGMA journal_mode=DELETE")  # all of it in one file
            _check_sound(copy)
    except sqlite3.Error as error:
        raise StorageUnavailableError(f"the database cannot be copied: {error}") from error


def _check_sound(connection: sqlite3.Connection) -> None:
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise StorageUnavailableError(f"the database is damaged: {found}")


def check_replaceable(url: str) -> None:
    """Refuse to replace a database that others use.

    Raises:
        UsageError: somebody is connected (PostgreSQL; SQLite has its lock in bootstrap).
    """
    if not url.startswith("sqlite"):
        postgres_dump.check_unused(url)


def replace_database(url: str, copy: Path, stamp: str) -> str:
    """Put a copy in the place of the database: migrated, with a new epoch.

    Args:
        stamp: the moment, for the name of the former database.

    Returns:
        Where the former database is kept, or an empty text if there was none.

    Raises:
        StorageUnavailableError: it failed; the former database is in its place.
    """
    if url.startswith("sqlite"):
        return _replace_file(Path(str(make_url(url).database)), copy, stamp)
    aside = postgres_dump.replace_tables(url, copy)
    upgrade(url)
    return f"schema {aside}"


def _replace_file(present: Path, copy: Path, stamp: str) -> str:
    try:
        with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
            _check_sound(connection)
            connection.execute("UPDATE installation SET epoch = ?", (uuid.uuid4().hex,))
        upgrade(f"sqlite:///{copy}")
        aside = _keep_aside(present, stamp) if present.exists() else ""
        os.replace(copy, present)
        flush_folder(present.parent)
    except (sqlite3.Error, OSError) as error:
        raise StorageUnavailableError(f"the database cannot be replaced: {error}") from error
    return aside


def _keep_aside(present: Path, stamp: str) -> str:
    """Give the former database a second name; the first one is then free to be replaced."""
    _empty_log(present)
    names = (f"{present.stem}-before-{stamp}{more}{present.suffix}" for more in ("", *"bcdefghij"))
    aside = next(path for path in map(present.with_name, names) if not path.exists())
    for ending in ("-wal", "-shm"):  # only of a database that SQLite could not open
        log = Path(f"{present}{ending}")
        if log.exists():
            log.replace(f"{aside}{ending}")
    try:
        os.link(present, aside)
    except OSError:  # a file system without links
        shutil.copy2(present, aside)
    return str(aside)


def _empty_log(present: Path) -> None:
    try:
        with closing(sqlite3.connect(present)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error:
        return  # damaged: kept as it is, with its log


def flush_folder(folder: Path) -> None:
    """Make new names in a folder outlast a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
