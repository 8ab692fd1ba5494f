"""What a message shows beside its intent: refusal, reaction, harm.

Sources: docs/labels.md, D-OBJ-11, D-CMP-3, D-CMP-4. First version: read off the concepts. Pure.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

REACTIONS = (
    ("ANGRY", "angry"),
    ("RESIGNED", "resigned"),
    ("GRUMBLING", "grumbling"),
    ("REASONING", "reasoning"),
)
HARMS = (("HARM_BODILY", "bodily"), ("HARM_MENTAL", "mental"), ("HARM_ECONOMIC", "economic"))


def find_refusal(concepts: Collection[str], intent: str) -> Literal["none", "plain", "stop"]:
    """Return whether a message refuses: 'stop' everything, 'plain' no, or 'none'."""
    if "STOP_SELLING" in concepts:
        return "stop"
    if "PLAIN_REFUSAL" in concepts and intent in ("objection_need", "objection_excuse", "deny"):
        return "plain"
    return "none"


def find_reaction(concepts: Collection[str], intent: str) -> str | None:
    """Return a complainer's reaction type, 'calm' when nothing shows; None for no complaint."""
    if not intent.startswith("complaint_"):
        return None
    return next((name for concept, name in REACTIONS if concept in concepts), "calm")


def find_harm(concepts: Collection[str], intent: str) -> list[str]:
    """Return the kinds of harm a complaint names."""
    if not intent.startswith("complaint_"):
        return []
    return [name for concept, name in HARMS if concept in concepts]
