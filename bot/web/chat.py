"""The customer's socket: hello, acknowledge, push, resume (docs/protocol.md).

A frame is JSON. Every stored message has a `seq`; a client that comes back names the last one it
has seen and gets the rest. Acknowledgements are sent after T1's commit and never wait for the
bot.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any, Union

import msgspec
import structlog
from litestar import WebSocket, websocket
from litestar.channels import ChannelsPlugin, Subscriber
from litestar.exceptions import WebSocketDisconnect
from msgspec import Struct

from bot.crm.records import ConversationRecord
from bot.errors import BotError, MessageTooLongError, NotAllowedError, UsageError
from bot.killpoints import reach
from bot.services.application import Application
from bot.services.conversations import InboundText
from bot.services.events import event_of

log = structlog.get_logger(__name__)

CLOSE_NOT_ALLOWED = 4403


class Hello(Struct, tag="hello", frozen=True, forbid_unknown_fields=True):
    """First frame: start, or resume with id, token and the last `seq` seen."""

    conversation: str = ""
    token: str = ""
    after: int = 0
    epoch: str = ""


class Say(Struct, tag="message", frozen=True, forbid_unknown_fields=True):
    """A customer's message; `id` is the client's own."""

    id: str
    text: str
    option_id: str = ""


class Ping(Struct, tag="ping", frozen=True, forbid_unknown_fields=True):
    """Is anybody there?"""


_decoder = msgspec.json.Decoder(Union[Hello, Say, Ping])


@websocket("/chat", opt={"role": "customer"})
async def chat(socket: WebSocket[Any, Any, Any]) -> None:
    """Serve one customer's socket until it closes."""
    await socket.accept()
    session = _Session(socket, socket.app.state.application, socket.app.state.channels)
    try:
        await session.serve()
    except WebSocketDisconnect:
        pass
    finally:
        await session.close()


class _Session:
    """One socket: who it is, what it has been sent."""

    def __init__(
        self, socket: WebSocket[Any, Any, Any], app: Application, channels: ChannelsPlugin
    ) -> None:
        self._socket = socket
        self._app = app
        self._channels = channels
        self._subscriber: Subscriber | None = None
        self._pusher: asyncio.Task[None] | None = None
        self._sending = asyncio.Lock()
        self._has_left = False
        self._conversation_id = ""
        self._last_seq = 0

    async def serve(self) -> None:
        """Read frames until the client leaves."""
        while True:
            text = await self._socket.receive_data(mode="text")
            try:
                frame = self._decode(text)
                if not await self._handle(frame):
                    return
            except BotError as error:
                await self._send_error(error, _id_in(text))

    async def close(self) -> None:
        """Let go of the subscription."""
        if self._pusher is not None:
            self._pusher.cancel()
        if self._subscriber is not None:
            await self._channels.unsubscribe(self._subscriber)

    def _decode(self, data: str | bytes) -> Hello | Say | Ping:
        size = len(data.encode() if isinstance(data, str) else data)
        if size > self._app.settings.max_frame_bytes:
            raise MessageTooLongError(
                f"a frame may have {self._app.settings.max_frame_bytes} bytes; this one has {size}"
            )
        try:
            frame: Hello | Say | Ping = _decoder.decode(data)
        except msgspec.MsgspecError as error:
            raise UsageError(f"this frame is not understood: {error}") from error
        return frame

    async def _handle(self, frame: Hello | Say | Ping) -> bool:
        """Act on one frame; return whether the socket stays open."""
        if isinstance(frame, Ping):
            await self._send({"type": "pong"})
        elif isinstance(frame, Hello):
            return await self._hello(frame)
        elif not self._conversation_id:
            raise UsageError("say hello before the first message")
        else:
            await self._say(frame)
        return True

    async def _hello(self, frame: Hello) -> bool:
        if self._conversation_id:
            raise UsageError("this socket has already said hello")
        answer: dict[str, object] = {"type": "hello", "epoch": await self._app.epoch()}
        after = frame.after if frame.epoch == answer["epoch"] else 0
        if frame.conversation:
            try:
                record = await self._app.authenticate(frame.conversation, frame.token)
            except NotAllowedError as error:
                await self._send_error(error, None)
                await self._socket.close(code=CLOSE_NOT_ALLOWED)
                return False
            answer |= _place(record)
            if after > record.last_seq:  # a client ahead of a restored database starts anew
                after = 0
            conversation_id = record.id
        else:
            started = await self._app.start_conversation("web")
            conversation_id = started.conversation_id
            answer |= {"conversation": conversation_id, "token": started.token}
            answer |= {"last_seq": 0, "owner": "bot"}
        self._subscriber = await self._channels.subscribe(conversation_id)
        self._conversation_id = conversation_id
        self._last_seq = after
        await self._send(answer)
        await self._catch_up()
        self._pusher = asyncio.create_task(self._push())
        return True

    async def _say(self, frame: Say) -> None:
        inbound = InboundText(self._conversation_id, frame.id, frame.text, frame.option_id or None)
        accepted = await self._app.receive(inbound)
        message = accepted.message
        try:
            await self._send(
                {"type": "ack", "id": frame.id, "seq": message.seq, "state": message.state}
            )
            reach("ack_sent")
        finally:  # a stored message is answered, whatever becomes of its socket
            await self._app.message_stored(accepted)

    async def _push(self) -> None:
        """Send what other hands wrote into this conversation, in order and once."""
        assert self._subscriber is not None
        async for raw in self._subscriber.iter_events():
            event = msgspec.json.decode(raw)
            if event["seq"] > self._last_seq + 1:
                await self._catch_up()
            elif event["seq"] == self._last_seq + 1:
                await self._send_event(event)
                reach("push_partial")

    async def _catch_up(self) -> None:
        while True:
            missed = await self._app.events_after(self._conversation_id, self._last_seq)
            for message in missed:
                await self._send_event(event_of(message))
            if not missed:
                return

    async def _send_event(self, event: dict[str, Any]) -> None:
        await self._send(event)
        self._last_seq = max(self._last_seq, event["seq"])

    async def _send(self, frame: dict[str, Any]) -> None:
        """Send a frame; a client that has left misses it, but its last frames are still read."""
        async with self._sending:
            if self._has_left:
                return
            try:
                await self._socket.send_data(msgspec.json.encode(frame).decode(), mode="text")
            except (WebSocketDisconnect, RuntimeError, OSError):
                self._has_left = True

    async def _send_error(self, error: BotError, message_id: str | None) -> None:
        frame = {"type": "error", "code": error.code, "message": str(error)}
        if message_id is not None:
            frame["id"] = message_id
        await self._send(frame)


def _place(record: ConversationRecord) -> dict[str, object]:
    return {"conversation": record.id, "last_seq": record.last_seq, "owner": record.owner}


def _id_in(text: str | bytes) -> str | None:
    """Return the message id of a frame that was refused, so that the client can mark it."""
    if len(text) > 64 * 1024:
        return None
    try:
        frame = json.loads(text)
    except (ValueError, RecursionError):
        return None
    found = frame.get("id") if isinstance(frame, dict) else None
    return found if isinstance(found, str) and found.isprintable() else None
