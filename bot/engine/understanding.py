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
from bot.dialogue.ledger import ALIVE, current
from bot.dialogue.repairing import Correction, correction_of, repair_of, unreadable
from bot.dialogue.together import QUESTIONS, clauses_of, questions_within, serving_order
from bot.dialogue.truth import PREFIX
from bot.dialogue.turn import ConversationFacts, InboundMessage, MessageAnalysis
from bot.engine.context import PRODUCT_ENTITY, analysis_of
from bot.knowledge.book import load_book
from bot.language.normalise import find_phone, fold

Parse = Callable[[str], Awaitable[dict[str, Any]]]
URGENT_CONFIDENCE = 0.4
SURE = 0.6
PLAIN_CLAUSE = 0.8
MOST_CLAUSES = 4
UNREADABLE = "unreadable"  # never an answer, as what the model does not know may be
COMPLAINT = "complaint_"
CALL_BACK = "call_back"
CALL_BACK_FORM = "call_back_form"
TELLING = ("receipt", "acknowledgement")  # stages of a case in which its facts are told


@dataclass(frozen=True)
class Heard:
    """What Rasa is told of a turn at once: a parse, and how it is stored."""

    parse: dict[str, Any]
    analysis: MessageAnalysis


@dataclass(frozen=True)
class Understood:
    """What Rasa is told, in order; the analyses that are stored; objections to come back to.

    Attributes:
        heard: each is served in turn; what comes after a hand-over is left to the person.
        waiting: further objections of the turn, which only go into the ledger.
    """

    heard: tuple[Heard, ...]
    analyses: tuple[MessageAnalysis, ...]
    waiting: tuple[MessageAnalysis, ...] = ()

    @property
    def decisive(self) -> MessageAnalysis:
        """Return what the turn is about: a complaint, else what is served last."""
        first, last = self.heard[0].analysis, self.heard[-1].analysis
        return first if first.intent.startswith(COMPLAINT) else last


async def understand(
    messages: Sequence[InboundMessage], parse: Parse, facts: ConversationFacts
) -> Understood:
    """Understand the messages of one turn.

    A person asked for, or a complaint, in any one of them decides for all. Questions and an
    objection that are plainly there, each in a message of its own, are all served; whatever else
    comes in several messages is read as one text.
    """
    is_past = _asks_what_happened(facts)
    parses = [await _parse_one(message, parse, facts) for message in messages]
    analyses = tuple(
        analysis_of(each, message.message_id, _day_of(message), is_past=is_past)
        for each, message in zip(parses, messages, strict=True)
    )
    if len(messages) == 1:
        heard = await _with_questions(Heard(parses[0], analyses[0]), messages[0], parse)
        return Understood(heard, analyses)
    text = "\n".join(message.text for message in messages)
    urgent = _most_urgent(analyses)
    names = {place for place, each in enumerate(parses) if _is_bare_name(each)}
    order = serving_order(analyses, urgent, SURE, names)
    waiting = tuple(analyses[each] for each in order.waiting)
    if urgent is not None:
        parses[urgent] = parses[urgent] | {"text": text}
    if order.served:
        heard = tuple(Heard(parses[each], analyses[each]) for each in order.served)
        return Understood(heard, analyses, waiting)
    together = await parse(text)
    together["text"] = text
    _obey_refusal(together)
    together = await _mend(together, text, parse, facts)
    newest = messages[-1]
    joined = analysis_of(together, newest.message_id, _day_of(newest), is_past=is_past)
    source = next(
        (each.message_id for each in analyses if each.intent == joined.intent),
        newest.message_id,
    )
    return Understood((Heard(together, replace(joined, message_id=source)),), analyses)


def _asks_what_happened(facts: ConversationFacts) -> bool:
    """Tell whether the facts of a complaint are gathered; a day to call back lies ahead."""
    case = facts.open_case
    return case is not None and case.stage in TELLING and CALL_BACK_FORM not in facts.last_steps


def hear_as(understood: Understood, meant: Callable[[Heard], str]) -> Understood:
    """Return what was understood, each with the intent that it is to be decided by."""
    heard = tuple(_heard_as(each, meant(each)) for each in understood.heard)
    changed = {
        after.analysis.message_id: after.analysis.intent
        for before, after in zip(understood.heard, heard, strict=True)
        if after is not before
    }
    analyses = tuple(
        replace(each, intent=changed.get(each.message_id, each.intent))
        for each in understood.analyses
    )
    return Understood(heard, analyses, understood.waiting)


def _heard_as(heard: Heard, intent: str) -> Heard:
    if intent == heard.analysis.intent:
        return heard
    parse = heard.parse | {"intent": {"name": intent, "confidence": 1.0}}
    return Heard(parse, replace(heard.analysis, intent=intent))


async def _with_questions(whole: Heard, message: InboundMessage, parse: Parse) -> tuple[Heard, ...]:
    """Return what one message says, after the questions that it asks beside that."""
    clauses = clauses_of(message.text)
    is_brief = 1 < len(clauses) <= MOST_CLAUSES and message.meaning is None
    if not is_brief or whole.analysis.takes_back:
        return (whole,)
    parses = [await parse(clause) for clause in clauses]
    analyses = [analysis_of(each, message.message_id, _day_of(message)) for each in parses]
    beside = questions_within(whole.analysis, analyses, PLAIN_CLAUSE)
    asked = [Heard({**parses[n], "text": clauses[n]}, analyses[n]) for n in beside]
    if whole.analysis.intent.startswith(PREFIX):
        return (*asked, whole)
    return (whole, *asked)


