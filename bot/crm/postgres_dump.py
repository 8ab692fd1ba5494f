"""Copy a PostgreSQL database to a file and back, with PostgreSQL's own programs.

Passwords go through the environment, never into a list of processes. Restoring is one
transaction: the former tables stay in a schema of their own, or nothing has happened.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.engine import URL, make_url

from bot.crm.database import reading_engine
from bot.errors import StorageUnavailableError, UsageError

DEBIAN_FOLDER = Path("/usr/lib/postgresql")


def find_program(name: str) -> Path:
    """Return a program of PostgreSQL: on the PATH, else the newest in Debian's folder.

    Raises:
        UsageError: it is not installed.
    """
    on_path = shutil.which(name)
    if on_path is not None:
        return Path(on_path)
    found = [path for path in DEBIAN_FOLDER.glob(f"*/bin/{name}") if os.access(path, os.X_OK)]
    if not found:
        raise UsageError(
            f"{name} is not installed; on Debian: apt-get install postgresql "
            "(of the server's version or newer)"
        )
    return max(found, key=lambda path: float(path.parent.parent.name))


def dump(url: str, target: Path) -> None:
    """Write the schema `public` to `target`, as it is at one moment, while others write.

    Raises:
        StorageUnavailableError: pg_dump failed; its own words say why.
    """
    options = ["--format=custom", "--schema=public", "--no-owner", "--no-privileges"]
    _run("pg_dump", [*options, f"--file={target}", f"--dbname={_address(url)}"], url)


def replace_tables(url: str, source: Path) -> str:
    """Put the tables of a dump in the place of the present ones, as another database (epoch).

    Returns:
        The schema that keeps the former tables.

    Raises:
        UsageError: a server or somebody else is connected.
        StorageUnavailableError: it failed; nothing has changed.
    """
    check_unused(url)
    aside = f"before_restore_{uuid.uuid4().hex[:8]}"
    script = source.with_suffix(".sql")
    only_tables = ["--schema=public", "--no-owner", "--no-privileges"]
    _run("pg_restore", [*only_tables, f"--file={script}", str(source)], url)
    steps = [
        f"--command=ALTER SCHEMA public RENAME TO {aside}",
        "--command=CREATE SCHEMA public",
        f"--file={script}",
        f"--command=UPDATE public.installation SET epoch = '{uuid.uuid4().hex}'",
    ]
    options = ["--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1"]
    _run("psql", [*options, *steps, f"--dbname={_address(url)}"], url)
    return aside


def check_unused(url: str) -> None:
    """Refuse while anybody else is connected.

    Raises:
        UsageError: says how many.
    """
    engine = reading_engine(url)
    others = text(
        "select count(*) from pg_stat_activity where datname = current_database()"
        " and backend_type = 'client backend' and pid <> pg_backend_pid()"
    )
    try:
        with engine.connect() as connection:
            count: int = connection.execute(others).scalar_one()
    finally:
        engine.dispose()
    if count:
        raise UsageError(
            f"{count} other connections use this database; stop every server on it first"
        )


def _run(name: str, arguments: Sequence[str], url: str) -> None:
    password = make_url(url).password
    environ = {**os.environ, **({"PGPASSWORD": str(password)} if password else {})}
    done = subprocess.run(
        [str(find_program(name)), *arguments],
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
    )
    if done.returncode != 0:
        raise StorageUnavailableError(f"{name} failed: {done.stderr.strip()[-500:]}")


def _address(url: str) -> str:
    """Return the URL as libpq takes it, without the password."""
    parsed = make_url(url)
    plain = URL.create(
        "postgresql", parsed.username, None, parsed.host, parsed.port, parsed.database, parsed.query
    )
    return plain.render_as_string(hide_password=False)
