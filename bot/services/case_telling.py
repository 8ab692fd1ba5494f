"""The customer is told what was decided and what is offered, in their own talk (D-CMP-5).

A person who has the talk has said it; otherwise the assistant says it, once a `communicate`. A
complaint that staff heard elsewhere has no talk in which anything could be said.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from bot.clock import SHOP_TIME_ZONE
from bot.crm.records import CaseRecord
from bot.crm.unit_of_work import UnitOfWork
from bot.dialogue.guard import blocking, violations
from bot.errors import UsageError
from bot.knowledge.book import Book
from bot.knowledge.case_rules import load_case_process
from bot.services.announce import announce
from bot.services.shop_wording import describe, facts_said

RESPONSE = "utter_tell_decision"
WIDGET = "widget"
DECLINED = "decline"


def tell_decision(
    uow: UnitOfWork, book: Book, case: CaseRecord, now: datetime
) -> list[dict[str, Any]]:
    """Say decision and proposals in the customer's talk; return the events to push.

    Raises:
        UsageError: the guard lets what staff have written not be said.
    """
    record = uow.conversations.get(case.conversation_id)
    if case.channel != WIDGET or record.owner == "agent":
        return []
    text = _decision_text(uow, case)
    today = now.astimezone(SHOP_TIME_ZONE).date()
    blocked = blocking(violations(book, text, allowed=facts_said(uow, today)))
    if blocked:
        told = "; ".join(describe(each) for each in blocked)
        raise UsageError(f"not told: {told}. Decide or propose it in other words")
    recourse = [load_case_process().recourse[each] for each in case.recourse]
    facts = {
        "decision": case.decision or "",
        "decision_text": text,
        "recourse": book.language.list_separator.join(recourse),
    }
    return [announce(uow, book, record, RESPONSE, facts, now, sender="bot")]


def _decision_text(uow: UnitOfWork, case: CaseRecord) -> str:
    """Return what was decided, a line each: how it is solved and what is offered, else why."""
    if case.decision == DECLINED:
        return case.reason or ""
    offered = [row.text for row in uow.proposals.of_case(case.id) if row.state == "offered"]
    return "\n".join(filter(None, [case.how, *offered])) or case.reason or ""
