"""Loading a turn, and T2: everything of a turn in one transaction, or nothing.

What is allowed is checked here, whatever the engine says: owner and version, messages covered
once, no selling while a complaint is open (design decision 8).
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import msgspec
import structlog

from bot.clock import shop_day
from bot.crm.records import MessageRecord, TalkHead
from bot.crm.unit_of_work import UnitOfWork
from bot.dialogue import turn as t
from bot.dialogue.needs import budget_in
from bot.dialogue.wording import choose_reply
from bot.errors import EngineError, StaleTurnError
from bot.killpoints import reach
from bot.knowledge.book import Book, load_book
from bot.knowledge.technique_rules import load_learning
from bot.services.case_facts import earlier_cases, view_of
from bot.services.commands import apply_command
from bot.services.conversations import find_option
from bot.services.customers import is_key_customer
from bot.services.events import event_of
from bot.services.granted import granted_today
from bot.services.promises import BOT
from bot.services.said_promises import is_covered, note_promises
from bot.services.techniques import first_quarter

log = structlog.get_logger(__name__)

PRESENCE = timedelta(minutes=5)
LEDGER_LIMIT = 20  # what a turn is told of a long talk
MESSAGES_HEARD = 20
WORDINGS_LIMIT = 60
ORDERS_TOLD = 5
GOODBYE = "utter_goodbye"
COMPLAINT = "complaint_"


@dataclass(frozen=True)
class LoadedTurn:
    """A turn to compute, with what the runner must know about its messages."""

    request: t.TurnRequest
    attempts: int
    oldest_at: datetime
    is_venting: bool
    has_more: bool


def load_turn(uow: UnitOfWork, conversation_id: str, now: datetime) -> LoadedTurn | None:
    """Read everything the next turn needs, in one view of the database.

    Returns:
        None when the bot does not own the conversation or nothing is pending.
    """
    head = uow.conversations.head(conversation_id, now - PRESENCE)
    if head.conversation.owner != "bot":
        return None
    pending = uow.messages.pending(conversation_id)
    covered = _messages_of_next_turn(pending)
    if not covered:
        return None
    facts = facts_of(uow, head, now)
    request = t.TurnRequest(
        conversation_id=conversation_id,
        version=head.conversation.version,
        now=now,
        messages=tuple(_inbound(uow, message) for message in covered),
        facts=facts,
        snapshot=head.conversation.snapshot,
    )
    return LoadedTurn(
        request=request,
        attempts=max(message.attempts for message in covered),
        oldest_at=covered[0].created_at,
        is_venting=facts.open_case is not None and facts.open_case.stage == "receipt",
        has_more=len(covered) < len(pending),
    )


def facts_of(uow: UnitOfWork, head: TalkHead, now: datetime) -> t.ConversationFacts:
    """Read what only the database knows about a conversation."""
    record = head.conversation
    customer = uow.customers.get(record.customer_id) if record.customer_id else None
    last = uow.messages.last_said(record.id) if record.turn_count else []
    heard = uow.messages.heard(record.id, MESSAGES_HEARD)
    open_case = _open_case(uow, record.id) if head.has_open_case else None
    return t.ConversationFacts(
        conversation_id=record.id,
        owner=record.owner,
        ledger=uow.turns.ledger(record.id, LEDGER_LIMIT) if head.has_objections else (),
        open_case=open_case,
        product_id=record.product_id,
        used_wordings=uow.messages.used_wordings(record.id, WORDINGS_LIMIT),
        missed_last_turn="action_clarify" in head.last_steps,
        staff_present=head.staff_present,
        queue_position=head.queue_length + 1,
        contact_refused=record.contact_refused,
        last_technique=head.last_technique,
        conceded=uow.concessions.of_conversation(record.id) if head.has_objections else (),
        conceded_today_fen=(
            granted_today(uow, record.id, record.customer_id, now)
            if head.has_objections or head.has_open_case
            else {}
        ),
        technique_counts=uow.techniques.counts(first_quarter(load_learning(), now)),
        technique_settings=uow.techniques.settings(),
        style=customer.style if customer else None,
        style_cues=tuple(cue for _, each in heard for cue in each.get("style_cues", [])),
        turn_count=record.turn_count,
        has_ended=record.ended_at is not None,
        promises=tuple(
            t.PromiseView(each.kind, each.about, each.due_at)
            for each in (uow.promises.open_of(record.id) if head.has_open_promises else ())
        ),
        last_steps=head.last_steps,
        last_replies=tuple(_said(each) for each in last),
        last_said_at=last[-1].created_at if last else None,
        told=tuple(text for text, each in heard if not each["intent"].startswith(COMPLAINT)),
        budget_fen=next((fen for _, each in heard if (fen := budget_in(each["entities"]))), None),
        asks_by_spin=customer is not None and is_key_customer(customer),
        is_returning=customer is not None and customer.created_at < record.created_at,
        related_offered=head.related_offered,
        orders=_orders(uow, customer.id) if customer else (),
        earlier_cases=earlier_cases(uow, customer.id, open_case, now) if customer else (),
    )


def _open_case(uow: UnitOfWork, conversation_id: str) -> t.CaseView | None:
    case = uow.cases.open_case_of(conversation_id)
    return None if case is None else view_of(uow, case)


def _orders(uow: UnitOfWork, customer_id: int) -> tuple[t.OrderView, ...]:
    return tuple(
        t.OrderView(
            number=each.number,
            state=each.state,
            placed_on=shop_day(each.placed_at),
            delivered_on=shop_day(each.delivered_at) if each.delivered_at else None,
            product_ids=tuple(line.product_id for line in each.lines),
            product_names=tuple(line.product_name for line in each.lines),
        )
        for each in uow.orders.of_customer(customer_id, ORDERS_TOLD)
    )


def _said(message: MessageRecord) -> t.Said:
    return t.Said(
        wording=message.wording or "",
        text=message.text,
        labels=tuple(option.label for option in message.options),
    )


def _messages_of_next_turn(pending: list[MessageRecord]) -> list[MessageRecord]:
    """Choose what one turn covers: a retried message alone, a button press alone, else all."""
    tried = [message for message in pending if message.attempts]
    if tried:
        pending = tried
    for index, message in enumerate(pending):
        if message.option_id:
            return pending[: max(index, 1)]
    return pending


def _inbound(uow: UnitOfWork, message: MessageRecord) -> t.InboundMessage:
    meaning = None
    if message.option_id:
        option = find_option(uow, message.conversation_id, message.option_id)
        meaning = option.meaning if option else None
    elif not message.text:  # a picture without a word is a notice of facts
        meaning = t.OptionMeaning(intent="inform")
    return t.InboundMessage(
        message_id=message.id,
        seq=message.seq,
        text=message.text,
        received_at=message.created_at,
        meaning=meaning,
    )


def count_attempt(uow: UnitOfWork, request: t.TurnRequest) -> None:
    """Raise the attempt counter before the engine is asked (a transaction of its own)."""
    uow.messages.count_attempt([message.message_id for message in request.messages])
    reach("attempt_before_commit")


def apply_result(
    uow: UnitOfWork, request: t.TurnRequest, result: t.TurnResult, now: datetime
) -> list[dict[str, Any]]:
    """T2: apply a whole turn and return the events to push.

    Raises:
        StaleTurnError: the conversation moved on; nothing is written.
        EngineError: the result does not fit its request, or is not allowed.
    """
    _check_fits(request, result)
    _check_allowed(request, result)
    _check_case(uow, request, result)
    turn_id, first_seq = _begin_turn(
        uow, request, now, kind="bot", result=result, replies=len(result.replies)
    )
    analyses = {analysis.message_id: analysis for analysis in result.analyses}
    for message in request.messages:
        analysis = analyses.get(message.message_id)
        uow.messages.cover(
            message.message_id,
            state="done",
            turn_id=turn_id,
            analysis=msgspec.to_builtins(analysis) if analysis else None,
        )
    for command in result.commands:
        apply_command(uow, command, request.conversation_id, turn_id, now)
    events, reply_ids = _store_replies(uow, request, (turn_id, first_seq), result.replies, now)
    _note_said(uow, request, result, (turn_id, reply_ids), now)
    reach("t2_before_commit")
    return events


def receipt_of(request: t.TurnRequest, state: str) -> dict[str, Any]:
    """Return the frame that tells what became of a turn's messages (docs/protocol.md)."""
    return {
        "type": "receipt",
        "first": request.messages[0].seq,
        "last": request.messages[-1].seq,
        "state": state,
    }


