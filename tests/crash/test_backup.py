"""A backup is the shop at one moment, and the way back is checked before it begins (promise 8)."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import stat
import threading
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import MetaData, select

from bot.bootstrap import build_application
from bot.cli.care import restore as restore_command
from bot.crm.backup import copy_name
from bot.crm.database import Database, reading_engine
from bot.crm.pictures import PictureFolder
from bot.errors import AlreadyRunningError, BotError, StorageUnavailableError, UsageError
from bot.services.backup import BackupReport, read_backup, restore_backup, write_backup
from bot.services.privacy import PrivacyDesk
from bot.services.reception import Arrival
from bot.settings import Settings
from tests.conftest import Play
from tests.fakes import START, FakeNotifier, InlineEngine

PICTURE = "ab" * 16
LATER_PICTURE = "cd" * 16


def quietly(*_: object) -> None:
    """Stand for the progress bar."""


def back_up(play: Play, target: Path, **more: Any) -> BackupReport:
    options = {"is_forced": False, "tell": quietly, **more}
    return write_backup(play.app.settings, target, play.clock.now(), **options)


def restored(play: Play, source: Path) -> BackupReport:
    """Stop the shop and restore; what the commands do."""
    play.app.database.close()
    return restore_backup(play.app.settings, source, START, quietly)


def everything(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows of all tables, but for what a restore changes on purpose."""
    engine = reading_engine(url)
    metadata = MetaData()
    metadata.reflect(engine)
    with engine.connect() as connection:
        found = {
            table.name: sorted((tuple(row) for row in connection.execute(select(table))), key=repr)
            for table in metadata.sorted_tables
            if table.name != "installation"
        }
    engine.dispose()
    return found


def digest(rows: dict[str, list[tuple[Any, ...]]]) -> str:
    return hashlib.sha256(repr(sorted(rows.items())).encode()).hexdigest()


def epoch(settings: Settings) -> str:
    database = Database(settings.database_url)
    try:
        return database.read(lambda uow: uow.conversations.epoch())
    finally:
        database.close()


@pytest.fixture
def shop(play: Play) -> Play:
    """A shop with a conversation, a case and a picture."""
    talk = play.start()
    play.say(talk, "hello", "complaint: broken")
    PictureFolder(play.app.settings.var_dir / "pictures").write(PICTURE, b"picture")
    return play


def test_restore_brings_back_every_row_and_picture(shop: Play, tmp_path: Path) -> None:
    before, settings = everything(shop.app.database.url), shop.app.settings
    written = back_up(shop, tmp_path / "backup.zip")
    shop.say(shop.start(), "after the backup")
    folder = PictureFolder(settings.var_dir / "pictures")
    folder.write(LATER_PICTURE, b"later")
    folder.remove(PICTURE)
    report = restored(shop, tmp_path / "backup.zip")
    assert digest(everything(settings.database_url)) == digest(before)
    assert folder.read(PICTURE) == b"picture"
    assert not folder.path_of(LATER_PICTURE).exists()
    assert (settings.var_dir / f"pictures-before-{START:%Y%m%dT%H%M%SZ}" / LATER_PICTURE).exists()
    assert (report.sha256, report.pictures) == (written.sha256, 1)


def test_restored_database_has_a_new_epoch_and_the_former_one_is_kept(
    shop: Play, tmp_path: Path
) -> None:
    settings = shop.app.settings
    former = epoch(settings)
    back_up(shop, tmp_path / "backup.zip")
    first = restored(shop, tmp_path / "backup.zip")
    second = epoch(settings)
    again = restore_backup(settings, tmp_path / "backup.zip", shop.clock.now(), quietly)
    assert len({former, second, epoch(settings)}) == 3
    assert first.aside and again.aside != first.aside
    if settings.is_sqlite:
        for report, expected in ((first, former), (again, second)):
            assert epoch(replace(settings, database_url=f"sqlite:///{report.aside}")) == expected


