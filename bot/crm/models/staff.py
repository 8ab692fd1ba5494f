"""People of the shop, the tokens of programs, and the audit trail of what they did."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped

from bot.crm.models.base import SECRET, STAFF, Base, column


class StaffUser(Base):
    """A person or program of the shop. `last_seen_at` tells whether somebody is there."""

    __tablename__ = "staff_user"

    name: Mapped[str] = column("the name that customers see", STAFF, String(80), primary_key=True)
    code: Mapped[str] = column(
        "random name in audit trail and case events", String(12), index=True, unique=True
    )
    role: Mapped[str] = column(
        "`agent`, `supervisor`, `manager` or `program`; limits the scopes of tokens",
        STAFF,
        String(20),
    )
    disabled_at: Mapped[datetime | None] = column("since when nothing is allowed any more")
    last_seen_at: Mapped[datetime | None] = column(
        "last use of the queue; within five minutes counts as there", STAFF
    )
    created_at: Mapped[datetime] = column("when the person was added")


class ApiToken(Base):
    """A token of the REST API; only its hash is kept."""

    __tablename__ = "api_token"

    id: Mapped[str] = column("the part before the dot; public", String(16), primary_key=True)
    secret_hash: Mapped[str] = column("SHA-256 of the part behind the dot", SECRET, String(64))
    staff_name: Mapped[str] = column(
        "whose it is", STAFF, ForeignKey("staff_user.name"), index=True
    )
    label: Mapped[str] = column("what it is for", String(80))
    scopes: Mapped[list[Any]] = column("what it opens, `customers:read` …")
    created_at: Mapped[datetime] = column("when it was made")
    expires_at: Mapped[datetime | None] = column("until when it is good; empty: for ever")
    revoked_at: Mapped[datetime | None] = column("since when it is not good any more")


class AuditEntry(Base):
    """One deed, chained by hash to the one before (promise 25). Holds ids and verbs, no words."""

    __tablename__ = "audit_entry"
    __table_args__ = (Index("ix_audit_entry_subject", "subject_kind", "subject_id"),)

    id: Mapped[int] = column("1, 2, 3 … without a gap", primary_key=True, autoincrement=False)
    at: Mapped[datetime] = column("when")
    actor: Mapped[str] = column("a person's code, `cli` or `server`", String(40))
    verb: Mapped[str] = column("what was done, `customer.changed` …", String(40))
    subject_kind: Mapped[str] = column("`customer`, `case`, `order`, `task` …", String(20))
    subject_id: Mapped[str] = column("id of its row", String(64))
    digest: Mapped[str] = column("HMAC-SHA256 of the details under the subject's salt", String(64))
    previous: Mapped[str] = column("hash of the entry before; zeros for the first", String(64))
    hash: Mapped[str] = column("SHA-256 over all of the above", String(64), unique=True)


class AuditSalt(Base):
    """The salt of a subject's digests; destroyed when a person is erased."""

    __tablename__ = "audit_salt"

    subject_kind: Mapped[str] = column("as in `audit_entry`", String(20), primary_key=True)
    subject_id: Mapped[str] = column("as in `audit_entry`", String(64), primary_key=True)
    salt: Mapped[str] = column("128 random bits", SECRET, String(32))