def changes_standing(request: t.TurnRequest, result: t.TurnResult) -> bool:
    """Tell whether owner, case or survey are not what they were before the turn."""
    telling = (t.HandOver, t.OpenCase, t.AddToCase, t.MoveCase)
    has_news = any(isinstance(command, telling) for command in result.commands)
    return has_news or request.facts.has_ended or _ended_at(result, request.now) is not None


def apply_failure(
    uow: UnitOfWork, request: t.TurnRequest, book: Book, *, response: str, now: datetime
) -> list[dict[str, Any]]:
    """T2 for a turn that cannot be answered: tell the customer, put it in the queue.

    Args:
        response: `utter_turn_failed` or `utter_message_stale`.

    Raises:
        StaleTurnError: the conversation moved on; nothing is written.
    """
    turn_id, first_seq = _begin_turn(uow, request, now, kind="failed", result=None, replies=1)
    for message in request.messages:
        uow.messages.cover(message.message_id, state="failed", turn_id=turn_id, analysis=None)
    apply_command(uow, t.HandOver(reason=response), request.conversation_id, turn_id, now)
    seed = random.Random(request.messages[0].message_id)
    reply = choose_reply(book, response, {}, request.facts.used_wordings, seed)
    events, _ = _store_replies(uow, request, (turn_id, first_seq), (reply,), now)
    reach("t2_before_commit")
    return events


