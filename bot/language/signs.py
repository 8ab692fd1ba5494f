"""What a message shows beside its intent, as far as its concepts tell.

Refusal (D-OBJ-11), bodily harm (D-CMP-4), outlets of a threat (D-CMP-15), buying signals (D-CUS-4),
cues of style (D-CUS-2). What has to be learnt is in `bot.nlu.sign_model`. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Literal

from bot.knowledge.book import load_signs

NOT_SELLING = ("complaint_", "objection_price", "request_human")


def find_refusal(concepts: Collection[str], intent: str) -> Literal["none", "plain", "stop"]:
    """Return whether a message refuses: 'stop' everything, 'plain' no, or 'none'."""
    if "STOP_SELLING" in concepts:
        return "stop"
    if "PLAIN_REFUSAL" in concepts and intent in ("objection_need", "objection_excuse", "deny"):
        return "plain"
    return "none"


def names_bodily_harm(concepts: Collection[str]) -> bool:
    """Tell whether words of an injury are there; a complaint with them goes to a person."""
    return "HARM_BODILY" in concepts


def find_outlets(concepts: Collection[str]) -> list[str]:
    """Return where a complainer could take it: authority, media, legal, spread."""
    return _shown(load_signs().threats, concepts)


def find_buying_signals(concepts: Collection[str], intent: str) -> list[str]:
    """Return the buying signals; a complaint or a bargain shows none."""
    if intent.startswith(NOT_SELLING):
        return []
    return _shown(load_signs().buying_signals, concepts)


def find_style_cues(concepts: Collection[str]) -> list[str]:
    """Return the cues of style: asks or tells, controls or shows."""
    return _shown(load_signs().style_cues, concepts)


def _shown(signs: Mapping[str, Sequence[str]], concepts: Collection[str]) -> list[str]:
    return [name for name, shown_by in signs.items() if any(each in concepts for each in shown_by)]
