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
    if message.options:
        event["options"] = [
            {"option_id": option.option_id, "label": option.label} for option in message.options
        ]
    return event
