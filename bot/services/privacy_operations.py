"""What staff commands can ask about customers and the audit trail: a part of `operations`.

A customer is shown masked unless somebody asks to see more, which the audit trail keeps.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from msgspec import Struct

from bot.crm.customers import CustomerFilter
from bot.crm.masking import HIDDEN, mask_record
from bot.crm.pictures import PictureFolder
from bot.crm.unit_of_work import UnitOfWork
from bot.errors import NotFoundError, UsageError
from bot.language.normalise import find_phone
from bot.services.application import Application
from bot.services.customers import LOGIN, PHONE, CustomerCard, merge_customers, read_card
from bot.services.privacy import PrivacyDesk

ACTOR = "cli"
FOUND_ROWS = 20


class CustomerShow(Struct, frozen=True, forbid_unknown_fields=True):
    """Show a customer by number, phone or login."""

    id: int | None = None
    phone: str | None = None
    login: str | None = None
    is_revealed: bool = False


class CustomerFind(Struct, frozen=True, forbid_unknown_fields=True):
    """Find customers by phone, login or whole name."""

    text: str


class CustomerExport(Struct, frozen=True, forbid_unknown_fields=True):
    """Copy everything about a customer."""

    id: int


class CustomerErase(Struct, frozen=True, forbid_unknown_fields=True):
    """Empty everything about a customer."""

    id: int
    despite_open_cases: bool = False


class CustomerMerge(Struct, frozen=True, forbid_unknown_fields=True):
    """Make two records of one person into one."""

    kept: int
    gone: int


class AuditVerify(Struct, frozen=True, forbid_unknown_fields=True):
    """Check the chain of the audit trail."""


class AuditList(Struct, frozen=True, forbid_unknown_fields=True):
    """List entries, newest first; about `customer:17` only, if a subject is given."""

    subject: str | None = None
    before_id: int | None = None
    limit: int = 50


async def _show(app: Application, args: CustomerShow) -> Any:
    now = app.clock.now()

    def read(uow: UnitOfWork) -> tuple[int, CustomerCard]:
        customer_id = _named(uow, args)
        return customer_id, read_card(uow, customer_id)

    customer_id, card = await app.database.read_async(read)
    if args.is_revealed:
        subject = ("customer", customer_id)
        await app.database.write_async(
            lambda uow: uow.audit.append(ACTOR, "customer.revealed", subject, {}, now)
        )
        return asdict(card)
    return masked_card(card)


def _named(uow: UnitOfWork, args: CustomerShow) -> int:
    if args.id is not None:
        return args.id
    kind, value = (PHONE, args.phone) if args.phone else (LOGIN, args.login or "")
    found = uow.customers.find(kind, (find_phone(value) or value) if kind == PHONE else value)
    if found is None:
        raise NotFoundError(f"there is no customer with this {kind}")
    return found


def masked_card(card: CustomerCard) -> dict[str, Any]:
    """Return a card as plain values, masked by the labels of its columns (promise 23)."""
    tables = {
        "identities": "customer_identity",
        "grades": "customer_grade",
        "orders": "shop_order",
        "cases": "complaint_case",
        "tasks": "task",
        "talks": "conversation",
    }
    lists = {
        name: [mask_record(each, table) for each in getattr(card, name)]
        for name, table in tables.items()
    }
    return {
        "customer": mask_record(card.customer, "customer"),
        **lists,
        "estimated_style": HIDDEN if card.estimated_style else None,
        "may_be": card.may_be,
        "strategy": card.strategy,
        "warnings": [HIDDEN for _ in card.warnings],
    }


async def _find(app: Application, args: CustomerFind) -> Any:
    phone = find_phone(args.text)
    filters = [CustomerFilter(login=args.text), CustomerFilter(name=args.text)]
    if phone is not None:
        filters.append(CustomerFilter(phone=phone))

    def read(uow: UnitOfWork) -> list[dict[str, Any]]:
        pages = [uow.customers.page(each, limit=FOUND_ROWS) for each in filters]
        rows = {row.id: row for page in pages for row in page.items}
        return [mask_record(rows[each], "customer") for each in sorted(rows)]

    return await app.database.read_async(read)


def _desk(app: Application) -> PrivacyDesk:
    folder = PictureFolder(app.settings.var_dir / "pictures")
    return PrivacyDesk(app.database, folder, app.clock)


async def _export(app: Application, args: CustomerExport) -> Any:
    copy = await asyncio.to_thread(_desk(app).copy, args.id, ACTOR)
    archive = base64.b64encode(copy.archive).decode()
    return {"archive": archive, "receipt": asdict(copy.receipt)}


async def _erase(app: Application, args: CustomerErase) -> Any:
    erase = _desk(app).erase
    return await asyncio.to_thread(
        erase, args.id, ACTOR, despite_open_cases=args.despite_open_cases
    )


async def _merge(app: Application, args: CustomerMerge) -> Any:
    now = app.clock.now()
    await app.database.write_async(
        lambda uow: merge_customers(uow, args.kept, args.gone, ACTOR, now)
    )


async def _verify(app: Application, _: AuditVerify) -> Any:
    return await app.database.read_async(lambda uow: uow.audit.verify())


async def _list(app: Application, args: AuditList) -> Any:
    subject = None
    if args.subject is not None:
        kind, colon, subject_id = args.subject.partition(":")
        if not colon:
            raise UsageError(f"a subject is like customer:17, not {args.subject!r}")
        subject = (kind, subject_id)
    return await app.database.read_async(
        lambda uow: uow.audit.newest(subject, before_id=args.before_id, limit=args.limit)
    )


OPERATIONS: dict[str, tuple[type[Struct], Callable[[Application, Any], Awaitable[Any]]]] = {
    "customer.show": (CustomerShow, _show),
    "customer.find": (CustomerFind, _find),
    "customer.export": (CustomerExport, _export),
    "customer.erase": (CustomerErase, _erase),
    "customer.merge": (CustomerMerge, _merge),
    "audit.verify": (AuditVerify, _verify),
    "audit.list": (AuditList, _list),
}
