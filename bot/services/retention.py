"""What is old enough goes: talks, unused pictures, told events, backups (promise 24).

The shop's folder says how old (`retention` in `shop.yml`). Every step is a short transaction; who
is killed between them goes on at the next run. A run leaves one audit entry with its counts.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from bot.crm.database import Database
from bot.crm.pictures import PictureFolder
from bot.crm.privacy import CONVERSATION, Emptied
from bot.crm.unit_of_work import UnitOfWork
from bot.services.shop import read_shop

CONVERSATIONS_A_STEP = 20
ROWS_A_STEP = 200
ACTOR, VERB = "server", "retention.done"
Counts = dict[str, int]


async def run_retention(database: Database, now: datetime, *, var_dir: Path) -> AsyncIterator[None]:
    """Empty or delete what the shop's rules no longer keep; yields between transactions.

    Conversations without an open case are emptied as `PrivacyDesk.erase` does: their rows stay as
    figures. Files that no row names, from a crash between the two, go with the unused pictures.

    Args:
        var_dir: the folder with `pictures` and `backups`.
    """
    rules = await database.read_async(lambda uow: read_shop(uow).profile.retention)
    folder = PictureFolder(var_dir / "pictures")
    counts = dict.fromkeys(("conversations", "pictures", "files", "events", "backups"), 0)

    def before(days: int) -> datetime:
        return now - timedelta(days=days)

    async for _ in _empty_talks(database, folder, before(rules.conversation_days), now, counts):
        yield
    async for _ in _drop_pictures(database, folder, before(rules.unused_picture_days), counts):
        yield
    async for _ in _drop_events(database, before(rules.outbox_days), counts):
        yield
    counts["backups"] = await asyncio.to_thread(
        _remove_backups, var_dir / "backups", before(rules.backup_days)
    )
    subject = ("retention", now.date().isoformat())
    await database.write_async(lambda uow: uow.audit.append(ACTOR, VERB, subject, counts, now))


async def _empty_talks(
    database: Database, folder: PictureFolder, before: datetime, now: datetime, counts: Counts
) -> AsyncIterator[None]:
    def step(uow: UnitOfWork) -> tuple[int, Emptied]:
        emptied = Emptied()
        ids = uow.privacy.stale_conversations(before, CONVERSATIONS_A_STEP)
        for conversation_id in ids:
            emptied.add(uow.privacy.erase(CONVERSATION, conversation_id, now))
        return len(ids), emptied

    has_words = False
    while True:
        count, emptied = await database.write_async(step)
        await _remove_files(folder, emptied.pictures)
        counts["conversations"] += count
        has_words = has_words or "case_text" in emptied.rows
        if count < CONVERSATIONS_A_STEP:
            break
        yield
    if has_words:
        await database.write_async(lambda uow: uow.privacy.forget_words())
        yield
    if counts["conversations"]:
        await asyncio.to_thread(database.empty_log)


async def _drop_pictures(
    database: Database, folder: PictureFolder, before: datetime, counts: Counts
) -> AsyncIterator[None]:
    def step(uow: UnitOfWork) -> list[str]:
        return uow.privacy.remove_unused_pictures(before, ROWS_A_STEP)

    while ids := await database.write_async(step):
        await _remove_files(folder, ids)
        counts["pictures"] += len(ids)
        yield
    old = await asyncio.to_thread(folder.older_than, before)
    for start in range(0, len(old), ROWS_A_STEP):
        names = old[start : start + ROWS_A_STEP]
        lost = await database.read_async(partial(_without_row, names=names))
        await _remove_files(folder, lost)
        counts["files"] += len(lost)
        yield


def _without_row(uow: UnitOfWork, names: list[str]) -> list[str]:
    return uow.privacy.without_row(names)


async def _drop_events(database: Database, before: datetime, counts: Counts) -> AsyncIterator[None]:
    while count := await database.write_async(
        lambda uow: uow.outbox.remove_settled(before, ROWS_A_STEP)
    ):
        counts["events"] += count
        yield


async def _remove_files(folder: PictureFolder, picture_ids: list[str]) -> None:
    def remove() -> None:
        for picture_id in picture_ids:
            folder.remove(picture_id)

    await asyncio.to_thread(remove)


def _remove_backups(folder: Path, before: datetime) -> int:
    """Delete what was last written before a moment; return how many backups that were."""
    old = [
        path
        for path in (folder.iterdir() if folder.is_dir() else ())
        if path.stat().st_mtime < before.timestamp()
    ]
    for path in old:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return len(old)
