"""A PostgreSQL server of the bench's own, started for one run and gone after it.

It keeps its promises to the disk as a shop's would; only its socket's folder can reach it. It
does not run as root: there it is started through `runuser` as the user of Debian's package.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.engine import make_url

from bot.bench.servers import BenchError
from bot.crm.database import migration_engine
from bot.crm.postgres_dump import find_program

USER = "postgres"
LIMIT_SECONDS = 60


@contextmanager
def postgres_server(folder: Path) -> Iterator[str]:
    """Start a server with its data below `folder`; yield its URL; stop it, whatever happens.

    Raises:
        UsageError: PostgreSQL is not installed.
        BenchError: it does not start.
    """
    pg_ctl, initdb = find_program("pg_ctl"), find_program("initdb")
    home = Path(tempfile.mkdtemp(prefix="pg-", dir=folder))
    if os.geteuid() == 0:
        shutil.chown(home, USER)
    data = f"--pgdata={home / 'data'}"
    _run(home, initdb, data, "--auth=trust", f"--username={USER}", "--encoding=UTF8", "--no-sync")
    options = f"-c listen_addresses='' -c unix_socket_directories={home}"
    try:
        _run(home, pg_ctl, data, "--wait", f"--log={home / 'log'}", f"-o {options}", "start")
        yield f"postgresql+psycopg://{USER}@/postgres?host={home}"
    finally:
        if (home / "data" / "postmaster.pid").exists():
            _run(home, pg_ctl, data, "--wait", "--mode=immediate", "stop")


@contextmanager
def databases_of(server: str, *names: str) -> Iterator[list[str]]:
    """Make empty databases; yield their URLs; drop them, whatever happens.

    Args:
        server: URL of any database of a server on which this user may make databases.
    """
    engine = migration_engine(server).execution_options(isolation_level="AUTOCOMMIT")
    own = [f"prelude_bench_{os.getpid()}_{name}" for name in names]
    with engine.connect() as connection:
        try:
            for name in own:
                connection.execute(text(f"CREATE DATABASE {name} TEMPLATE template0"))
            urls = [make_url(server).set(database=name) for name in own]
            yield [url.render_as_string(hide_password=False) for url in urls]
        finally:
            for name in own:
                connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))


def _run(home: Path, *command: Path | str) -> None:
    as_user = ("runuser", "-u", USER, "--") if os.geteuid() == 0 else ()
    with (home / "commands").open("a+") as told:  # a pipe would stay open in the server
        done = subprocess.run(
            [*as_user, *map(str, command)],
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=told,
            stderr=subprocess.STDOUT,
            timeout=LIMIT_SECONDS,
        )
        told.seek(0)
        if done.returncode != 0:
            raise BenchError(f"{command[0]} failed:\n{told.read()[-2000:]}")
