"""The two engines: one that writes, one that reads (design decision 12).

Each has one write connection on one dedicated thread. Jobs that wait together are committed
together, each in its own savepoint, so one slow disk flush serves them all; a job learns of
success only after the commit. Nobody writes between a job's reads and its commit: SQLite begins
with `BEGIN IMMEDIATE`, PostgreSQL with a lock that other replicas' writers wait for, and readers do
not. Whoever waits too long is told so in time (promise 5).

No session or ORM object leaves this package; no transaction crosses an `await`.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from sqlalchemy import create_engine, event
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool, QueuePool, StaticPool

from bot.crm.unit_of_work import UnitOfWork
from bot.errors import StorageUnavailableError

T = TypeVar("T")
Job = Callable[[UnitOfWork], Any]

BUSY_TIMEOUT_SECONDS = 1.4  # a job may wait for one that waits: both end within 3 s
GROUP_LIMIT = 64


class Database:
    """Runs units of work. Close it when done."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.is_sqlite = url.startswith("sqlite")
        if self.is_sqlite:
            self.write_engine = _sqlite_engine(url, is_writer=True)
        else:
            self.write_engine = _postgres_engine(url, is_writer=True)
        self._writer = _GroupWriter(self.write_engine)
        self.read_engine = reading_engine(url)
        self._readers = ThreadPoolExecutor(4, thread_name_prefix="crm-read")

    def write(self, job: Callable[[UnitOfWork], T]) -> T:
        """Run `job` in a write transaction and wait for its commit.

        Raises:
            StorageUnavailableError: nothing was saved.
            Exception: whatever `job` raises; its changes are rolled back.
        """
        result: T = self._writer.submit(job).result()
        return result

    async def write_async(self, job: Callable[[UnitOfWork], T]) -> T:
        """Like `write`, without blocking the event loop."""
        result: T = await asyncio.wrap_future(self._writer.submit(job))
        return result

    def read(self, job: Callable[[UnitOfWork], T]) -> T:
        """Run `job` on one consistent, read-only view of the database."""
        try:
            with Session(self.read_engine) as session:
                result = job(UnitOfWork(session))
                session.rollback()
                return result
        except (DBAPIError, PoolTimeoutError) as error:
            raise StorageUnavailableError(f"the database cannot be read: {_why(error)}") from error

    async def read_async(self, job: Callable[[UnitOfWork], T]) -> T:
        """Like `read`, without blocking the event loop."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, self.read, job)

    def empty_log(self) -> bool:
        """Let SQLite's log (WAL) hold nothing of what was erased; False while somebody reads it.

        PostgreSQL keeps its own log for replicas and archives; nothing is done there.
        """
        if not self.is_sqlite:
            return False
        connection = self.read_engine.raw_connection()
        try:
            cursor = connection.cursor()
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            is_busy, *_ = cursor.fetchone() or (1,)
            return not is_busy
        finally:
            connection.close()

    def close(self) -> None:
        """Finish waiting jobs and let go of all connections."""
        self._writer.close()
        self._readers.shutdown()
        self.read_engine.dispose()
        self.write_engine.dispose()


class _GroupWriter:
    """One thread, one connection; jobs that wait together share a commit."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._jobs: queue.SimpleQueue[tuple[Job, Future[Any]] | None] = queue.SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._loop, name="crm-write", daemon=True)
        self._thread.start()

    def submit(self, job: Job) -> Future[Any]:
        future: Future[Any] = Future()
        if self._closed:
            future.set_exception(StorageUnavailableError("the database is closed"))
        else:
            self._jobs.put((job, future))
        return future

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._jobs.put(None)
            self._thread.join()

    def _loop(self) -> None:
        while True:
            batch = [self._jobs.get()]
            while len(batch) < GROUP_LIMIT and not self._jobs.empty():
                batch.append(self._jobs.get())
            is_last = None in batch
            live = [item for item in batch if item and item[1].set_running_or_notify_cancel()]
            if live:
                self._commit_together(live)
            if is_last:
                return

    def _commit_together(self, batch: list[tuple[Job, Future[Any]]]) -> None:
        outcomes: list[tuple[Future[Any], Any, BaseException | None]] = []
        if len(batch) == 1:
            self._commit_alone(*batch[0])
            return
        try:
            with self._engine.begin() as connection:
                for job, future in batch:
                    outcomes.append((future, *_run_in_savepoint(connection, job)))
        except Exception as error:  # the commit itself, or the connection, failed
            reason = StorageUnavailableError(f"the database cannot be written: {error}")
            reason.__cause__ = error
            for _, future in batch:
                future.set_exception(reason)
            return
        for future, result, failure in outcomes:
            if failure is not None:
                future.set_exception(failure)
            else:
                future.set_result(result)

    def _commit_alone(self, job: Job, future: Future[Any]) -> None:
        try:
            with Session(self._engine) as session, session.begin():
                result = job(UnitOfWork(session))
        except DBAPIError as error:
            future.set_exception(
                StorageUnavailableError(f"the database cannot be written: {error.orig}")
            )
        except Exception as error:
            future.set_exception(error)
        else:
            future.set_result(result)


