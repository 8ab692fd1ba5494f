"""Uploaded pictures: how many, kept where, shown to whom, used once.

Functions that take a `uow` are steps of one transaction; `PictureDesk` joins them with the files
and with the slow work, which happens in threads. Checking and encoding is `picture_files`.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import secrets
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from bot.clock import Clock
from bot.crm.database import Database
from bot.crm.pictures import PictureFolder
from bot.crm.records import PictureRecord
from bot.crm.unit_of_work import UnitOfWork
from bot.errors import NotAllowedError, NotFoundError, RateLimitedError
from bot.services.picture_files import CleanPicture, PictureLimits, inspect_and_reencode

MAX_WAITING = 10
WAITS_FOR = timedelta(days=1)  # an unused picture counts no longer than that
MAX_PER_HOUR = 30
HOUR = timedelta(hours=1)
RETRY_WAITING_SECONDS = 60
MAX_DECODES = 2
MAX_UPLOADS = 8  # bodies held in memory at once, in the whole server
MAX_UPLOADS_OF_ONE = 2
RETRY_BUSY_SECONDS = 5


def check_quota(uow: UnitOfWork, conversation_id: str, now: datetime) -> None:
    """Refuse a picture too many (promise 20).

    Raises:
        RateLimitedError: too many wait unused, or too many came within the hour.
    """
    if uow.pictures.count_unused(conversation_id, now - WAITS_FOR) >= MAX_WAITING:
        raise RateLimitedError(
            f"{MAX_WAITING} pictures are uploaded and not sent yet; send those first",
            RETRY_WAITING_SECONDS,
        )
    _check_rate(uow.pictures.upload_times(conversation_id, now - HOUR), now)


def _check_rate(times: list[datetime], now: datetime) -> None:
    if len(times) >= MAX_PER_HOUR:
        wait = times[-MAX_PER_HOUR] + HOUR - now
        raise RateLimitedError(
            f"a conversation may bring {MAX_PER_HOUR} pictures in an hour",
            max(1, math.ceil(wait.total_seconds())),
        )


def store_picture(uow: UnitOfWork, record: PictureRecord) -> PictureRecord:
    """Add a picture whose file is written, if the conversation may have one more.

    Raises:
        RateLimitedError: it may not; others came meanwhile.
    """
    uow.pictures.hold(record.conversation_id)
    check_quota(uow, record.conversation_id, record.created_at)
    uow.pictures.add(record)
    return record


def find_picture(uow: UnitOfWork, picture_id: str) -> PictureRecord:
    """Return a picture by its id.

    Raises:
        NotFoundError: there is none.
    """
    record = uow.pictures.find(picture_id)
    if record is None:
        raise NotFoundError("there is no such picture")
    return record


def claim_picture(
    uow: UnitOfWork, conversation_id: str, picture_id: str, message_id: int
) -> PictureRecord:
    """Give an uploaded picture to the message that shows it, once.

    Raises:
        NotFoundError: there is no such picture in this conversation.
        NotAllowedError: a message uses it already.
    """
    record = find_picture(uow, picture_id)
    if record.conversation_id != conversation_id:  # as if there were none: ids are secret
        raise NotFoundError("there is no such picture")
    if not uow.pictures.claim(picture_id, message_id):
        raise NotAllowedError("this picture was already sent with another message")
    return find_picture(uow, picture_id)


class PictureDesk:
    """Takes pictures in and hands them out; one a server."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        folder: PictureFolder,
        limits: PictureLimits | None = None,
    ) -> None:
        self.limits = limits or PictureLimits()
        self._database = database
        self._clock = clock
        self._folder = folder
        self._decodes = asyncio.Semaphore(MAX_DECODES)
        self._uploading: list[str] = []
        self._attempts: deque[tuple[datetime, str]] = deque()

    @contextmanager
    def uploading(self, conversation_id: str) -> Iterator[None]:
        """Hold one of the few places for a body in memory.

        Refused pictures leave no row but cost time, so attempts are counted here as well.

        Raises:
            RateLimitedError: all places are taken, or this conversation has had its share.
        """
        places = self._uploading
        if len(places) >= MAX_UPLOADS or places.count(conversation_id) >= MAX_UPLOADS_OF_ONE:
            raise RateLimitedError("too many pictures are on their way", RETRY_BUSY_SECONDS)
        self._count_attempt(conversation_id)
        places.append(conversation_id)
        try:
            yield
        finally:
            places.remove(conversation_id)

    def _count_attempt(self, conversation_id: str) -> None:
        now = self._clock.now()
        while self._attempts and self._attempts[0][0] <= now - HOUR:
            self._attempts.popleft()
        times = [moment for moment, who in self._attempts if who == conversation_id]
        _check_rate(times, now)
        self._attempts.append((now, conversation_id))

    async def check_quota(self, conversation_id: str) -> None:
        """Refuse early, before the picture is read; `take_in` decides."""
        now = self._clock.now()
        await self._database.read_async(lambda uow: check_quota(uow, conversation_id, now))

    async def take_in(self, conversation_id: str, data: bytes) -> PictureRecord:
        """Check, encode and keep a picture: first the file, then the row.

        Raises:
            PictureRefusedError, RateLimitedError, StorageUnavailableError: nothing was kept.
        """
        picture_id = secrets.token_hex(16)
        async with self._decodes:
            clean = await asyncio.to_thread(self._encode_and_write, picture_id, data)
        record = PictureRecord(
            id=picture_id,
            conversation_id=conversation_id,
            message_id=None,
            sha256=hashlib.sha256(clean.data).hexdigest(),
            media_type=clean.media_type,
            width=clean.width,
            height=clean.height,
            byte_size=len(clean.data),
            created_at=self._clock.now(),
        )
        try:
            return await self._database.write_async(lambda uow: store_picture(uow, record))
        except Exception:  # not when cancelled: then the row may still be committed
            await asyncio.to_thread(self._folder.remove, picture_id)
            raise

    def _encode_and_write(self, picture_id: str, data: bytes) -> CleanPicture:
        clean = inspect_and_reencode(data, self.limits)
        self._folder.write(picture_id, clean.data)
        return clean

    async def hand_out(self, picture_id: str) -> tuple[PictureRecord, bytes]:
        """Return a picture and its bytes.

        Raises:
            NotFoundError: there is none with this id.
        """
        record = await self._database.read_async(lambda uow: find_picture(uow, picture_id))
        return record, await asyncio.to_thread(self._folder.read, picture_id)
