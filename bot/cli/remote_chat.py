"""Talk with the running server over its own socket, as the widget does."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import Any

import websockets
from rich.console import Console

from bot.cli.shop_access import ask_shop
from bot.cli.talk import QUIT
from bot.settings import Settings
from bot.web.admin import read_access

console = Console()


async def chat_with_server(settings: Settings, *, analysis: bool) -> None:
    """Talk until the customer leaves."""
    access = read_access(settings.var_dir)
    assert access is not None
    url = access.url.replace("http", "ws", 1) + "/chat"
    async with websockets.connect(url) as socket:  # type: ignore[attr-defined]
        await socket.send(json.dumps({"type": "hello"}))
        hello = json.loads(await socket.recv())
        conversation = hello["conversation"]
        console.print(f"connected to the running server; {QUIT[0]} ends.")
        reader = asyncio.create_task(_print_events(socket))
        loop = asyncio.get_running_loop()
        while True:
            text = await loop.run_in_executor(None, _ask)
            if text is None:
                break
            if text.strip():
                frame = {"type": "message", "id": uuid.uuid4().hex, "text": text}
                await socket.send(json.dumps(frame))
        reader.cancel()
    console.print(f"the conversation is kept: ./prelude why {conversation}")
    if analysis:
        console.print(ask_shop(settings, "conversation.explain", conversation=conversation))


def _ask() -> str | None:
    try:
        text = input()
    except (EOFError, KeyboardInterrupt):
        return None
    return None if text in QUIT else text


async def _print_events(socket: Any) -> None:
    async for raw in socket:
        event = json.loads(raw)
        if event["type"] == "message" and event["sender"] != "customer":
            who = event.get("name", "")
            console.print(f"[cyan]{who + ': ' if who else ''}{event['text']}[/cyan]")
            if event.get("options"):
                labels = " | ".join(option["label"] for option in event["options"])
                console.print(f"  [dim]{labels}[/dim]")
        elif event["type"] == "error":
            console.print(f"[red]{event['message']}[/red]")
