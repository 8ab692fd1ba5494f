"""One customer's socket: who it is, what it has been sent.

Every stored message has a `seq`; a client that comes back names the last one it has seen and gets
the rest. Acknowledgements are sent after T1's commit and never wait for the bot. A client that
does not read is dropped; what it misses it finds again by `seq`.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msgspec
import structlog
from litestar import WebSocket
from litestar.channels import ChannelsPlugin, Subscriber
from litestar.exceptions import WebSocketDisconnect

from bot.errors import (
    BotError,
    IdentityRefusedError,
    NotAllowedError,
    RateLimitedError,
    UsageError,
)
from bot.killpoints import reach
from bot.services.application import Application
from bot.services.conversations import InboundText
from bot.services.events import event_of
from bot.services.reception import Arrival
from bot.web import frames

log = structlog.get_logger(__name__)

CLOSE_COME_BACK = 1012
CLOSE_NOT_ALLOWED = 4403
CLOSE_IDENTITY_REFUSED = 4404
CLOSE_TOO_SLOW = 4408
CLOSE_TOO_MANY = 4429
SEND_SECONDS = 10.0


class Session:
    """Reads frames, answers them, pushes what others write."""

    def __init__(
        self, socket: WebSocket[Any, Any, Any], app: Application, channels: ChannelsPlugin
    ) -> None:
        """Prepare; `serve` does the rest."""
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
        while not self._has_left:
            text = await self._socket.receive_data(mode="text")
            try:
                frame = frames.decode_frame(text, self._app.settings.max_frame_bytes)
                await self._handle(frame)
            except BotError as error:
                await self._send_error(error, _id_in(text))

    async def close(self) -> None:
        """Let go of the subscription."""
        if self._pusher is not None:
            self._pusher.cancel()
        if self._subscriber is not None:
            await self._channels.unsubscribe(self._subscriber)

    async def _handle(self, frame: frames.Frame) -> None:
        if isinstance(frame, frames.Ping):
            await self._send({"type": "pong"})
        elif isinstance(frame, frames.Hello):
            await self._hello(frame)
        elif not self._conversation_id:
            raise UsageError("say hello before the first message")
        elif isinstance(frame, frames.Say):
            await self._say(frame)
        else:
            self._app.limits.count_frame(self._conversation_id)
            await self._handle_rare(frame)

    async def _handle_rare(self, frame: frames.Frame) -> None:
        if isinstance(frame, frames.History):
            await self._show_history(frame)
        elif isinstance(frame, frames.Look):
            await self._app.note_context(self._conversation_id, frame.as_page_context())
        elif isinstance(frame, frames.Rate):
            await self._app.rate(self._conversation_id, frame.as_answer())
        elif isinstance(frame, frames.End):
            await self._app.end(self._conversation_id)

    async def _hello(self, frame: frames.Hello) -> None:
        if self._conversation_id:
            raise UsageError("this socket has already said hello")
        client = self._socket.client
        arrival = Arrival(
            channel="web",
            conversation_id=frame.conversation,
            token=frame.token,
            identity=frame.identity,
            context=frame.context.as_page_context() if frame.context else None,
            address=client.host if client else "unknown",
        )
        try:
            admission = await self._app.arrive(arrival)
        except (NotAllowedError, RateLimitedError) as error:
            await self._turn_away(error)
            return
        record = admission.conversation
        answer: dict[str, Any] = {"type": "hello", "epoch": await self._app.epoch()}
        answer |= {"conversation": record.id, "last_seq": record.last_seq, "owner": record.owner}
        if admission.is_new:
            answer["token"] = admission.token
        after = max(frame.after, 0) if frame.epoch == answer["epoch"] else 0
        if after > record.last_seq:  # a client ahead of a restored database starts anew
            after = 0
        if frame.recent:
            after = max(after, record.last_seq - frame.recent)
        answer |= {"first_seq": after + 1, "shop": await self._app.introduce(record.id)}
        await self._open(record.id, after, answer)

    async def _open(self, conversation_id: str, after: int, answer: dict[str, Any]) -> None:
        self._subscriber = await self._channels.subscribe(conversation_id)
        self._conversation_id = conversation_id
        self._last_seq = after
        try:
            await self._send(answer)
            await self._catch_up()
            await self._send(await self._app.standing(conversation_id))
        except BotError as error:  # half told: it comes back and is told the rest
            await self._send_error(error, None)
            await self._leave(CLOSE_COME_BACK)
            return
        self._pusher = asyncio.create_task(self._push())

    async def _turn_away(self, error: BotError) -> None:
        await self._send_error(error, None)
        if isinstance(error, RateLimitedError):
            await self._leave(CLOSE_TOO_MANY)
        elif isinstance(error, IdentityRefusedError):
            await self._leave(CLOSE_IDENTITY_REFUSED)
        else:
            await self._leave(CLOSE_NOT_ALLOWED)

    async def _say(self, frame: frames.Say) -> None:
        self._app.limits.count_message(
            self._conversation_id, wants_person=frame.option_id == "person"
        )
        inbound = InboundText(
            self._conversation_id,
            frame.id,
            frame.text,
            frame.option_id or None,
            frame.picture or None,
        )
        accepted = await self._app.receive(inbound)
        message = accepted.message
        try:
            await self._send(
                {"type": "ack", "id": frame.id, "seq": message.seq, "state": message.state}
            )
            reach("ack_sent")
        finally:  # a stored message is answered, whatever becomes of its socket
            await self._app.message_stored(accepted)

    async def _show_history(self, frame: frames.History) -> None:
        messages = await self._app.events_before(self._conversation_id, frame.before, frame.limit)
        await self._send(
            {
                "type": "history",
                "messages": [event_of(message) for message in messages],
                "has_more": bool(messages) and messages[0].seq > 1,
            }
        )

    async def _push(self) -> None:
        """Push until the client leaves; one that cannot be told comes back for the rest."""
        try:
            await self._push_events()
        except Exception:
            log.exception("socket.push_failed", conversation=self._conversation_id)
            await self._leave(CLOSE_COME_BACK)

    async def _push_events(self) -> None:
        """Send what other hands wrote into this conversation, in order and once."""
        assert self._subscriber is not None
        async for raw in self._subscriber.iter_events():
            event = msgspec.json.decode(raw)
            seq = event.get("seq")
            if event["type"] == "missed":  # too long to be told, or lost on the way
                await self._catch_up()
            elif seq is None:
                await self._send(event)
            elif seq > self._last_seq + 1:
                await self._catch_up()
            elif seq == self._last_seq + 1:
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
            data = msgspec.json.encode(frame).decode()
            try:
                await asyncio.wait_for(self._socket.send_data(data, mode="text"), SEND_SECONDS)
            except asyncio.TimeoutError:
                log.info("socket.too_slow", conversation=self._conversation_id)
                await self._leave(CLOSE_TOO_SLOW)
            except (WebSocketDisconnect, RuntimeError, OSError):
                self._has_left = True

    async def _leave(self, code: int) -> None:
        """Close the socket; one that does not take even that is given up."""
        self._has_left = True
        try:
            await asyncio.wait_for(self._socket.close(code=code), 1.0)
        except (asyncio.TimeoutError, WebSocketDisconnect, RuntimeError, OSError):
            pass

    async def _send_error(self, error: BotError, message_id: str | None) -> None:
        frame: dict[str, Any] = {"type": "error", "code": error.code, "message": str(error)}
        if message_id is not None:
            frame["id"] = message_id
        if isinstance(error, RateLimitedError):
            frame["retry_after_seconds"] = error.retry_after_seconds
        await self._send(frame)


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
