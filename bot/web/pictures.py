"""Upload a picture into a conversation; look at one by its secret address.

The body is the picture itself, not a form. Nothing of it but its pixels comes back out
(`bot.services.picture_files`), and what is served may not run, frame or load anything.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

from litestar import Request, Response, get, post

from bot.errors import NotFoundError, PictureTooLargeError, UsageError
from bot.services.pictures import PictureDesk

BODY_SECONDS = 90.0
_ID = re.compile(r"[0-9a-f]{32}")
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Cache-Control": "private, max-age=31536000, immutable",
}
_FILE_NAMES = {"image/jpeg": "picture.jpg", "image/webp": "picture.webp"}

AnyRequest = Request[Any, Any, Any]


@post("/chat/pictures", opt={"role": "customer"})
async def upload_picture(request: AnyRequest, conversation: str) -> dict[str, object]:
    """Keep one picture for the conversation that the token opens."""
    desk: PictureDesk = request.app.state.pictures
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        token = ""
    record = await request.app.state.application.authenticate(conversation, token.strip())
    await desk.check_quota(record.id)
    with desk.uploading(record.id):
        data = await _read_body(request, desk.limits.max_bytes)
        picture = await desk.take_in(record.id, data)
    return {
        "picture": picture.id,
        "url": f"/pictures/{picture.id}",
        "width": picture.width,
        "height": picture.height,
    }


@get("/pictures/{picture_id:str}", opt={"role": "public"})
async def show_picture(request: AnyRequest, picture_id: str) -> Response[bytes]:
    """Serve a picture to whoever knows its id."""
    if not _ID.fullmatch(picture_id):
        raise NotFoundError("there is no such picture")
    desk: PictureDesk = request.app.state.pictures
    picture, data = await desk.hand_out(picture_id)
    name = _FILE_NAMES[picture.media_type]
    headers = {**_HEADERS, "Content-Disposition": f"inline; filename={name}"}
    return Response(data, media_type=picture.media_type, headers=headers)


async def _read_body(request: AnyRequest, limit: int) -> bytes:
    """Read a body of at most `limit` bytes, and wait no longer than `BODY_SECONDS`."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:20]) > limit:
        raise _too_large(limit)
    try:
        return await asyncio.wait_for(_collect(request, limit), BODY_SECONDS)
    except asyncio.TimeoutError as error:
        raise UsageError(f"the picture did not arrive within {BODY_SECONDS:g} s") from error


async def _collect(request: AnyRequest, limit: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        chunks.append(chunk)
    return b"".join(chunks)


def _too_large(limit: int) -> PictureTooLargeError:
    return PictureTooLargeError(f"a picture may have {limit} bytes; this one has more")
