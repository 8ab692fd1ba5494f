"""A PostgreSQL of our own, made for one run of the tests and gone after it.

PostgreSQL does not run as root; there it is started through `runuser` as the user of Debian's
package. It listens on a socket in its folder only, and takes no care of power cuts.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.sql import SQL, Identifier

from bot.crm.postgres_dump import find_program

USER = "postgres"
LIMIT_SECONDS = 180
UTF8 = ("--encoding=UTF8", "--locale=C.UTF-8")
CARELESS = (
    "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=200 "
    "-c max_wal_size=256MB -c listen_addresses=''"
)


@dataclass(frozen=True)
class Cluster:
    """A running cluster. Databases are named by their URLs, as `PRELUDE_DATABASE_URL` has them."""

    folder: Path

    def url(self, name: str) -> str:
        return f"postgresql+psycopg://{USER}@/{name}?host={self.folder}"

    def create(self, name: str, template: str = "template0") -> str:
        """Make a database, a copy of `template`; return its URL."""
        self._run(
            SQL("CREATE DATABASE {} TEMPLATE {}").format(Identifier(name), Identifier(template))
        )
        return self.url(name)

    def drop(self, name: str) -> None:
        self._run(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(name)))

    def connect(self, name: str, *, autocommit: bool = False) -> psycopg.Connection[tuple[object]]:
        where = {"host": str(self.folder), "user": USER, "dbname": name}
        return psycopg.connect(**where, autocommit=autocommit)  # type: ignore[arg-type]

    def _run(self, statement: psycopg.sql.Composed) -> None:
        with self.connect("postgres", autocommit=True) as connection:
            connection.execute(statement)


@contextmanager
def throw_away_cluster() -> Iterator[Cluster]:
    """Start a cluster in a new folder; stop and remove it, whatever happens.

    Raises:
        UsageError: PostgreSQL is not installed.
    """
    pg_ctl, initdb = find_program("pg_ctl"), find_program("initdb")
    folder = Path(tempfile.mkdtemp(prefix="prelude-pg-"))  # short: a socket's path has 107 bytes
    former = signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl-C does
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, USER)
        data = folder / "data"
        named = [f"--pgdata={data}"]
        _run(folder, initdb, *named, "--auth=trust", f"--username={USER}", "--no-sync", *UTF8)
        log, options = f"--log={folder / 'log'}", f"{CARELESS} -c unix_socket_directories={folder}"
        try:
            _run(folder, pg_ctl, *named, "--wait", log, f"--options={options}", "start")
            yield Cluster(folder)
        finally:
            if (data / "postmaster.pid").exists():
                _run(folder, pg_ctl, *named, "--wait", "--mode=immediate", "stop")
    finally:
        signal.signal(signal.SIGTERM, former)
        shutil.rmtree(folder, ignore_errors=True)


def _run(folder: Path, *command: Path | str) -> None:
    as_user: Sequence[str] = ("runuser", "-u", USER, "--") if os.geteuid() == 0 else ()
    with (folder / "commands").open("a+") as told:  # a pipe would stay open in the server
        done = subprocess.run(
            [*as_user, *map(str, command)],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=told,
            stderr=subprocess.STDOUT,
            timeout=LIMIT_SECONDS,
        )
        told.seek(0)
        assert done.returncode == 0, f"{command[0]} failed:\n{told.read()[-3000:]}"