def test_backup_under_load_is_the_state_at_one_moment(shop: Play, tmp_path: Path) -> None:
    """Each write makes a conversation and then two rows of its own; none may be there half."""
    database, stop = shop.app.database, threading.Event()
    talk = shop.start()
    long = {"sender": "customer", "text": "x" * 10_000, "state": "held"}
    database.write(lambda uow: uow.messages.add_many(talk, [long] * 1000, START))
    written = threading.Semaphore(0)
    order: list[str] = []

    def write(number: int) -> Callable[[Any], None]:
        def job(uow: Any) -> None:
            talk = f"{number:024d}"
            uow.conversations.create(talk, "t" * 64, "test", START)
            for text in ("one", "two"):
                uow.messages.add(talk, sender="customer", text=text, state="held", now=START)
            order.append(talk)

        return job

    def keep_writing() -> None:
        number = 0
        while not stop.is_set():
            database.write(write(number))
            number += 1
            written.release()

    def meanwhile(step: str, done: int, total: int) -> None:
        steps.append(step)
        assert len(steps) < 50, "the copy begins anew whenever somebody writes"
        for _ in range(3):  # go on only when others have written
            assert written.acquire(timeout=10)

    writer = threading.Thread(target=keep_writing)
    writer.start()
    for _ in range(3):
        assert written.acquire(timeout=10)
    steps: list[str] = []
    try:
        back_up(shop, tmp_path / "backup.zip", tell=meanwhile)
    finally:
        stop.set()
        writer.join()
    count_at_end = len(order)
    if shop.app.settings.is_sqlite:
        assert steps.count("database") > 2
    restored(shop, tmp_path / "backup.zip")
    rows = everything(shop.app.settings.database_url)
    talks = sorted(row[0] for row in rows["conversation"] if row[0].startswith("0000"))
    assert talks == order[: len(talks)], "a later write is there without an earlier one"
    assert 0 < len(talks) < count_at_end
    said = [row for row in rows["message"] if any(str(v).startswith("0000") for v in row)]
    assert len(said) == 2 * len(talks)


def test_backup_holds_no_secret_and_is_for_its_owner_only(shop: Play, tmp_path: Path) -> None:
    settings, target = shop.app.settings, tmp_path / "new" / "backup.zip"
    (settings.var_dir / "admin.json").write_text('{"token": "the admin token"}')
    back_up(shop, target)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    with zipfile.ZipFile(target) as archive:
        names = {copy_name(settings.database_url), f"pictures/ab/{PICTURE}", "manifest.json"}
        assert set(archive.namelist()) == names
        content = b"".join(archive.read(name) for name in names)
    assert b"the admin token" not in content
    assert (settings.var_dir / "secret.key").read_bytes().strip() not in content
    assert list(target.parent.iterdir()) == [target]


def test_file_that_is_there_is_replaced_by_force_only(shop: Play, tmp_path: Path) -> None:
    target = tmp_path / "backup.zip"
    target.write_text("precious")
    with pytest.raises(UsageError, match="--force"):
        back_up(shop, target)
    assert target.read_text() == "precious"
    back_up(shop, target, is_forced=True)
    assert zipfile.is_zipfile(target)


def test_backup_that_fails_leaves_nothing_and_the_former_file(shop: Play, tmp_path: Path) -> None:
    target = tmp_path / "folder" / "backup.zip"
    back_up(shop, target)
    former = target.read_bytes()

    def disk_is_full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(StorageUnavailableError, match="No space left"):
        back_up(shop, target, is_forced=True, tell=disk_is_full)
    assert target.read_bytes() == former
    assert list(target.parent.iterdir()) == [target]


