"""Stored messages as the events that sockets and the terminal show."""

from __future__ import annotations

from typing import Any

from bot.crm.records import MessageRecord


def event_of(message: MessageRecord) -> dict[str, Any]:
    """Return the wire form of a stored message (docs/protocol.md, type `message`)."""
    event: dict[str, Any] = {
        "type": "message",
        "seq": message.seq,
        "sender": message.sender,
        "text": message.text,
        "at": message.created_at.isoformat(),
    }
    if message.client_id is not None:
        event["id"] = message.client_id
        event["state"] = message.state
    if message.sender_name is not None:
        event["name"] = message.sender_name
    event |= _shown(message.extras or {})
    options = [{"option_id": option.option_id, "label": option.label} for option in message.options]
    if "card" in event and options:
        event["card"]["more"] = options.pop(0)
    if options:
        event["options"] = options
    return event


def _shown(extras: dict[str, Any]) -> dict[str, Any]:
    """Return what a page shows beside the text; pictures get their addresses."""
    shown = {name: dict(part) if isinstance(part, dict) else part for name, part in extras.items()}
    if "picture" in shown:
        picture_id = shown["picture"].pop("id")
        shown["picture"]["url"] = f"/pictures/{picture_id}"
    if "card" in shown:
        shown["card"]["picture"] = f"/products/{shown['card']['id']}.webp"
    return shown
