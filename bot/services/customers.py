"""Customers: recognised when they come, written by staff and programs, shown as a card.

A visitor's token leads to an anonymous customer only: once somebody has logged in, their record
opens by the login alone, for a browser may have many users. A number typed in a chat proves
nothing: it makes a suggestion for staff, never an identity.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from bot.crm.cases import CaseFilter
from bot.crm.customers import TalkSummary
from bot.crm.records import (
    CaseRecord,
    CustomerRecord,
    GradeRecord,
    IdentityRecord,
    OrderRecord,
    TaskRecord,
)
from bot.crm.tasks import TaskFilter
from bot.crm.unit_of_work import UnitOfWork
from bot.dialogue.style import Style, style_of
from bot.dialogue.value import advice_for
from bot.errors import UsageError
from bot.knowledge.customer_rules import load_customer_rules
from bot.language.normalise import find_phone
from bot.services.written import Written, differing, given

VISITOR, LOGIN, PHONE = "visitor", "login", "phone"
CARD_ROWS = 5
WARNINGS = "warnings"  # under this name the evidence of a grade keeps ids of warnings
STYLE_MESSAGES = 50
Grade = Literal["vip", "important", "ordinary", "small"]
Need = Literal["power", "achievement", "recognition", "cooperation", "security", "order"]
Contact = Literal["phone", "wechat", "sms", "email", "web"]
Birthday = Annotated[str, Meta(pattern=r"^(\d{4}-)?\d{2}-\d{2}$")]


class CustomerChange(Struct, frozen=True, forbid_unknown_fields=True):
    """What a caller may set; what is left out stays. Setting `grade` pins it, None unpins it."""

    name: Annotated[str, Meta(max_length=80)] | UnsetType = UNSET
    grade: Grade | None | UnsetType = UNSET
    style: Style | None | UnsetType = UNSET
    needs: list[Need] | None | UnsetType = UNSET
    credit: Literal["A", "B", "C", "D"] | None | UnsetType = UNSET
    preferred_contact: Contact | None | UnsetType = UNSET
    do_not_contact: bool | UnsetType = UNSET
    city: Annotated[str, Meta(max_length=60)] | None | UnsetType = UNSET
    work: Annotated[str, Meta(max_length=120)] | None | UnsetType = UNSET
    household_size: Annotated[int, Meta(ge=1, le=99)] | None | UnsetType = UNSET
    payday: Annotated[int, Meta(ge=1, le=31)] | None | UnsetType = UNSET
    birthday: Birthday | None | UnsetType = UNSET
    note: Annotated[str, Meta(max_length=2000)] | None | UnsetType = UNSET


Identity = tuple[Literal["login", "phone"], str]


@dataclass(frozen=True)
class CustomerCard:
    """What staff see of a customer at a glance.

    Attributes:
        estimated_style: read off their own words, when nobody has set one.
        may_be: customers who are known by a number that this one has typed.
        strategy, warnings: how a customer of this grade is served, and why to look twice: big is
            not always good (D-CUS-1).
    """

    customer: CustomerRecord
    identities: list[IdentityRecord]
    grades: list[GradeRecord]
    orders: list[OrderRecord]
    cases: list[CaseRecord]
    tasks: list[TaskRecord]
    talks: list[TalkSummary]
    estimated_style: Style | None
    may_be: list[int]
    strategy: str
    warnings: tuple[str, ...]


def recognise_visitor(uow: UnitOfWork, token_hash: str, channel: str, now: datetime) -> int:
    """Return whose a visitor's token is; a new customer if it is nobody's."""
    known = uow.customers.find(VISITOR, token_hash)
    if known is not None:
        return known
    customer_id = uow.customers.add(channel, now)
    uow.customers.identify(customer_id, VISITOR, token_hash, now)
    return customer_id


def recognise_login(
    uow: UnitOfWork, conversation_id: str, subject: str, name: str, now: datetime
) -> None:
    """Bind a conversation to the customer who has logged in, with what they did as a visitor."""
    current = uow.conversations.get(conversation_id).customer_id
    known = uow.customers.find(LOGIN, subject)
    is_anonymous = current is not None and all(
        each.kind == VISITOR for each in uow.customers.identities(current)
    )
    if known is None:
        known = current if is_anonymous else uow.customers.add("web", now)
        assert known is not None
        uow.customers.identify(known, LOGIN, subject, now)
    elif is_anonymous and current is not None and current != known:
        uow.customers.absorb(known, current)
    if is_anonymous:
        _forget_visitors(uow, known)
    if name and not uow.customers.get(known).name:
        uow.customers.change(known, {"name": name}, now)
    uow.conversations.update_fields(conversation_id, customer_id=known)


def _forget_visitors(uow: UnitOfWork, customer_id: int) -> None:
    for each in uow.customers.identities(customer_id):
        if each.kind == VISITOR:
            uow.customers.forget_identity(customer_id, VISITOR, each.value)


def put_customer(
    uow: UnitOfWork,
    keys: list[Identity],
    change: CustomerChange,
    *,
    actor: str,
    source: str,
    now: datetime,
) -> Written:
    """Write the customer who is known by these identities; a new one if nobody is.

    Args:
        actor: a person's code, `cli` or `server`.
        source: where a new one came from.

    Raises:
        UsageError: no identity, a bad one, or identities of two customers.
    """
    keys = [(kind, clean_identity(kind, value)) for kind, value in keys]
    if not keys:
        raise UsageError("phone: a customer needs a phone number or a login")
    known = {key: uow.customers.find(*key) for key in keys}
    unknown = [key for key, customer_id in known.items() if customer_id is None]
    found = {customer_id for customer_id in known.values() if customer_id is not None}
    if len(found) > 1:
        raise UsageError(f"phone: login and phone belong to two customers, {sorted(found)}")
    if found:
        customer_id = found.pop()
        added = _add_identities(uow, customer_id, unknown, now)
        written = change_customer(uow, customer_id, change, actor=actor, now=now)
        fields = (*added, *written.fields)
        return Written(customer_id, "changed" if fields else "unchanged", fields)
    values = _columns(change, now)
    customer_id = uow.customers.add(source, now, **values)
    _add_identities(uow, customer_id, unknown, now)
    _note_pinned(uow, customer_id, values, actor, now)
    uow.audit.append(actor, "customer.added", ("customer", customer_id), values, now)
    return Written(customer_id, "new", tuple(values))


def change_customer(
    uow: UnitOfWork,
    customer_id: int,
    change: CustomerChange,
    *,
    actor: str,
    now: datetime,
    expected: int | None = None,
) -> Written:
    """Set what the change gives; nothing is written when all is so already.

    Raises:
        NotFoundError, VersionConflictError: no such customer, or not as the caller has seen it.
    """
    row = uow.customers.get(customer_id)
    values = _columns(change, now)
    if "contact_refused_at" in values and values["contact_refused_at"] and row.contact_refused_at:
        del values["contact_refused_at"]
    values = differing(values, row)
    if not values:
        if expected is not None and expected != row.version:
            uow.customers.change(customer_id, {}, now, expected)
        return Written(customer_id, "unchanged")
    uow.customers.change(customer_id, values, now, expected)
    _note_pinned(uow, customer_id, values, actor, now)
    uow.audit.append(actor, "customer.changed", ("customer", customer_id), values, now)
    return Written(customer_id, "changed", tuple(values))


def _columns(change: CustomerChange, now: datetime) -> dict[str, Any]:
    values = given(change)
    if "do_not_contact" in values:
        values["contact_refused_at"] = now if values.pop("do_not_contact") else None
    if "grade" in values:
        values["grade_is_pinned"] = values["grade"] is not None
    if values.get("birthday"):
        _check_birthday(values["birthday"])
    return values


def _check_birthday(text: str) -> None:
    try:
        date.fromisoformat(text if len(text) > 5 else f"2000-{text}")
    except ValueError as error:
        raise UsageError(f"birthday: {text!r} is no day of the calendar") from error


def _note_pinned(
    uow: UnitOfWork, customer_id: int, values: dict[str, Any], actor: str, now: datetime
) -> None:
    if values.get("grade"):
        row = uow.customers.get(customer_id)
        uow.customers.add_grade(
            customer_id,
            rule="pinned",
            evidence={},
            actor=actor,
            now=now,
            grade=row.grade,
            buys_now=row.buys_now,
            could_buy=row.could_buy,
        )


def _add_identities(
    uow: UnitOfWork, customer_id: int, keys: list[Identity], now: datetime
) -> tuple[str, ...]:
    for kind, value in keys:
        uow.customers.identify(customer_id, kind, value, now)
    return tuple(kind for kind, _ in keys)


def clean_identity(kind: str, value: str) -> str:
    """Return an identity as it is stored: a phone number as digits, a login as it is.

    Raises:
        UsageError: not a number, an empty or too long login, or another kind.
    """
    text = value.strip()
    if kind == PHONE:
        phone = find_phone(text)
        if phone is None:
            raise UsageError(f"phone: {text!r} is not a phone number")
        return phone
    if kind != LOGIN or not 0 < len(text) <= 128:
        raise UsageError("login: the shop's id of a customer has 1 to 128 characters")
    return text


def merge_customers(uow: UnitOfWork, kept: int, gone: int, actor: str, now: datetime) -> None:
    """Make two records of one person into one; what `kept` lacks is taken from `gone`.

    Raises:
        NotFoundError: one of them is not there. UsageError: both are the same.
    """
    if kept == gone:
        raise UsageError("a customer cannot be merged with itself")
    into, other = uow.customers.get(kept), uow.customers.get(gone)
    names = (*CustomerChange.__struct_fields__, "contact_refused_at")
    missing = {
        name: getattr(other, name)
        for name in names
        if name not in ("do_not_contact", "grade") and not getattr(into, name)
    }
    uow.customers.absorb(kept, gone)
    uow.customers.change(kept, {name: value for name, value in missing.items() if value}, now)
    uow.audit.append(actor, "customer.merged", ("customer", kept), {"gone": gone}, now)
    uow.audit.append(actor, "customer.merged_away", ("customer", gone), {"kept": kept}, now)


def read_card(uow: UnitOfWork, customer_id: int) -> CustomerCard:
    """Return a customer's card.

    Raises:
        NotFoundError: there is no such customer.
    """
    customer = uow.customers.get(customer_id)
    open_cases = CaseFilter(customer_id=customer_id, is_open=True)
    open_tasks = TaskFilter(customer_id=customer_id, state="open")
    tasks = uow.tasks.page(open_tasks, limit=CARD_ROWS).items
    typed = {task.contact for task in tasks if task.contact}
    may_be = {uow.customers.find(PHONE, phone) for phone in typed} - {None, customer_id}
    grades = uow.customers.grades(customer_id, CARD_ROWS)
    warned = grades[0].evidence.get(WARNINGS, []) if grades else []
    strategy, warnings = advice_for(load_customer_rules(), customer.grade, warned)
    return CustomerCard(
        customer=customer,
        identities=uow.customers.identities(customer_id),
        grades=grades,
        orders=uow.orders.of_customer(customer_id, CARD_ROWS),
        cases=uow.cases.page(open_cases, limit=CARD_ROWS).items,
        tasks=tasks,
        talks=uow.customers.talks(customer_id, CARD_ROWS),
        estimated_style=style_of(uow.messages.style_cues(customer_id, STYLE_MESSAGES)),
        may_be=sorted(each for each in may_be if each is not None),
        strategy=strategy,
        warnings=warnings,
    )


def is_key_customer(customer: CustomerRecord) -> bool:
    """Tell whether a customer is a key one (D-CUS-1): the only thing of a grade that a turn hears.

    It bears on how a need is asked for, never on money (D-SEL-4, design decision 9).
    """
    rules = load_customer_rules().value.grades
    return any(rule.id == customer.grade and rule.strategy == "key" for rule in rules)
