"""How the messages of a turn are understood: each by itself, then together.

Pure but for the parse function that is handed in. Text is never a command: Rasa gets finished
parses only, so `/restart` or `/intent{…}` is text like any other (design decision 3).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from msgspec.structs import replace

from bot.clock import SHOP_TIME_ZONE
from bot.dialogue.turn import InboundMessage, MessageAnalysis
from bot.engine.context import analysis_of

Parse = Callable[[str], Awaitable[dict[str, Any]]]
URGENT_CONFIDENCE = 0.4
SURE = 0.6


@dataclass(frozen=True)
class Understood:
    """The parse that Rasa decides by, and the analyses that are stored."""

    parse: dict[str, Any]
    turn_analysis: MessageAnalysis
    analyses: tuple[MessageAnalysis, ...]


async def understand(messages: Sequence[InboundMessage], parse: Parse) -> Understood:
    """Understand the messages of one turn.

    A person asked for, or a complaint, in any one of them decides for all.
    """
    parses = [await _parse_one(message, parse) for message in messages]
    analyses = tuple(
        analysis_of(each, message.message_id, _day_of(message))
        for each, message in zip(parses, messages, strict=True)
    )
    if len(messages) == 1:
        return Understood(parses[0], analyses[0], analyses)
    text = "\n".join(message.text for message in messages)
    urgent = _most_urgent(analyses)
    if urgent is not None:
        chosen = parses[urgent] | {"text": text}
        return Understood(chosen, analyses[urgent], analyses)
    together = await parse(text)
    together["text"] = text
    _obey_refusal(together)
    joined = analysis_of(together, messages[-1].message_id, _day_of(messages[-1]))
    source = next(
        (each.message_id for each in analyses if each.intent == joined.intent),
        messages[-1].message_id,
    )
    return Understood(together, replace(joined, message_id=source), analyses)


def _day_of(message: InboundMessage) -> date:
    return message.received_at.astimezone(SHOP_TIME_ZONE).date()


async def _parse_one(message: InboundMessage, parse: Parse) -> dict[str, Any]:
    result = await parse(message.text)
    result["text"] = message.text
    meaning = message.meaning
    if meaning is not None and meaning.intent:
        result["intent"] = {"name": meaning.intent, "confidence": 1.0}
        result["intent_ranking"] = [dict(result["intent"])]
        result["entities"] = [
            *result.get("entities", []),
            *({"entity": name, "value": value} for name, value in meaning.entities.items()),
        ]
    else:
        _obey_refusal(result)
    return result


def _obey_refusal(parse: dict[str, Any]) -> None:
    """'No more offers' is a refusal whatever else the classifier made of it (D-OBJ-11).

    Not where something went wrong that is named, or where the customer threatens (D-CMP-9).
    """
    signs = parse.get("signs") or {}
    intent = parse.get("intent") or {}
    name, confidence = intent.get("name") or "", intent.get("confidence") or 0.0
    has_cause = name.startswith("complaint_") and name != "complaint_other"
    is_sure_complaint = (has_cause and confidence >= SURE) or bool(signs.get("threats"))
    is_objection = name.startswith("objection_")
    if signs.get("refusal") == "stop" and not is_sure_complaint and not is_objection:
        parse["intent"] = {"name": "objection_excuse", "confidence": 1.0}


def _most_urgent(analyses: Sequence[MessageAnalysis]) -> int | None:
    for wanted in ("request_human", "complaint_"):
        for index, analysis in enumerate(analyses):
            is_sure = analysis.confidence >= URGENT_CONFIDENCE
            if analysis.intent.startswith(wanted) and is_sure:
                return index
    return None
