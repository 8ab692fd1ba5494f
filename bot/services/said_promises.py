"""Promises that staff and assistant make in so many words are written down, too (D-CUS-11).

The engine reads the words, for only it has spaCy; here they become rows of the ledger, each once.
If nothing can be read now, the text is sent nevertheless: a customer does not wait for the ledger.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

import structlog

from bot.clock import SHOP_TIME_ZONE
from bot.crm.records import ConversationRecord, PromiseRecord
from bot.crm.unit_of_work import UnitOfWork
from bot.dialogue import turn as t
from bot.dialogue.promises import OTHER, said_due, times_of
from bot.errors import EngineError
from bot.knowledge.opening_hours import OpeningHours
from bot.knowledge.promise_rules import PromiseRules
from bot.language.normalise import clean
from bot.services.ports import Engine
from bot.services.promises import store_promise
from bot.services.shop import read_shop
from bot.services.shop_wording import facts_said

log = structlog.get_logger(__name__)

READING_SECONDS = 3.0
MOST_CHARS = 2_000
ENDS = ".,;!"  # as a cleaned text has them


async def read_promises(engine: Engine, text: str, now: datetime) -> tuple[t.FoundPromise, ...]:
    """Return what a person's text promises; nothing where the engine cannot say."""
    if not text.strip() or not engine.is_ready():
        return ()
    request = t.TurnRequest("", 0, now, (), t.ConversationFacts(""), staff_text=text)
    try:
        result = await asyncio.wait_for(engine.turn(request, 1), READING_SECONDS)
    except (EngineError, asyncio.TimeoutError) as error:
        log.warning("promises.not_read", error=type(error).__name__)
        return ()
    return result.promises


def note_promises(
    uow: UnitOfWork,
    rules: PromiseRules,
    conversation: ConversationRecord,
    found: Sequence[t.FoundPromise],
    now: datetime,
    *,
    made_by: str,
    owner: str,
    message_id: int | None = None,
    turn_id: int | None = None,
) -> list[PromiseRecord]:
    """Write down what a text promises, unless it is owed in this conversation already.

    What the shop's own files say (policies, promotions, goods) is a fact and promises nothing new.

    Args:
        message_id: the text's message; None if it was not said in this conversation.
    """
    noted = []
    today = now.astimezone(SHOP_TIME_ZONE).date()
    facts = [clean(text, MOST_CHARS) for text in facts_said(uow, today)] if found else []
    for each in found:
        if any(each.words.rstrip(ENDS) in fact for fact in facts):
            continue
        kind = each.kind if each.kind in rules.kinds else OTHER
        hours = read_shop(uow).hours
        due_at = said_due(rules, each, hours, now)
        if due_at is None or _is_owed(uow, conversation.id, kind, each, due_at):
            continue
        command = _promise(rules, kind, each, owner, hours, due_at, now)
        made = store_promise(uow, command, conversation, now, made_by=made_by, turn_id=turn_id)
        values = {"message_id": message_id, "evidence": [each.start, each.end]}
        noted.append(uow.promises.change(made.id, values, now))
    return noted


def notices(rows: Sequence[PromiseRecord]) -> list[str]:
    """Return what whoever promised is told."""
    return [
        f"promise noted: {row.kind}, due {row.due_at.astimezone(SHOP_TIME_ZONE):%Y-%m-%d %H:%M} "
        f"({row.text!r}); if it is none: ./prelude promises withdraw {row.id} --why ..."
        for row in rows
    ]


def is_covered(each: t.FoundPromise, commands: Sequence[t.Command]) -> bool:
    """Tell whether a turn writes the promise of its reply down itself."""
    made = (t.MakePromise, t.CreateTask, t.CorrectTask)
    return any(isinstance(command, made) and command.kind == each.kind for command in commands)


def _is_owed(
    uow: UnitOfWork, conversation_id: str, kind: str, found: t.FoundPromise, due_at: datetime
) -> bool:
    """Tell whether it is promised already: the same kind, for the same day or for no day named."""
    day = due_at.astimezone(SHOP_TIME_ZONE).date()
    return any(
        row.kind == kind
        and (found.day is None or row.due_at.astimezone(SHOP_TIME_ZONE).date() == day)
        for row in uow.promises.open_of(conversation_id)
    )


def _promise(
    rules: PromiseRules,
    kind: str,
    found: t.FoundPromise,
    owner: str,
    hours: OpeningHours,
    due_at: datetime,
    now: datetime,
) -> t.MakePromise:
    return t.MakePromise(
        kind=kind,
        text=found.words,
        owner=owner,
        times=times_of(rules, kind, hours, due_at, now),
        task=t.CreateTask(kind=kind, contact="", due="", note=found.words, due_at=due_at),
    )
