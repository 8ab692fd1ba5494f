"""Cases are opened: by a turn, or by staff who heard the complaint elsewhere (D-CMP-10)."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from bot.crm.records import CaseRecord
from bot.crm.unit_of_work import UnitOfWork
from bot.dialogue import turn as t
from bot.dialogue.case_clocks import Clocks
from bot.dialogue.case_numbers import case_number
from bot.dialogue.case_process import priority_of, severity_of
from bot.dialogue.complaint import is_graver
from bot.errors import NotAllowedError
from bot.knowledge.case_rules import Severity, load_case_process
from bot.services import case_bodies as bodies
from bot.services.case_alarms import note_gravity
from bot.services.case_events import CHANGED, OPENED, tell_case
from bot.services.case_facts import clocks_of, columns_of, timekeeper_of
from bot.services.case_moves import THREATS, URGENT_REACTION, Mover
from bot.services.case_trouble import has_many_small_ones, same_trouble_before
from bot.services.cases import SERVER, escalate_urgently, move_case
from bot.services.customers import PHONE, clean_identity
from bot.services.reception import hash_of

TEAM = "after_sales"
CUSTOMER = Mover("customer", "customer")


class NewCase(Struct, frozen=True, forbid_unknown_fields=True):
    """A complaint that somebody of the shop has heard: where, from whom, what was said.

    Attributes:
        text: in the customer's words.
        phone: the customer's number; who is not known by it is added.
    """

    channel: bodies.Channel
    text: bodies.Text
    causes: Annotated[list[bodies.CauseOf], Meta(max_length=7)] = []
    harm: dict[bodies.Harm, bodies.Degree] = {}
    severity: Severity | None = None
    reaction: bodies.Reaction | None = None
    outlets: dict[bodies.Outlet, Literal["threatened", "used"]] = {}
    dealer: Annotated[str, Meta(max_length=120)] | None = None
    product_id: Annotated[str, Meta(max_length=64)] | None = None
    wish: bodies.Text | None = None
    customer_id: Annotated[int, Meta(ge=1, le=2**31 - 1)] | None = None
    phone: Annotated[str, Meta(max_length=40)] | None = None
    owner: Annotated[str, Meta(min_length=1, max_length=80)] = TEAM


def open_case(
    uow: UnitOfWork,
    conversation_id: str,
    customer_id: int | None,
    command: t.OpenCase,
    *,
    by: Mover,
    now: datetime,
    owner: str = TEAM,
    **more: Any,
) -> CaseRecord:
    """Open a case with its clocks; the same trouble again follows the earlier case.

    The first answer is due when the customer was told that it is.

    Args:
        more: other columns.
    """
    keeper = timekeeper_of(uow, command.severity)
    clocks = Clocks(command.deadline_at, keeper.due_at("solution", now))
    case = uow.cases.open_case(
        conversation_id,
        customer_id,
        command,
        owner=owner,
        now=now,
        actor=by.actor,
        priority=priority_of(
            command.severity,
            is_crisis=command.crisis,
            is_angry=command.reaction == URGENT_REACTION,
            small_ones=has_many_small_ones(uow, customer_id, command.severity, now),
        ),
        watch_at=keeper.watch_at(clocks),
        **{
            "outlets": dict.fromkeys(command.outlets, "threatened"),
            "harm_degrees": command.harm_degrees,
            **columns_of(clocks),
            **more,
        },
    )
    tell_case(uow, OPENED, case, now)
    opened = follow_up(uow, _escalated(uow, case, command.escalated, now), now)
    note_gravity(uow, None, opened, now, message_id=command.source_message_id)
    return opened


def follow_up(uow: UnitOfWork, case: CaseRecord, now: datetime) -> CaseRecord:
    """Link a case to the newest earlier one of the same trouble."""
    if case.follows_id is not None:
        return case
    earlier = same_trouble_before(uow, case, case.product_id, case.causes, now)
    if earlier is None:
        return case
    return move_case(uow, case.number, "link", by=SERVER, now=now, body={"to": earlier.number})


def _escalated(uow: UnitOfWork, case: CaseRecord, is_urgent: bool, now: datetime) -> CaseRecord:
    """Tell a supervisor at once of bodily harm and of threats (D-CMP-4, 9)."""
    if not is_urgent or case.escalation_level:
        return case
    return escalate_urgently(uow, case, now)


def add_to_case(uow: UnitOfWork, command: t.AddToCase, now: datetime) -> CaseRecord:
    """Add what the customer has said; it ends a pause, and may make the case graver.

    Raises:
        NotFoundError: there is no such case.
    """
    case = uow.cases.find(command.number)
    severity = command.severity or case.severity
    keeper, clocks = timekeeper_of(uow, severity), clocks_of(case)
    if command.deadline_at is not None:
        clocks = clocks.answered_by(command.deadline_at)
    if is_graver(severity, case.severity):
        clocks = keeper.tighten(clocks, case.opened_at)
    clocks = keeper.resume(clocks, now) if clocks.paused_at is not None else clocks
    is_crisis = case.crisis or command.crisis
    is_angry = case.reaction == URGENT_REACTION
    lifted = priority_of(severity, is_crisis=is_crisis, is_angry=is_angry, small_ones=False)
    more = {
        **columns_of(clocks),
        "watch_at": keeper.watch_at(clocks),
        "priority": max(case.priority, lifted),
        "harm_degrees": {**case.harm_degrees, **command.harm_degrees},
        "outlets": {**dict.fromkeys(command.outlets, "threatened"), **case.outlets},
    }
    added = uow.cases.add_to_case(command, actor=CUSTOMER.actor, now=now, **more)
    tell_case(uow, CHANGED, added, now)
    is_urgent = added.is_grave and not case.is_grave
    grown = follow_up(uow, _escalated(uow, added, is_urgent, now), now)
    note_gravity(uow, case, grown, now, message_id=command.source_message_id)
    return grown


def enter_case(uow: UnitOfWork, new: NewCase, *, by: Mover, now: datetime) -> CaseRecord:
    """Open a case for a complaint that was heard elsewhere; it counts like any other (D-CMP-10).

    What was said is kept as a conversation of that channel, with one message.

    Raises:
        NotAllowedError: not for this role. NotFoundError: no such customer.
        UsageError: no phone number.
    """
    if by.role not in load_case_process().enters:
        raise NotAllowedError(f"enter: not for {by.role}")
    customer_id = _customer_of(uow, new, now)
    talk_id = secrets.token_hex(12)
    token_hash = hash_of(secrets.token_urlsafe(32))  # nobody has it: it is opened by nobody
    uow.conversations.create(talk_id, token_hash, new.channel, now, customer_id)
    message = uow.messages.add(talk_id, sender="customer", text=new.text, state="history", now=now)
    is_crisis = any(each in new.outlets for each in THREATS)
    degrees: dict[str, str] = dict(new.harm)  # type: ignore[arg-type]
    found = severity_of(degrees, is_crisis=is_crisis, is_angry=new.reaction == URGENT_REACTION)
    severity = new.severity if new.severity and is_graver(new.severity, found) else found
    command = t.OpenCase(
        source_message_id=message.id,
        number=case_number(message.id, now),
        causes=tuple(new.causes) or ("unknown",),
        severity=severity,
        deadline_at=timekeeper_of(uow, severity).due_at("first_answer", now),
        reaction=new.reaction,
        harm=tuple(name for name, degree in new.harm.items() if degree != "none"),
        crisis=is_crisis,
        escalated=severity == "bodily" or is_crisis,
        product_id=new.product_id,
    )
    more = {
        "channel": new.channel,
        "harm_degrees": degrees,
        "outlets": dict(new.outlets),
        "dealer": new.dealer,
        "wish": new.wish,
    }
    case = open_case(uow, talk_id, customer_id, command, by=by, now=now, owner=new.owner, **more)
    uow.audit.append(by.actor, "case.entered", ("case", case.id), {"channel": new.channel}, now)
    return case


def _customer_of(uow: UnitOfWork, new: NewCase, now: datetime) -> int | None:
    if new.customer_id is not None:
        return uow.customers.get(new.customer_id).id
    if new.phone is None:
        return None
    phone = clean_identity(PHONE, new.phone)
    known = uow.customers.find(PHONE, phone)
    if known is None:
        known = uow.customers.add(new.channel, now)
        uow.customers.identify(known, PHONE, phone, now)
    return known