def rewritten(source: Path, change: Callable[[dict[str, bytes]], None]) -> None:
    """Change the members of a zip; its own check sums are right again."""
    with zipfile.ZipFile(source) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(source, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def in_manifest(**changes: Any) -> Callable[[dict[str, bytes]], None]:
    def change(members: dict[str, bytes]) -> None:
        members["manifest.json"] = json.dumps(
            {**json.loads(members["manifest.json"]), **changes}
        ).encode()

    return change


def a_changed_picture(members: dict[str, bytes]) -> None:
    members[f"pictures/ab/{PICTURE}"] = b"another"


def a_missing_picture(members: dict[str, bytes]) -> None:
    del members[f"pictures/ab/{PICTURE}"]


def a_way_out(members: dict[str, bytes]) -> None:
    members["../../secret.key"] = b"mine"
    told = json.loads(members["manifest.json"])
    told["members"]["../../secret.key"] = hashlib.sha256(b"mine").hexdigest()
    members["manifest.json"] = json.dumps(told).encode()


def without_manifest(members: dict[str, bytes]) -> None:
    del members["manifest.json"]


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "cut off": (lambda path: os.truncate(path, path.stat().st_size // 2), "no whole backup"),
    "empty": (lambda path: os.truncate(path, 0), "no whole backup"),
    "a text": (lambda path: path.write_text("hello"), "no whole backup"),
    "a foreign zip": (lambda path: rewritten(path, without_manifest), "no whole backup"),
    "a changed picture": (lambda path: rewritten(path, a_changed_picture), "is damaged"),
    "a missing picture": (lambda path: rewritten(path, a_missing_picture), "exactly what"),
    "a way out": (lambda path: rewritten(path, a_way_out), "which no backup"),
    "a newer format": (lambda path: rewritten(path, in_manifest(format=2)), "format"),
    "a newer schema": (lambda path: rewritten(path, in_manifest(revision="9999")), "newer Prelude"),
    "a wrong field": (lambda path: rewritten(path, in_manifest(members=3)), "no whole backup"),
    "not there": (lambda path: path.unlink(), "there is no file"),
}


@pytest.mark.parametrize("how", BROKEN)
def test_broken_or_foreign_file_is_refused_and_nothing_is_touched(
    shop: Play, tmp_path: Path, how: str
) -> None:
    source, (break_it, reason) = tmp_path / "backup.zip", BROKEN[how]
    back_up(shop, source)
    break_it(source)
    settings = shop.app.settings
    shop.app.database.close()
    before = everything(settings.database_url), epoch(settings), files(settings.var_dir)
    with pytest.raises(UsageError, match=reason) as refusal:
        restore_backup(settings, source, START, quietly)
    assert "\n" not in str(refusal.value)
    assert (everything(settings.database_url), epoch(settings), files(settings.var_dir)) == before


def files(folder: Path) -> set[str]:
    """Return what lies there; SQLite's own files come and go."""
    found = {str(path.relative_to(folder)) for path in folder.rglob("*")}
    return {name for name in found if not name.endswith(("-wal", "-shm"))}


def test_no_flipped_byte_of_the_database_gives_another_database(shop: Play, tmp_path: Path) -> None:
    """Some flips change nothing: a run of zeros, copied from elsewhere, is the same run."""
    source, name = tmp_path / "backup.zip", copy_name(shop.app.settings.database_url)
    back_up(shop, source)
    whole = source.read_bytes()
    with zipfile.ZipFile(source) as archive:
        entry, stored = archive.getinfo(name), archive.read(name)
    start = entry.header_offset + 30 + len(entry.filename) + 64
    refused = 0
    for place in range(start, start + entry.compress_size - 128, entry.compress_size // 25):
        source.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        folder = tmp_path / str(place)
        folder.mkdir()
        try:
            read_backup(source, folder, quietly)
        except UsageError as error:
            assert "backup" in str(error)
            refused += 1
        else:
            assert (folder / name).read_bytes() == stored
    assert refused > 15


def test_backup_of_the_other_kind_of_database_is_refused(shop: Play, tmp_path: Path) -> None:
    source, name = tmp_path / "backup.zip", copy_name(shop.app.settings.database_url)
    other = "database.pgdump" if name == "database.sqlite" else "database.sqlite"
    back_up(shop, source)

    def rename(members: dict[str, bytes]) -> None:
        members[other] = members.pop(name)
        told = json.loads(members["manifest.json"])
        told["members"][other] = told["members"].pop(name)
        members["manifest.json"] = json.dumps(told).encode()

    rewritten(source, rename)
    shop.app.database.close()
    with pytest.raises(UsageError, match="other kind of database"):
        restore_backup(shop.app.settings, source, START, quietly)


def test_restored_shop_talks_on(shop: Play, tmp_path: Path) -> None:
    back_up(shop, tmp_path / "backup.zip")
    restored(shop, tmp_path / "backup.zip")
    database = Database(shop.app.settings.database_url)
    app = build_application(
        shop.app.settings,
        database=database,
        engine=InlineEngine(),
        notifier=FakeNotifier(),
        clock=shop.clock,
    )
    again = Play(app, shop.clock, FakeNotifier(), InlineEngine())
    try:
        talk = again.run(lambda: app.arrive(Arrival("test"))).conversation.id
        again.say(talk, "complaint: again")
        assert again.log(talk)[-1] == ("bot", "sent", "re: complaint: again")
    finally:
        database.close()


def test_restore_refuses_while_a_server_runs(
    shop: Play, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = shop.app.settings
    back_up(shop, tmp_path / "backup.zip")
    before = everything(settings.database_url)
    monkeypatch.setenv("PRELUDE_VAR", str(settings.var_dir))
    monkeypatch.setenv("PRELUDE_DATABASE_URL", "" if settings.is_sqlite else settings.database_url)
    access = {"url": "http://127.0.0.1:1", "token": "t", "pid": os.getpid()}
    (settings.var_dir / "admin.json").write_text(json.dumps(access))
    with pytest.raises(AlreadyRunningError, match="stop it first"):
        restore_command(tmp_path / "backup.zip")
    (settings.var_dir / "admin.json").unlink()
    lock = settings.var_dir / "prelude.lock"
    with lock.open("w") as held:
        import fcntl

        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(BotError):  # the lock (SQLite), the open connections (PostgreSQL)
            restore_command(tmp_path / "backup.zip")
    assert everything(settings.database_url) == before


def test_two_backups_at_once_are_both_whole(shop: Play, tmp_path: Path) -> None:
    async def both() -> None:
        await asyncio.gather(
            *(asyncio.to_thread(back_up, shop, tmp_path / f"{name}.zip") for name in "ab")
        )

    asyncio.run(both())
    restored(shop, tmp_path / "a.zip")
    restore_backup(shop.app.settings, tmp_path / "b.zip", START, quietly)


def test_shop_without_a_database_has_nothing_to_back_up(tmp_path: Path) -> None:
    settings = Settings(var_dir=tmp_path / "var")
    with pytest.raises(UsageError, match="no database yet"):
        write_backup(settings, tmp_path / "backup.zip", START, is_forced=False, tell=quietly)
    assert list(tmp_path.iterdir()) == []


def test_who_was_erased_since_the_backup_is_erased_again_by_the_restore(
    shop: Play, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = shop.app.settings
    talk = shop.start()
    shop.say(talk, "my name is Nobody")
    record = shop.app.database.read(lambda uow: uow.conversations.get(talk))
    assert record.customer_id is not None
    back_up(shop, tmp_path / "backup.zip")
    desk = PrivacyDesk(shop.app.database, PictureFolder(settings.var_dir / "pictures"), shop.clock)
    desk.erase(record.customer_id, "cli")
    shop.app.database.close()
    monkeypatch.setenv("PRELUDE_VAR", str(settings.var_dir))
    monkeypatch.setenv("PRELUDE_DATABASE_URL", "" if settings.is_sqlite else settings.database_url)
    restore_command(tmp_path / "backup.zip")
    rows = repr(everything(settings.database_url))
    assert "Nobody" not in rows
    assert "complaint: broken" in rows  # the other customer's words are back