def _is_bare_name(parsed: dict[str, Any], said: str | None = None) -> bool:
    """Tell whether a text is a product's name and next to nothing else, no question of its own."""
    text = parsed["text"] if said is None else said
    intent = _intent_of(parsed)
    if intent.startswith((PREFIX, COMPLAINT)) or (intent in QUESTIONS and intent != "ask_product"):
        return False
    found = [each for each in parsed.get("entities") or [] if each["entity"] == PRODUCT_ENTITY]
    if not found or "start" not in found[0]:
        return False
    rest = len(fold(text)) - len(fold(text[found[0]["start"] : found[0]["end"]]))
    return rest <= load_book().repairs.bare_value_chars


def _day_of(message: InboundMessage) -> date:
    return message.received_at.astimezone(SHOP_TIME_ZONE).date()


async def _parse_one(
    message: InboundMessage, parse: Parse, facts: ConversationFacts
) -> dict[str, Any]:
    result = await parse(message.text)
    result["text"] = message.text
    meaning, cues = message.meaning, load_book().repairs
    if not message.text and unreadable(cues, "", facts):
        return _as(result, UNREADABLE, clarity="unknown")
    # A typed number counts as the button that asks for one, unless it puts another right.
    if meaning is not None and meaning.intent and correction_of(cues, message.text) is None:
        result["intent"] = {"name": meaning.intent, "confidence": 1.0}
        result["intent_ranking"] = [dict(result["intent"])]
        result["entities"] = [
            *result.get("entities", []),
            *({"entity": name, "value": value} for name, value in meaning.entities.items()),
        ]
        return result
    _obey_refusal(result)
    await _hear_threats(result, message.text, parse)
    return await _mend(result, message.text, parse, facts)


async def _hear_threats(parsed: dict[str, Any], text: str, parse: Parse) -> None:
    """Find a threat that one clause of a complaint holds; a mere number holds none (D-CMP-9)."""
    signs = parsed.get("signs") or {}
    if signs.get("threats"):
        if not any(letter.isalpha() for letter in text):
            signs["threats"] = []
        return
    clauses = clauses_of(text)
    if not _intent_of(parsed).startswith(COMPLAINT) or not 1 < len(clauses) <= MOST_CLAUSES:
        return
    for clause in clauses:
        alone = await parse(clause)
        threats = (alone.get("signs") or {}).get("threats")
        if threats and _intent_of(alone).startswith(COMPLAINT):
            parsed["signs"] = {**signs, "threats": threats}
            return


async def _mend(
    parsed: dict[str, Any], text: str, parse: Parse, facts: ConversationFacts
) -> dict[str, Any]:
    """Return the parse as it is once cancel, 'say it again' and corrections are heard.

    The model knows nothing of them: what they mean hangs on what is open, which it does not see.
    """
    if (parsed.get("signs") or {}).get("refusal") == "stop":
        return parsed
    cues = load_book().repairs
    repair = repair_of(cues, text, facts)
    if repair is not None and repair != "misread":
        return _as(parsed, repair)
    if repair == "misread" or unreadable(cues, text, facts):
        return _as(parsed, UNREADABLE, clarity="unknown")
    correction = correction_of(cues, text) if facts.turn_count else None
    if correction is None:
        return parsed
    right = await parse(correction.right)
    right["text"] = text
    wrong = await parse(correction.wrong) if correction.wrong else None
    return _corrected(right, wrong, correction, facts) or parsed


def _corrected(
    right: dict[str, Any],
    wrong: dict[str, Any] | None,
    correction: Correction,
    facts: ConversationFacts,
) -> dict[str, Any] | None:
    """Return what the customer means instead: an objection, a product, a call-back's data."""
    said = correction.right
    is_noted = any(promise.kind == CALL_BACK for promise in facts.promises)
    is_call_back = is_noted or CALL_BACK_FORM in facts.last_steps
    names = {entity["entity"] for entity in right.get("entities") or []}
    if is_call_back and (find_phone(said) or "date" in names):
        return _as(right, "correct_call_back" if is_noted else "inform")
    if _intent_of(right).startswith(PREFIX):
        kind = _kind_taken_back(right, wrong, facts, is_slip=correction.is_slip)
        return {**right, "takes_back": kind}
    found = [each for each in right.get("entities") or [] if each["entity"] == PRODUCT_ENTITY]
    if not found:
        return None
    return _as(right, "correct") if _is_bare_name(right, said) else right


def _kind_taken_back(
    right: dict[str, Any],
    wrong: dict[str, Any] | None,
    facts: ConversationFacts,
    *,
    is_slip: bool,
) -> str:
    """Return the kind of the open objection that was not meant, '' when none was taken back.

    'Not the quality, the price' in answer to a probe takes nothing back; 'I said it wrongly' does.
    """
    alive = {entry.kind for entry in facts.ledger if entry.state in ALIVE}
    named = _intent_of(wrong or {})[len(PREFIX) :]
    newest = current(facts.ledger)
    kind = named if named in alive else newest.kind if newest is not None and is_slip else ""
    return "" if f"{PREFIX}{kind}" == _intent_of(right) else kind


def _intent_of(parse: dict[str, Any]) -> str:
    return str((parse.get("intent") or {}).get("name") or "")


def _as(parse: dict[str, Any], intent: str, *, clarity: str = "clear") -> dict[str, Any]:
    meant = {"name": intent, "confidence": 1.0}
    ranking = [] if clarity == "unknown" else [dict(meant)]
    return {**parse, "intent": meant, "intent_ranking": ranking, "clarity": clarity}


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
