"""The audit trail: whoever touches an entry is found out (promise 25)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, update

from bot.crm.database import Database
from bot.crm.models import AuditEntry
from bot.errors import AuditError, UsageError
from bot.services.privacy_operations import OPERATIONS, AuditList, AuditVerify
from tests.conftest import Play
from tests.fakes import START

ENTRIES = 5
COLUMNS = [column.name for column in AuditEntry.__table__.columns]
TAMPERED: dict[str, Any] = {"at": START + timedelta(seconds=1), "id": 77}


@pytest.fixture
def trail(database: Database) -> Database:
    """Return a database with five entries."""
    for number in range(1, ENTRIES + 1):
        database.write(
            lambda uow, number=number: uow.audit.append(
                "cli", f"verb.{number}", ("customer", number), {"name": "x"}, START
            )
        )
    assert verify(database) == ENTRIES
    return database


def verify(database: Database) -> int:
    return database.read(lambda uow: uow.audit.verify())


def change(database: Database, entry_id: int, **values: Any) -> None:
    statement = update(AuditEntry).where(AuditEntry.id == entry_id).values(**values)
    database.write(lambda uow: uow._session.execute(statement))


@pytest.mark.parametrize("column", COLUMNS)
def test_changing_any_column_of_an_entry_is_found(trail: Database, column: str) -> None:
    change(trail, 3, **{column: TAMPERED.get(column, "tampered")})
    with pytest.raises(AuditError, match="entry 3"):
        verify(trail)


def test_deleting_an_entry_is_found(trail: Database) -> None:
    trail.write(lambda uow: uow._session.execute(delete(AuditEntry).where(AuditEntry.id == 2)))
    with pytest.raises(AuditError, match="entry 2 is missing"):
        verify(trail)


def test_deleting_an_entry_and_closing_the_gap_is_found(trail: Database) -> None:
    trail.write(lambda uow: uow._session.execute(delete(AuditEntry).where(AuditEntry.id == 2)))
    for entry_id in range(3, ENTRIES + 1):
        change(trail, entry_id, id=entry_id - 1)
    with pytest.raises(AuditError, match="entry 2"):
        verify(trail)


def test_swapping_two_entries_is_found(trail: Database) -> None:
    for old, new in ((2, 99), (3, 2), (99, 3)):
        change(trail, old, id=new)
    with pytest.raises(AuditError, match="entry 2"):
        verify(trail)


def test_rewriting_an_entry_with_a_fitting_hash_is_found_at_the_next(trail: Database) -> None:
    """Only who rewrites all that follows goes unseen: the newest hash belongs in safe hands."""
    from bot.crm.audit import _hash

    def forge(uow: Any) -> None:
        row = uow._session.get(AuditEntry, 3)
        row.actor = "somebody else"
        row.hash = _hash(row)

    trail.write(forge)
    with pytest.raises(AuditError, match="entry 4"):
        verify(trail)


def test_entry_that_is_rolled_back_leaves_no_gap(trail: Database) -> None:
    def fail(uow: Any) -> None:
        uow.audit.append("cli", "never", ("customer", 1), {}, START)
        raise UsageError("on purpose")

    with pytest.raises(UsageError):
        trail.write(fail)
    trail.write(lambda uow: uow.audit.append("cli", "after", ("customer", 1), {}, START))
    assert verify(trail) == ENTRIES + 1


def test_trail_holds_no_details(trail: Database) -> None:
    secret = {"note": "zqsecret"}
    trail.write(lambda uow: uow.audit.append("cli", "noted", ("customer", 1), secret, START))
    rows = trail.read(
        lambda uow: [[getattr(row, name) for name in COLUMNS] for row in uow.audit._entries()]
    )
    assert "zqsecret" not in repr(rows)
    assert trail.read(lambda uow: uow.audit.is_about(ENTRIES + 1, secret))
    assert not trail.read(lambda uow: uow.audit.is_about(ENTRIES + 1, {"note": "other"}))


def ask(play: Play, operation: str, args: Any) -> Any:
    work: Callable[..., Any] = OPERATIONS[operation][1]
    return play.run(lambda: work(play.app, args))


def test_list_shows_the_newest_first_and_one_subject_alone(play: Play, trail: Database) -> None:
    assert [row.id for row in ask(play, "audit.list", AuditList(limit=2))] == [5, 4]
    assert [row.id for row in ask(play, "audit.list", AuditList(before_id=3))] == [2, 1]
    of_one = ask(play, "audit.list", AuditList(subject="customer:4"))
    assert [row.verb for row in of_one] == ["verb.4"]
    with pytest.raises(UsageError, match="customer:17"):
        ask(play, "audit.list", AuditList(subject="17"))
    assert ask(play, "audit.verify", AuditVerify()) == ENTRIES
