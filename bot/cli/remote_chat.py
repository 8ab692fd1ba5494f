"""Talk with the running server over its own socket, as the widget does."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import Any

import websockets
from rich.console import Console

from bot.cli.shop_access import ask_shop
from bot.settings import Settings
from bot.web.admin import read_access

console = Console()
QUIT = ("/quit", "/exit")
LAST_WORDS_SECONDS = 30.0
QUIET_SECONDS = 1.0


async def chat_with_server(settings: Settings, *, analysis: bool) -> None:
    """Talk until the customer leaves; then wait for the last answer."""
    access = read_access(settings.var_dir)
    assert access is not None
    url = access.url.replace("http", "ws", 1) + "/chat"
    async with websockets.connect(url) as socket:  # type: ignore[attr-defined]
        talk = _Talk(socket)
        conversation = await talk.begin()
        console.print(f"connected to the running server; {QUIT[0]} ends.")
        reader = asyncio.create_task(talk.print_events())
        while (text := await asyncio.to_thread(_ask)) is not None:
            if text.strip():
                await talk.say(text)
        await talk.wait_for_last_words()
        reader.cancel()
    console.print(f"the conversation is kept: ./prelude why {conversation}")
    if analysis:
        console.print(
            await asyncio.to_thread(
                ask_shop, settings, "conversation.explain", conversation=conversation
            )
        )


class _Talk:
    """One socket to the server, and what is still awaited on it."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self._waiting: set[str] = set()
        self._is_answered = asyncio.Event()
        self._is_answered.set()

    async def begin(self) -> str:
        """Say hello; return the conversation's id."""
        await self._socket.send(json.dumps({"type": "hello"}))
        hello = json.loads(await self._socket.recv())
        return str(hello["conversation"])

    async def say(self, text: str) -> None:
        """Send one message."""
        message_id = uuid.uuid4().hex
        self._waiting.add(message_id)
        self._is_answered.clear()
        frame = {"type": "message", "id": message_id, "text": text}
        await self._socket.send(json.dumps(frame))

    async def wait_for_last_words(self) -> None:
        """Wait for the answer to the last message, and a little for its rest."""
        try:
            await asyncio.wait_for(self._is_answered.wait(), LAST_WORDS_SECONDS)
        except asyncio.TimeoutError:
            return
        await asyncio.sleep(QUIET_SECONDS)

    async def print_events(self) -> None:
        """Print what the other side says."""
        async for raw in self._socket:
            event = json.loads(raw)
            if event["type"] == "ack":
                self._waiting.discard(event["id"])
                if event["state"] == "held":
                    self._is_answered.set()
            elif event["type"] == "error":
                console.print(f"[red]{event['message']}[/red]")
                self._is_answered.set()
            elif event["type"] == "message" and event["sender"] != "customer":
                _print_message(event)
                if not self._waiting:
                    self._is_answered.set()


def _print_message(event: dict[str, Any]) -> None:
    who = event.get("name", "")
    console.print(f"[cyan]{who + ': ' if who else ''}{event['text']}[/cyan]", highlight=False)
    if event.get("options"):
        labels = " | ".join(option["label"] for option in event["options"])
        console.print(f"  [dim]{labels}[/dim]", highlight=False)


def _ask() -> str | None:
    try:
        text = input()
    except (EOFError, KeyboardInterrupt):
        return None
    return None if text in QUIT else text
