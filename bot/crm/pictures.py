"""Uploaded pictures: their rows, and the folder that holds their bytes.

A file is complete on the disk before its row is committed; so a row never names a file that is
not there. A file without a row (a crash between the two) is harmless: nobody knows its name.
"""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from bot.crm.models import Conversation, Picture
from bot.crm.records import PictureRecord
from bot.errors import NotFoundError, StorageUnavailableError


class PictureRepository:
    """Reads and writes of one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def hold(self, conversation_id: str) -> None:
        """Let no other transaction add to this conversation until this one ends (PostgreSQL)."""
        of_conversation = select(Conversation.id).where(Conversation.id == conversation_id)
        self._session.execute(of_conversation.with_for_update())

    def add(self, record: PictureRecord) -> None:
        """Add the row of a picture whose file is written."""
        self._session.add(Picture(**vars(record)))
        self._session.flush()

    def find(self, picture_id: str) -> PictureRecord | None:
        """Return a picture, or None when there is none with this id."""
        row = self._session.get(Picture, picture_id)
        return None if row is None else _record(row)

    def claim(self, picture_id: str, message_id: int) -> bool:
        """Give an unused picture to a message; return whether it was unused."""
        statement = (
            update(Picture)
            .where(Picture.id == picture_id, Picture.message_id.is_(None))
            .values(message_id=message_id)
            .execution_options(synchronize_session=False)
        )
        touched: int = self._session.execute(statement).rowcount  # type: ignore[attr-defined]
        self._session.expire_all()
        return touched == 1

    def count_unused(self, conversation_id: str, since: datetime) -> int:
        """Count the pictures uploaded after `since` that no message uses."""
        statement = (
            select(func.count())
            .select_from(Picture)
            .where(
                Picture.conversation_id == conversation_id,
                Picture.created_at > since,
                Picture.message_id.is_(None),
            )
        )
        return self._session.execute(statement).scalar_one()

    def upload_times(self, conversation_id: str, since: datetime) -> list[datetime]:
        """Return when pictures were uploaded after `since`, oldest first."""
        statement = (
            select(Picture.created_at)
            .where(Picture.conversation_id == conversation_id, Picture.created_at > since)
            .order_by(Picture.created_at)
        )
        return list(self._session.execute(statement).scalars())


class PictureFolder:
    """The files, one a picture: `FOLDER/ab/abcd…`. Only ids of our own making come in here."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path_of(self, picture_id: str) -> Path:
        """Return where the bytes of a picture lie."""
        return self._folder / picture_id[:2] / picture_id

    def write(self, picture_id: str, data: bytes) -> None:
        """Write a file, whole and lasting, or none.

        Raises:
            StorageUnavailableError: the disk is full, read-only or gone; nothing was saved.
        """
        path = self.path_of(picture_id)
        unfinished = path.with_suffix(".tmp")
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.parent.mkdir(mode=0o700, exist_ok=True)
            descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(unfinished, path)
            for folder in (path.parent, self._folder):
                _flush_folder(folder)
        except OSError as error:
            with suppress(OSError):
                unfinished.unlink()
            raise StorageUnavailableError(f"the picture cannot be saved: {error}") from error

    def read(self, picture_id: str) -> bytes:
        """Return the bytes of a picture.

        Raises:
            NotFoundError: there is no such file.
        """
        try:
            return self.path_of(picture_id).read_bytes()
        except OSError as error:
            raise NotFoundError("the file of this picture cannot be read") from error

    def older_than(self, moment: datetime) -> list[str]:
        """Return the names of all files last written before a moment."""
        names = []
        for path in self._folder.glob("??/*"):
            with suppress(OSError):  # removed meanwhile
                if path.stat().st_mtime < moment.timestamp():
                    names.append(path.name)
        return names

    def remove(self, picture_id: str) -> None:
        """Remove a file, if it is there."""
        self.path_of(picture_id).unlink(missing_ok=True)


def _flush_folder(folder: Path) -> None:
    """Make new names in a folder outlast a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _record(row: Picture) -> PictureRecord:
    return PictureRecord(
        id=row.id,
        conversation_id=row.conversation_id,
        message_id=row.message_id,
        sha256=row.sha256,
        media_type=row.media_type,
        width=row.width,
        height=row.height,
        byte_size=row.byte_size,
        created_at=row.created_at,
    )
