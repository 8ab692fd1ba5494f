"""The doctor names what is wrong and how to mend it; each check is shown its illness."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
import typer

from bot.cli import care
from bot.crm.checkup import DatabaseFacts, examine_database
from bot.dialogue.turn import TurnRequest, TurnResult
from bot.errors import UsageError
from bot.services import doctor
from bot.services.doctor import GIB, Finding
from bot.settings import Settings
from tests.conftest import Play
from tests.fakes import START, FakeClock, FakeComputer

WELL = DatabaseFacts(damage="", now=None, newest_at=None, fallbacks=0, understood=0)
LOCK = """# a comment
one==1.0 \\
    --hash=sha256:00
two==2.0 ; python_version < '3'
three==3.0
"""


def a_model(_: Settings) -> Path:
    return Path("prelude-1.tar.gz")


def findings(settings: Settings) -> dict[str, Finding]:
    return {each.name: each for each in doctor.examine(settings, FakeClock(), a_model)}


@pytest.fixture
def private(play: Play) -> Iterator[Settings]:
    """A shop with folders as the command line makes them."""
    settings = play.app.settings
    settings.var_dir.chmod(0o700)
    for path in settings.var_dir.iterdir():
        path.chmod(0o600)
    yield settings


def test_healthy_shop_has_no_failure_and_warns_of_the_sample(private: Settings) -> None:
    found = findings(private)
    assert {name for name, each in found.items() if each.state == "fail"} <= {"libraries", "disk"}
    assert found["shop"].state == "warn"
    for name in ("python", "schema", "database", "model", "clock", "permissions", "backups"):
        assert found[name].state == "ok", found[name]


def test_every_illness_comes_with_a_remedy(tmp_path: Path) -> None:
    for each in findings(Settings(var_dir=tmp_path / "var")).values():
        assert each.mend or each.state == "ok", each
        assert "\n" not in each.line + each.mend


def test_other_python_is_a_failure() -> None:
    assert doctor.check_python("3.10.13").state == "ok"
    assert doctor.check_python("3.11.2").state == "fail"
    assert doctor.check_python("3.1").state == "fail"


@pytest.mark.parametrize(
    ("installed", "state", "told"),
    [
        ({"one": "1.0", "three": "3.0"}, "ok", "2 as locked"),
        ({"one": "1.1", "three": "3.0"}, "fail", "one 1.1"),
        ({"three": "3.0"}, "fail", "one missing"),
    ],
)
def test_libraries_are_compared_with_the_lock(
    installed: dict[str, str], state: str, told: str
) -> None:
    found = doctor.check_libraries(LOCK, installed.get)
    assert found.state == state
    assert told in found.line


@pytest.mark.parametrize(
    ("free", "state"), [(3 * GIB, "ok"), (GIB, "warn"), (GIB // 4, "fail"), (0, "fail")]
)
def test_disk_that_fills_up_is_told(free: int, state: str) -> None:
    assert doctor.check_disk(free).state == state


def test_missing_database_is_no_failure_and_is_not_made(tmp_path: Path) -> None:
    settings = Settings(var_dir=tmp_path / "var")
    assert findings(settings)["schema"].state == "warn"
    assert not (settings.var_dir / "prelude.db").exists()


def test_due_migrations_are_told(tmp_path: Path) -> None:
    settings = Settings(var_dir=tmp_path)
    sqlite3.connect(tmp_path / "prelude.db").close()
    (tmp_path / "prelude.db").touch()
    found = doctor.check_schema(settings)
    assert (found.state, found.mend) == ("warn", "./prelude db upgrade")


def test_unreachable_database_is_a_failure(tmp_path: Path) -> None:
    nowhere = f"postgresql+psycopg://nobody@/none?host={tmp_path}"
    found = findings(Settings(var_dir=tmp_path, database_url=nowhere))
    assert found["schema"].state == "fail"
    assert "database" not in found


def test_damaged_database_is_a_failure(private: Settings, play: Play) -> None:
    play.app.database.close()
    path = private.var_dir / "prelude.db"
    with closing(sqlite3.connect(path)) as connection:
        page = connection.execute(
            "select rootpage from sqlite_master where type = 'index' and tbl_name = 'message'"
        ).fetchone()[0]
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        size = connection.execute("PRAGMA page_size").fetchone()[0]
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * 64)
    assert findings(private)["database"].state == "fail"


@pytest.mark.parametrize(
    ("find", "state"),
    [(a_model, "ok"), (lambda _: None, "warn")],
)
def test_model_is_there_or_has_to_be_trained(
    tmp_path: Path, find: Callable[[Settings], Path | None], state: str
) -> None:
    assert doctor.check_model(Settings(var_dir=tmp_path), find).state == state


def test_model_that_was_not_trained_here_is_a_failure(tmp_path: Path) -> None:
    def foreign(_: Settings) -> Path:
        raise UsageError("this is not the model that was trained here")

    found = doctor.check_model(Settings(var_dir=tmp_path), foreign)
    assert (found.state, "trained here" in found.line) == ("fail", True)


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        (None, "ok"),
        (WELL, "ok"),
        (replace(WELL, now=START + timedelta(seconds=4)), "ok"),
        (replace(WELL, now=START - timedelta(minutes=3)), "fail"),
        (replace(WELL, newest_at=START - timedelta(days=1)), "ok"),
        (replace(WELL, newest_at=START + timedelta(minutes=1)), "fail"),
    ],
)
def test_clock_that_differs_is_told(facts: DatabaseFacts | None, state: str) -> None:
    assert doctor.check_clock(START, facts).state == state


@pytest.mark.parametrize("name", ["", "admin.json", "secret.key", "prelude.db", "pictures"])
def test_what_others_can_read_is_told_with_the_command_that_ends_it(
    tmp_path: Path, name: str
) -> None:
    settings = Settings(var_dir=tmp_path)
    tmp_path.chmod(0o700)
    path = tmp_path / name
    if not path.exists():
        path.touch(0o600)
    assert doctor.check_permissions(settings).state == "ok"
    path.chmod(path.stat().st_mode | 0o040)
    found = doctor.check_permissions(settings)
    assert found.state == "warn"
    assert found.mend == f"chmod go-rwx {path}"


@pytest.mark.parametrize(
    ("fallbacks", "understood", "state"),
    [(0, 0, "ok"), (5, 20, "ok"), (6, 20, "warn"), (9, 10, "ok"), (51, 200, "warn")],
)
def test_share_of_fallbacks(fallbacks: int, understood: int, state: str) -> None:
    facts = replace(WELL, fallbacks=fallbacks, understood=understood)
    assert doctor.check_fallbacks(facts).state == state


class PuzzledComputer(FakeComputer):
    """Understands nothing that begins with a question mark."""

    def turn(self, request: TurnRequest) -> TurnResult:
        result = super().turn(request)
        analyses = tuple(
            msgspec.structs.replace(each, intent="nlu_fallback") if message.text[0] == "?" else each
            for each, message in zip(result.analyses, request.messages, strict=True)
        )
        return msgspec.structs.replace(result, analyses=analyses)


def test_fallbacks_are_counted_among_the_newest_answered_messages(play: Play) -> None:
    play.engine.computer = PuzzledComputer()
    play.say(play.start(), "?", "?", "one", "? two", "three", "fail", "human", "? held")
    facts = examine_database(play.app.database.url, 4)
    assert (facts.fallbacks, facts.understood) == (1, 3)  # 'fail' was answered, not understood
    assert facts.newest_at == START


@pytest.mark.parametrize(("days", "state"), [(0, "ok"), (6, "ok"), (8, "warn")])
def test_old_backups_are_told(tmp_path: Path, days: int, state: str) -> None:
    assert doctor.check_backups(tmp_path / "none", START).state == "ok"
    assert doctor.check_backups(tmp_path, START).state == "warn"
    for age in (days, 30):
        path = tmp_path / f"{age}.zip"
        path.touch()
        made = (START - timedelta(days=age)).timestamp()
        os.utime(path, (made, made))
    assert doctor.check_backups(tmp_path, START).state == state


@pytest.mark.parametrize(("state", "code"), [("ok", 0), ("warn", 0), ("fail", 1)])
def test_command_fails_when_a_check_does(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], state: str, code: int
) -> None:
    def sick(*_: object) -> list[Finding]:
        return [Finding("disk", state, "0 GiB [free]", "make room")]  # type: ignore[arg-type]

    monkeypatch.setattr(care, "examine", sick)
    if code:
        with pytest.raises(typer.Exit) as end:
            care.doctor()
        assert end.value.exit_code == code
    else:
        care.doctor()
    told = capsys.readouterr().out
    assert "disk: 0 GiB [free]" in told
    assert ("make room" in told) == (state != "ok")


def test_clock_is_shown_in_the_shops_time() -> None:
    assert doctor.check_clock(START, None).line == "2026-11-22 11:00 +0800"