def _begin_turn(
    uow: UnitOfWork,
    request: t.TurnRequest,
    now: datetime,
    *,
    kind: str,
    result: t.TurnResult | None,
    replies: int,
) -> tuple[int, int]:
    """Take the version; return the turn's id and the `seq` of its first reply."""
    number = request.facts.turn_count + 1
    values: dict[str, Any] = {"turn_count": number, "ended_at": _ended_at(result, now)}
    if result is not None:
        values["snapshot"] = result.snapshot
    first_seq = uow.conversations.take_version(
        request.conversation_id, request.version, "bot", now, reserve=replies, **values
    )
    if first_seq is None:
        raise StaleTurnError("the conversation moved on while its turn was computed")
    turn_id = uow.turns.add(
        request.conversation_id,
        number=number,
        kind=kind,
        seqs=(request.messages[0].seq, request.messages[-1].seq),
        steps=[msgspec.to_builtins(step) for step in result.steps] if result else [],
        reasons=list(result.reasons) if result else [],
        model_id=result.model_id if result else "",
        now=now,
    )
    return turn_id, first_seq


def _ended_at(result: t.TurnResult | None, now: datetime) -> datetime | None:
    """A talk ends with a good-bye, and goes on with whatever is said after it."""
    said_goodbye = result and any(reply.response == GOODBYE for reply in result.replies)
    return now if said_goodbye else None


def _check_fits(request: t.TurnRequest, result: t.TurnResult) -> None:
    expected = (
        request.conversation_id,
        request.version,
        tuple(message.message_id for message in request.messages),
    )
    if (result.conversation_id, result.version, result.message_ids) != expected:
        raise EngineError("the engine answered another turn than it was asked for")


def _check_allowed(request: t.TurnRequest, result: t.TurnResult) -> None:
    has_case = request.facts.open_case is not None or any(
        isinstance(command, t.OpenCase) for command in result.commands
    )
    if has_case and any(isinstance(command, t.RecordTechnique) for command in result.commands):
        raise EngineError("nothing is sold while a complaint is open (design decision 8)")


def _check_case(uow: UnitOfWork, request: t.TurnRequest, result: t.TurnResult) -> None:
    """Throw a turn away that moves a case which somebody has changed since it was loaded."""
    seen = request.facts.open_case
    if seen is None or not any(isinstance(each, t.MoveCase) for each in result.commands):
        return
    if uow.cases.find(seen.number).version != seen.version:
        raise StaleTurnError("the case was changed while the turn was computed")


def _store_replies(
    uow: UnitOfWork,
    request: t.TurnRequest,
    place: tuple[int, int],
    replies: tuple[t.Reply, ...],
    now: datetime,
) -> tuple[list[dict[str, Any]], list[int]]:
    """Store what the bot says; return the events to push and the messages' ids."""
    conversation_id = request.conversation_id
    turn_id, first_seq = place
    events = []
    rows: list[dict[str, Any]] = [
        {
            "sender": "bot",
            "text": reply.text,
            "state": "sent",
            "reply_to_turn_id": turn_id,
            "ordinal": ordinal,
            "response": reply.response,
            "wording": reply.wording,
            **_extras_of(reply),
        }
        for ordinal, reply in enumerate(replies)
    ]
    stored = uow.messages.insert_from(conversation_id, first_seq, rows, now)
    for message, reply in zip(stored, replies, strict=True):
        offered = []
        for index, option in enumerate(reply.options):
            unique = msgspec.structs.replace(option, option_id=f"{message.id}-{index}")
            uow.messages.offer_option(conversation_id, message.id, unique)
            offered.append(unique)
        events.append(event_of(replace(message, options=tuple(offered))))
    return events, [message.id for message in stored]


def _note_said(
    uow: UnitOfWork,
    request: t.TurnRequest,
    result: t.TurnResult,
    place: tuple[int, list[int]],
    now: datetime,
) -> None:
    """Write down what a reply promises and no step of the turn did: a slip of the wording."""
    turn_id, reply_ids = place
    for each in result.promises:
        if is_covered(each, result.commands):
            continue
        case = uow.cases.open_case_of(request.conversation_id)
        noted = note_promises(
            uow,
            load_book().promises,
            uow.conversations.get(request.conversation_id),
            [each],
            now,
            made_by=BOT,
            owner=case.owner if case is not None else "agent",
            message_id=reply_ids[each.reply],
            turn_id=turn_id,
        )
        if noted:
            log.warning("turn.unmade_promise", wording=result.replies[each.reply].wording)


def _extras_of(reply: t.Reply) -> dict[str, Any]:
    """Return what a page shows beside the text, as the message's row keeps it."""
    extras: dict[str, Any] = {}
    if reply.card is not None:
        extras["card"] = msgspec.to_builtins(reply.card)
    if reply.asks_personal:
        extras["privacy"] = True
    return {"extras": extras} if extras else {}
