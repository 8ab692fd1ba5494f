"""Forward from every revision with its data, whole or not at all (promise 9)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData, Table, event, inspect, select
from sqlalchemy.engine import Engine

from bot.crm.database import migration_engine
from bot.crm.migrate import MIGRATIONS, status, upgrade
from bot.crm.models import Base
from bot.errors import UsageError

CONFIG = Config()
CONFIG.set_main_option("script_location", str(MIGRATIONS))
REVISIONS = [each.revision for each in ScriptDirectory.from_config(CONFIG).walk_revisions()][::-1]
WRITES = ("CREATE", "ALTER", "DROP", "INSERT", "UPDATE", "DELETE")
ALLOWED = {"owner": "bot", "score": 3}  # columns with a CHECK
BOOKKEEPING = "alembic_version"
CHANGED = {
    "installation": {"shop_hash"},  # emptied, so that the shop's files are loaded anew
    "objection": {"evidence"},  # names become whole pieces
}
SEARCH = "case_search"  # SQLite's index keeps tables of its own

Rows = dict[str, list[dict[str, Any]]]


class KilledError(Exception):
    """Stands for the end of the process."""


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'prelude.db'}"


@pytest.fixture
def kill_every() -> int:
    """Return how many statements lie between two kills."""
    return 1


@contextmanager
def connected(url: str) -> Iterator[Any]:
    engine = migration_engine(url)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def migrate(url: str, revision: str) -> None:
    with connected(url) as connection:
        CONFIG.attributes["connection"] = connection
        command.upgrade(CONFIG, revision)


def schema(url: str) -> dict[str, dict[str, list[str]]]:
    """Return all that a database says about its tables."""
    with connected(url) as connection:
        found = inspect(connection)
        return {name: schema_of(found, name) for name in found.get_table_names()}


def table_names(url: str) -> list[str]:
    with connected(url) as connection:
        return inspect(connection).get_table_names()


def schema_of(found: Any, table: str) -> dict[str, list[str]]:
    kinds = {
        "columns": [f"{c['name']} {c['type']} {c['nullable']}" for c in found.get_columns(table)],
        "key": found.get_pk_constraint(table)["constrained_columns"],
        "foreign keys": map(str, found.get_foreign_keys(table)),
        "unique": map(str, found.get_unique_constraints(table)),
        "checks": [each["sqltext"] for each in found.get_check_constraints(table)],
        "indexes": map(index_text, found.get_indexes(table)),
    }
    return {kind: sorted(told) for kind, told in kinds.items()}


def index_text(index: Any) -> str:
    where = [str(each) for each in index.get("dialect_options", {}).values()]
    return f"{index['name']} {index['column_names']} {index['unique']} {where}"


def tables(connection: Any) -> list[Table]:
    metadata = MetaData()
    metadata.reflect(connection)
    return [
        table
        for table in metadata.sorted_tables
        if table.name != BOOKKEEPING and not table.name.startswith(SEARCH)
    ]


def fill(url: str) -> None:
    """Put two rows into every table that there is."""
    with connected(url) as connection:
        for table in tables(connection):
            for number in (1, 2):
                values = {
                    column.name: value_of(column, number)
                    for column in table.columns
                    if column.computed is None
                }
                connection.execute(table.insert().values(values))


def value_of(column: Any, number: int) -> Any:
    referred = [key.column for key in column.foreign_keys]
    if referred:
        return value_of(referred[0], number)
    if column.name in ALLOWED:
        return ALLOWED[column.name]
    kind = column.type.python_type
    made = {int: number, float: 0.5, bool: True, datetime: datetime(2026, 1, number), dict: {}}
    length = getattr(column.type, "length", None)
    return made.get(kind, f"{number}{column.name}"[:length])


def rows(url: str) -> Rows:
    with connected(url) as connection:
        return {
            table.name: [
                dict(row)
                for row in connection.execute(
                    select(table).order_by(*table.primary_key.columns)
                ).mappings()
            ]
            for table in tables(connection)
        }


@contextmanager
def killed_after(write: int, how: Any) -> Iterator[None]:
    """Call `how` after so many writing statements of any engine."""
    seen = 0

    def count(_c: Any, _u: Any, statement: str, *_: Any) -> None:
        nonlocal seen
        seen += statement.lstrip().upper().startswith(WRITES)
        if seen == write:
            how()

    event.listen(Engine, "after_cursor_execute", count)
    try:
        yield
    finally:
        event.remove(Engine, "after_cursor_execute", count)


def raise_killed() -> None:
    raise KilledError


def writes_of(url: str, revision: str) -> int:
    """Count the writing statements up to the one that notes `revision`; then undo them."""
    count = 0

    def note(_c: Any, _u: Any, statement: str, parameters: Any, *_: Any) -> None:
        nonlocal count
        is_write = statement.lstrip().upper().startswith(WRITES)
        count += is_write
        if is_write and BOOKKEEPING in statement and revision in f"{statement}{parameters}":
            raise KilledError

    event.listen(Engine, "after_cursor_execute", note)
    try:
        with pytest.raises(KilledError):
            upgrade(url)
    finally:
        event.remove(Engine, "after_cursor_execute", note)
    return count


@pytest.fixture
def fresh(url: str) -> Any:
    """Return the newest schema, as one upgrade makes it; the database is empty again."""
    upgrade(url)
    newest = schema(url)
    with connected(url) as connection:
        metadata = MetaData()
        metadata.reflect(connection)
        metadata.drop_all(connection)
    return newest


@pytest.mark.parametrize("revision", REVISIONS)
def test_migration_killed_after_any_statement_can_be_run_again(
    url: str, fresh: Any, revision: str, kill_every: int
) -> None:
    place = REVISIONS.index(revision)
    if place:
        migrate(url, REVISIONS[place - 1])
        fill(url)
    before = schema(url), rows(url)
    count = writes_of(url, revision)
    assert count > 2
    tables_before = table_names(url)
    for write in range(1, count + 1, kill_every):
        with killed_after(write, raise_killed), pytest.raises(KilledError):
            upgrade(url)
        assert table_names(url) == tables_before, f"half done after statement {write}"
    assert (schema(url), rows(url)) == before
    upgrade(url)
    upgrade(url)
    assert schema(url) == fresh
    assert_kept(before[1], rows(url))


def assert_kept(old: Rows, new: Rows) -> None:
    """Whatever columns there still are hold what they held."""
    for table, old_rows in old.items():
        assert len(old_rows) == 2
        for before, after in zip(old_rows, new[table], strict=True):
            shared = before.keys() & after.keys() - CHANGED.get(table, set())
            assert {name: after[name] for name in shared} == {name: before[name] for name in shared}


@pytest.mark.parametrize("revision", REVISIONS)
def test_migration_survives_the_death_of_its_process(url: str, revision: str) -> None:
    place = REVISIONS.index(revision)
    if place:
        migrate(url, REVISIONS[place - 1])
    count = writes_of(url, revision)
    before = schema(url)
    child = os.fork()
    if child == 0:
        with killed_after(count, lambda: os._exit(9)):
            upgrade(url)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert schema(url) == before
    upgrade(url)
    assert status(url).pending == []


def is_declared(_object: Any, name: str, *_: Any) -> bool:
    """Leave out the search index, which each engine has in its own way."""
    return "search" not in name


def test_newest_schema_is_what_the_models_say(url: str) -> None:
    upgrade(url)
    with connected(url) as connection:
        options = {"compare_type": True, "include_object": is_declared}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, Base.metadata) == []


def test_status_tells_what_is_pending_and_makes_no_database(url: str) -> None:
    told = status(url)
    assert (told.current, told.head) == (None, REVISIONS[-1])
    assert [revision for revision, _ in told.pending] == REVISIONS
    assert all(what for _, what in told.pending)
    assert not Path(url.removeprefix("sqlite:///")).exists()
    migrate(url, REVISIONS[0])
    assert [revision for revision, _ in status(url).pending] == REVISIONS[1:]


def test_schema_of_a_newer_prelude_is_refused_and_left_alone(url: str) -> None:
    upgrade(url)
    with connected(url) as connection:
        connection.exec_driver_sql(f"UPDATE {BOOKKEEPING} SET version_num = '9999'")
    before = schema(url)
    for ask in (status, upgrade):
        with pytest.raises(UsageError, match="9999.*newer Prelude"):
            ask(url)
    assert schema(url) == before


def test_upgrade_keeps_the_epoch(url: str) -> None:
    upgrade(url)
    epoch = rows(url)["installation"][0]["epoch"]
    upgrade(url)
    assert len(epoch) == 32
    assert rows(url)["installation"][0]["epoch"] == epoch
