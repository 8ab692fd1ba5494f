"""The one friendly question to who falls silent although something is wrong (D-CMP-10, D-CMP-13).

Whether one is due, the rules say (`bot.dialogue.asking_after`). It is said in the talk itself, in
one transaction that takes the conversation's version: whoever dies, whoever else asks, it is said
once. What the customer answers is heard as anything they say; a case that comes of it has the
channel `survey`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from functools import partial
from typing import Any, Final

import structlog

from bot.crm.cases import CaseFilter
from bot.crm.database import Database
from bot.crm.records import ConversationRecord, MessageRecord
from bot.crm.unit_of_work import UnitOfWork
from bot.dialogue.asking_after import (
    DEFECT,
    Heard,
    KnownCase,
    Question,
    QuietTalk,
    question_for,
)
from bot.dialogue.business_time import before
from bot.errors import StorageUnavailableError
from bot.knowledge.asking_rules import AskingRules, load_asking_rules
from bot.knowledge.book import Book
from bot.services.announce import announce
from bot.services.ports import Notifier
from bot.services.shop import read_shop

log = structlog.get_logger(__name__)

BOT: Final = "bot"


async def ask_silent(
    database: Database, now: datetime, *, book: Book, notifier: Notifier
) -> AsyncIterator[None]:
    """Ask everybody who has fallen silent and is to be asked; yields in between."""
    for conversation_id in await database.read_async(partial(_due, now=now)):
        ask = partial(_ask, book=book, conversation_id=conversation_id, now=now)
        try:
            event = await database.write_async(ask)
        except StorageUnavailableError:
            raise
        except Exception:  # one talk's failure is nobody else's; a minute later it is tried again
            log.exception("silence.failed", conversation=conversation_id)
            continue
        if event is not None:
            await notifier.publish(conversation_id, [event])
        yield


def was_asked_after(uow: UnitOfWork, conversation_id: str) -> bool:
    """Tell whether the one question was put in a conversation, whoever put it."""
    return uow.messages.was_any_said(conversation_id, load_asking_rules().questions)


def may_be_asked(uow: UnitOfWork, record: ConversationRecord) -> bool:
    """Tell whether who rates low may be asked why: once, not beside a person or an open case."""
    is_theirs = record.owner == BOT and uow.cases.open_case_of(record.id) is None
    return is_theirs and not is_refused(uow, record) and not was_asked_after(uow, record.id)


def is_refused(uow: UnitOfWork, record: ConversationRecord) -> bool:
    """Tell whether the customer wants no contact, as this talk or their card says."""
    customer = uow.customers.get(record.customer_id) if record.customer_id else None
    return record.contact_refused or (customer is not None and bool(customer.contact_refused_at))


def _due(uow: UnitOfWork, now: datetime) -> list[str]:
    """Return the conversations in which the question is due."""
    rules, hours = load_asking_rules(), read_shop(uow).hours
    since = before(hours, now, rules.too_late_minutes)
    if since is None or not hours.is_open(now):
        return []
    found = uow.messages.telling(
        since, reactions=rules.reactions, intents=rules.intents, unless_said=rules.questions
    )
    return [each for each in found if _question(uow, uow.conversations.get(each), now)]


def _ask(uow: UnitOfWork, book: Book, conversation_id: str, now: datetime) -> dict[str, Any] | None:
    """Put the question if it is still due; who has spoken meanwhile is not asked."""
    record = uow.conversations.get(conversation_id)
    question = _question(uow, record, now)
    if question is None:
        return None
    if uow.conversations.take_version(record.id, record.version, BOT, now) is None:
        return None  # the talk moves on, or another server was quicker
    case = uow.cases.open_case_of(record.id)
    facts = {"case_number": case.number} if case is not None else {}
    return announce(uow, book, record, question.response, facts, now, sender=BOT)


def _question(uow: UnitOfWork, record: ConversationRecord, now: datetime) -> Question | None:
    rules = load_asking_rules()
    return question_for(rules, read_shop(uow).hours, _talk_of(uow, record, rules), now)


def _talk_of(uow: UnitOfWork, record: ConversationRecord, rules: AskingRules) -> QuietTalk:
    of_talk = uow.cases.of_conversation(record.id)
    cases = [uow.cases.leading(each) for each in of_talk]
    known = {each.id for each in (*of_talk, *cases)}
    understood = uow.messages.understood(record.id, rules.looks_back)
    return QuietTalk(
        heard=[_heard(each) for each in understood],
        is_with_bot=record.owner == BOT and _is_last_word(uow, record.id, understood),
        contact_refused=is_refused(uow, record),
        was_asked=was_asked_after(uow, record.id),
        cases=[
            KnownCase(each.opened_at, each.stage, each.first_answered_at is not None)
            for each in cases
        ],
        has_case_elsewhere=_has_open_case_but(uow, record.customer_id, known),
    )


def _is_last_word(uow: UnitOfWork, talk: str, understood: list[MessageRecord]) -> bool:
    """Tell whether only the bot has spoken since: nothing waits, and no person took it up."""
    since = understood[-1].seq if understood else 0
    return all(each.sender in (BOT, "system") for each in uow.messages.events_after(talk, since))


def _heard(message: MessageRecord) -> Heard:
    analysis = message.analysis or {}
    return Heard(
        at=message.created_at,
        intent=analysis["intent"],
        reaction=analysis.get("reaction"),
        names_defect=any(each["entity"] == DEFECT for each in analysis.get("entities", ())),
    )


def _has_open_case_but(uow: UnitOfWork, customer_id: int | None, known: set[int]) -> bool:
    if customer_id is None:
        return False
    wanted = CaseFilter(customer_id=customer_id, is_open=True)
    return any(each.id not in known for each in uow.cases.page(wanted).items)