def _run_in_savepoint(connection: Connection, job: Job) -> tuple[Any, BaseException | None]:
    """Run one job; return its result or its failure, with its changes undone."""
    session = Session(connection, join_transaction_mode="create_savepoint")
    try:
        result = job(UnitOfWork(session))
        session.commit()
    except DBAPIError as error:
        session.rollback()
        return None, StorageUnavailableError(f"the database cannot be written: {error.orig}")
    except Exception as error:
        session.rollback()
        return None, error
    finally:
        session.close()
    return result, None


def _sqlite_engine(url: str, *, is_writer: bool) -> Engine:
    engine = create_engine(
        url,
        poolclass=StaticPool if is_writer else QueuePool,
        connect_args={"timeout": BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
        hide_parameters=True,  # errors are logged, and parameters are what customers say
    )

    @event.listens_for(engine, "connect")
    def _connect(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute(f"PRAGMA {'secure_delete' if is_writer else 'query_only'}=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writer else "BEGIN")

    return engine


def _why(error: DBAPIError | PoolTimeoutError) -> object:
    return error.orig if isinstance(error, DBAPIError) else "all connections are in use"


def _psycopg_url(url: str) -> URL:
    parsed = make_url(url)
    if parsed.drivername in ("postgresql", "postgres"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    return parsed


def _postgres_engine(url: str, *, is_writer: bool) -> Engine:
    waits_ms = int(BUSY_TIMEOUT_SECONDS * 1000)
    engine = create_engine(
        _psycopg_url(url),
        hide_parameters=True,
        pool_size=1 if is_writer else 8,
        max_overflow=4,
        pool_pre_ping=True,
        pool_timeout=BUSY_TIMEOUT_SECONDS,
        connect_args={
            "connect_timeout": 2,  # whole seconds; libpq takes no less
            "tcp_user_timeout": 2000,
            "options": f"-c lock_timeout={waits_ms} -c statement_timeout={waits_ms}",
        },
    )
    if not is_writer:
        return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("LOCK TABLE installation IN EXCLUSIVE MODE")

    return engine


def reading_engine(url: str) -> Engine:
    """An engine that only reads, each time one consistent view of the database."""
    if url.startswith("sqlite"):
        return _sqlite_engine(url, is_writer=False)
    return _postgres_engine(url, is_writer=False)


def migration_engine(url: str) -> Engine:
    """An engine for Alembic: one transaction for all, schema changes included, no pool.

    SQLite can roll back schema changes, but Python's driver begins no transaction before them by
    itself; so it is told to.
    """
    if not url.startswith("sqlite"):
        return create_engine(_psycopg_url(url), poolclass=NullPool)  # no limit of time
    engine = create_engine(url, poolclass=NullPool, connect_args={"timeout": 10})

    @event.listens_for(engine, "connect")
    def _connect(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine
