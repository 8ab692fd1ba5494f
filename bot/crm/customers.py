"""Customers, by what they are known, and their grades."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, cast

from sqlalchemy import Column, Table, bindparam, delete, exists, func, select, update
from sqlalchemy.orm import Session

from bot.crm.audit import AuditRepository
from bot.crm.counts import count
from bot.crm.models import (
    Base,
    Conversation,
    Customer,
    CustomerGrade,
    CustomerIdentity,
    Satisfaction,
)
from bot.crm.records import CustomerRecord, GradeRecord, IdentityRecord, Page
from bot.crm.rows import change_row, page_of, record_of
from bot.errors import NotFoundError

_identity = cast(Table, CustomerIdentity.__table__)
_KNOWN_BY = select(_identity.c.customer_id).where(
    _identity.c.kind == bindparam("kind"), _identity.c.value == bindparam("value")
)


@dataclass(frozen=True)
class CustomerFilter:
    """Which customers a list shows; empty fields let all pass."""

    grade: str | None = None
    phone: str | None = None
    login: str | None = None
    name: str | None = None
    updated_since: datetime | None = None


@dataclass(frozen=True)
class TalkSummary:
    """A conversation as a customer's card shows it."""

    id: str
    owner: str
    created_at: datetime
    updated_at: datetime
    score: int | None


@lru_cache(maxsize=1)
def _columns_of_customers() -> tuple[Column[Any], ...]:
    """Return every column of every table that names a customer."""
    return tuple(
        column
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if any(key.column is Customer.__table__.c.id for key in column.foreign_keys)
    )


class CustomerRepository:
    """Reads and writes of one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, customer_id: int) -> CustomerRecord:
        """Return one customer.

        Raises:
            NotFoundError: there is none with this id.
        """
        row = self._session.get(Customer, customer_id)
        if row is None:
            raise NotFoundError(f"there is no customer {customer_id}")
        return record_of(CustomerRecord, row)

    def find(self, kind: str, value: str) -> int | None:
        """Return who is known by this identity."""
        found: int | None = (
            self._session.connection()
            .execute(_KNOWN_BY, {"kind": kind, "value": value})
            .scalar_one_or_none()
        )
        return found

    def add(self, source: str, now: datetime, **values: Any) -> int:
        """Store a new customer; return the id."""
        row = Customer(source=source, created_at=now, updated_at=now, **values)
        self._session.add(row)
        self._session.flush()
        count(self._session, now, customers=1)
        return row.id

    def change(
        self, customer_id: int, values: dict[str, Any], now: datetime, expected: int | None = None
    ) -> CustomerRecord:
        """Set columns; raise the version.

        Raises:
            NotFoundError, VersionConflictError: as `change_row` says.
        """
        values = {**values, "updated_at": now}
        return record_of(
            CustomerRecord, change_row(self._session, Customer, customer_id, expected, values)
        )

    def identify(self, customer_id: int, kind: str, value: str, now: datetime) -> None:
        """Remember that a customer is known by this."""
        self._session.add(
            CustomerIdentity(customer_id=customer_id, kind=kind, value=value, created_at=now)
        )
        self._session.flush()

    def identities(self, customer_id: int) -> list[IdentityRecord]:
        """Return by what a customer is known, oldest first."""
        rows = self._session.execute(
            select(CustomerIdentity)
            .where(CustomerIdentity.customer_id == customer_id)
            .order_by(CustomerIdentity.id)
        ).scalars()
        return [record_of(IdentityRecord, row) for row in rows]

    def forget_identity(self, customer_id: int, kind: str, value: str) -> None:
        """Take an identity away."""
        self._session.execute(
            delete(CustomerIdentity).where(
                CustomerIdentity.customer_id == customer_id,
                CustomerIdentity.kind == kind,
                CustomerIdentity.value == value,
            )
        )

    def absorb(self, kept: int, gone: int) -> None:
        """Move everything of `gone` to `kept`; then `gone` is no more, and its digests are mute."""
        former = self.get(gone)
        AuditRepository(self._session).destroy_salt("customer", gone)
        count(self._session, former.created_at, customers=-1)
        for column in _columns_of_customers():
            moved = update(column.table).where(column == gone).values({column.name: kept})
            self._session.execute(moved)
        self._session.execute(delete(Customer).where(Customer.id == gone))
        self._session.expire_all()

    def page(
        self, wanted: CustomerFilter, *, before_id: int | None = None, limit: int = 50
    ) -> Page[CustomerRecord]:
        """Return customers, newest first."""
        statement = select(Customer)
        if wanted.grade is not None:
            statement = statement.where(Customer.grade == wanted.grade)
        if wanted.name is not None:
            statement = statement.where(Customer.name == wanted.name)
        if wanted.updated_since is not None:
            statement = statement.where(Customer.updated_at >= wanted.updated_since)
        for kind, value in (("phone", wanted.phone), ("login", wanted.login)):
            if value is not None:
                statement = statement.where(
                    exists().where(
                        CustomerIdentity.customer_id == Customer.id,
                        CustomerIdentity.kind == kind,
                        CustomerIdentity.value == value,
                    )
                )
        return page_of(
            self._session,
            statement,
            Customer.id,
            before_id=before_id,
            limit=limit,
            make=lambda row: record_of(CustomerRecord, row),
        )

    def add_grade(
        self,
        customer_id: int,
        *,
        rule: str,
        evidence: dict[str, Any],
        actor: str,
        now: datetime,
        **grade: Any,
    ) -> None:
        """Set a grade (`grade`, `buys_now`, `could_buy`) and keep it in the history."""
        self.change(customer_id, grade, now)
        self._session.add(
            CustomerGrade(
                customer_id=customer_id,
                rule=rule,
                evidence=evidence,
                actor=actor,
                created_at=now,
                **grade,
            )
        )
        self._session.flush()

    def grades(self, customer_id: int, limit: int = 20) -> list[GradeRecord]:
        """Return the history of the grade, newest first."""
        rows = self._session.execute(
            select(CustomerGrade)
            .where(CustomerGrade.customer_id == customer_id)
            .order_by(CustomerGrade.id.desc())
            .limit(limit)
        ).scalars()
        return [record_of(GradeRecord, row) for row in rows]

    def talks(self, customer_id: int, limit: int = 10) -> list[TalkSummary]:
        """Return the newest conversations with their rating."""
        rows = self._session.execute(
            select(
                Conversation.id,
                Conversation.owner,
                Conversation.created_at,
                Conversation.updated_at,
                Satisfaction.score,
            )
            .outerjoin(Satisfaction, Satisfaction.conversation_id == Conversation.id)
            .where(Conversation.customer_id == customer_id)
            .order_by(Conversation.created_at.desc())
            .limit(limit)
        )
        return [TalkSummary(*row) for row in rows]

    def products_asked(self, customer_id: int, since: datetime) -> set[str]:
        """Return the products that the conversations begun since were about."""
        rows = self._session.execute(
            select(Conversation.product_id)
            .where(
                Conversation.customer_id == customer_id,
                Conversation.created_at >= since,
                Conversation.product_id.is_not(None),
            )
            .distinct()
        )
        return {product_id for product_id in rows.scalars() if product_id}

    def ids_after(
        self, customer_id: int, limit: int, *, is_reachable: bool = False
    ) -> Sequence[int]:
        """Return the next customers by id, for jobs that go over all.

        Args:
            is_reachable: only those whom the shop knows by a number or a login, and may contact.
        """
        statement = select(Customer.id).where(Customer.id > customer_id)
        if is_reachable:
            statement = statement.where(
                Customer.contact_refused_at.is_(None),
                exists().where(
                    CustomerIdentity.customer_id == Customer.id,
                    CustomerIdentity.kind.in_(("phone", "login")),
                ),
            )
        return self._session.execute(statement.order_by(Customer.id).limit(limit)).scalars().all()

    def existing(self, customer_ids: Sequence[int]) -> Sequence[int]:
        """Return which of these ids are customers."""
        statement = select(Customer.id).where(Customer.id.in_(customer_ids))
        return self._session.execute(statement).scalars().all()

    def count(self) -> int:
        """Return how many there are."""
        return self._session.execute(select(func.count()).select_from(Customer)).scalar_one()
