"""Many rows into a table at once, by the quickest way that each database's driver has."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import Engine, func, select, text

from bot.crm import models

CHUNK = 20_000
Rows = Iterable[tuple[Any, ...]]
Progress = Callable[[int], None]


def write_rows(
    engine: Engine, table: str, columns: list[str], rows: Rows, advance: Progress
) -> None:
    """Write rows by the quickest way that the database's driver has."""
    with engine.begin() as connection:
        raw: Any = connection.connection.dbapi_connection
        names = ", ".join(columns)
        if engine.dialect.name == "sqlite":
            raw.execute("PRAGMA cache_size=-400000")  # indexes grow in memory; KiB
            marks = ", ".join("?" * len(columns))
            raw.executemany(
                f"INSERT INTO {table} ({names}) VALUES ({marks})",  # noqa: S608
                _counted(rows, advance),
            )
        else:
            connection.execute(text("SET LOCAL synchronous_commit = off"))
            with raw.cursor().copy(f"COPY {table} ({names}) FROM STDIN") as copy:
                for row in _counted(rows, advance):
                    copy.write_row(row)


def _counted(rows: Rows, advance: Progress) -> Rows:
    number = 0
    for number, row in enumerate(rows, 1):
        yield row
        if number % CHUNK == 0:
            advance(CHUNK)
    advance(number % CHUNK)


def settle(engine: Engine) -> None:
    """Leave the database as its own upkeep would have left it by and by."""
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            connection.exec_driver_sql("COMMIT")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        return
    with engine.begin() as connection:
        for mapper in models.Base.registry.mappers:
            table: Any = mapper.local_table
            key = table.autoincrement_column
            if key is not None:
                sequence = func.pg_get_serial_sequence(table.name, key.name)
                highest = func.coalesce(func.max(key), 0) + 1
                connection.execute(select(func.setval(sequence, highest, False)))
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text("VACUUM ANALYZE"))
