"""The tests of `tests.crash.test_backup`, on PostgreSQL."""

from pathlib import Path

import pytest

from bot.errors import StorageUnavailableError, UsageError
from bot.services.backup import restore_backup
from tests.conftest import Play
from tests.crash.test_backup import *  # noqa: F403
from tests.crash.test_backup import back_up, everything, quietly
from tests.fakes import START


def test_restore_refuses_while_others_are_connected(play: Play, tmp_path: Path) -> None:
    back_up(play, tmp_path / "backup.zip")
    play.app.database.read(lambda uow: uow.conversations.epoch())
    with pytest.raises(UsageError, match="stop every server"):
        restore_backup(play.app.settings, tmp_path / "backup.zip", START, quietly)


def test_restore_that_fails_in_the_database_changes_nothing(play: Play, tmp_path: Path) -> None:
    talk = play.start()
    back_up(play, tmp_path / "backup.zip")
    play.say(talk, "after the backup")
    settings = play.app.settings
    with play.app.database.write_engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql"
            " AS 'BEGIN RAISE EXCEPTION ''no new tables''; END'"
        )
        connection.exec_driver_sql(
            "CREATE EVENT TRIGGER refuse ON ddl_command_end WHEN TAG IN ('CREATE TABLE')"
            " EXECUTE FUNCTION refuse()"
        )
    play.app.database.close()
    before = everything(settings.database_url)
    with pytest.raises(StorageUnavailableError, match="no new tables"):
        restore_backup(settings, tmp_path / "backup.zip", START, quietly)
    assert everything(settings.database_url) == before
