"""The audit trail: who did what to whom, each entry chained to the one before (promise 25).

An entry holds ids, a verb and a digest of the details under a salt of the subject's own. When a
person is erased the salt is destroyed: the chain still verifies, and nobody can guess the details
back from the digest.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Table, bindparam, delete, insert, select
from sqlalchemy.orm import Session

from bot.crm.models import AuditEntry, AuditSalt
from bot.crm.rows import record_of
from bot.errors import AuditError

FIRST = "0" * 64
_entry = cast(Table, AuditEntry.__table__)
_salt = cast(Table, AuditSalt.__table__)
_COLUMNS = tuple(_entry.columns.keys())
_LAST = select(_entry.c.id, _entry.c.hash).order_by(_entry.c.id.desc()).limit(1)
_INSERT = insert(_entry)
_SALTS = select(_salt.c.subject_id, _salt.c.salt).where(
    _salt.c.subject_kind == bindparam("kind"),
    _salt.c.subject_id.in_(bindparam("ids", expanding=True)),
)
_INSERT_SALT = insert(_salt)


@dataclass(frozen=True)
class AuditRecord:
    """An entry as staff see it."""

    id: int
    at: datetime
    actor: str
    verb: str
    subject_kind: str
    subject_id: str


class AuditRepository:
    """Reads and writes of one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._last: tuple[int, str] | None = None
        self._gathered: list[tuple[AuditEntry, str]] | None = None

    def append(
        self,
        actor: str,
        verb: str,
        subject: tuple[str, object],
        details: dict[str, Any],
        now: datetime,
    ) -> None:
        """Add an entry to the chain.

        Args:
            actor: a person's code, `cli` or `server`; never a name.
            subject: kind and id of the row.
            details: what was changed; only its salted digest is kept.
        """
        kind, subject_id = subject[0], str(subject[1])
        entry = AuditEntry(at=now, actor=actor, verb=verb, subject_kind=kind, subject_id=subject_id)
        deed = (entry, _told(details))
        if self._gathered is None:
            self._write([deed])
        else:
            self._gathered.append(deed)

    @contextmanager
    def gathered(self) -> Iterator[None]:
        """Write what is appended inside at the end, together: for whoever does many deeds."""
        self._gathered = []
        try:
            yield
            self._write(self._gathered)
        finally:
            self._gathered = None

    def _write(self, deeds: list[tuple[AuditEntry, str]]) -> None:
        connection = self._session.connection()
        if self._last is None:  # nobody else writes until this transaction's end (`Database`)
            row = connection.execute(_LAST).one_or_none()
            self._last = (row.id, row.hash) if row else (0, FIRST)
        salts = self._salts({(entry.subject_kind, entry.subject_id) for entry, _ in deeds})
        rows = []
        for entry, told in deeds:
            entry.id, entry.previous = self._last[0] + 1, self._last[1]
            entry.digest = _digest(salts[entry.subject_kind, entry.subject_id], told)
            entry.hash = _hash(entry)
            self._last = (entry.id, entry.hash)
            rows.append({name: getattr(entry, name) for name in _COLUMNS})
        if rows:
            connection.execute(_INSERT, rows)

    def _salts(self, subjects: set[tuple[str, str]]) -> dict[tuple[str, str], str]:
        """Return the salts of subjects; make those that are missing."""
        connection = self._session.connection()
        found: dict[tuple[str, str], str] = {}
        for kind in {kind for kind, _ in subjects}:
            ids = [each for other, each in subjects if other == kind]
            for subject_id, salt in connection.execute(_SALTS, {"kind": kind, "ids": ids}):
                found[kind, subject_id] = salt
        missing = {each: secrets.token_hex(16) for each in sorted(subjects - found.keys())}
        if missing:
            connection.execute(
                _INSERT_SALT,
                [
                    {"subject_kind": kind, "subject_id": subject_id, "salt": salt}
                    for (kind, subject_id), salt in missing.items()
                ],
            )
        return found | missing

    def destroy_salt(self, kind: str, subject_id: object) -> None:
        """Make the digests about this subject mean nothing to anybody."""
        self._session.execute(
            delete(AuditSalt).where(
                AuditSalt.subject_kind == kind, AuditSalt.subject_id == str(subject_id)
            )
        )

    def is_about(self, entry_id: int, details: dict[str, Any]) -> bool:
        """Tell whether an entry's digest is of these details; False once the salt is gone."""
        row = self._session.get(AuditEntry, entry_id)
        salt = row and self._session.get(AuditSalt, (row.subject_kind, row.subject_id))
        return bool(row and salt) and hmac.compare_digest(
            row.digest,  # type: ignore[union-attr]
            _digest(salt.salt, _told(details)),  # type: ignore[union-attr]
        )

    def newest(
        self,
        subject: tuple[str, str] | None = None,
        *,
        before_id: int | None = None,
        limit: int = 50,
    ) -> list[AuditRecord]:
        """Return entries, newest first; those about one subject, if it is given."""
        statement = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(limit)
        if subject is not None:
            kind, subject_id = subject
            statement = statement.where(
                AuditEntry.subject_kind == kind, AuditEntry.subject_id == subject_id
            )
        if before_id is not None:
            statement = statement.where(AuditEntry.id < before_id)
        return [record_of(AuditRecord, row) for row in self._session.execute(statement).scalars()]

    def subjects_of(self, verb: str) -> list[str]:
        """Return the ids of all to whom this was done."""
        statement = select(AuditEntry.subject_id).where(AuditEntry.verb == verb).distinct()
        return list(self._session.execute(statement).scalars())

    def verify(self) -> int:
        """Check the whole chain; return how many entries it has.

        Raises:
            AuditError: an entry is missing, out of order or changed; it names the first.
        """
        previous, count = FIRST, 0
        for row in self._entries():
            count += 1
            if row.id != count:
                raise AuditError(f"entry {count} is missing: after {count - 1} comes {row.id}")
            if row.previous != previous or row.hash != _hash(row):
                raise AuditError(f"entry {row.id} ({row.verb}) is not what was written")
            previous = row.hash
        return count

    def _entries(self) -> Iterator[AuditEntry]:
        statement = select(AuditEntry).order_by(AuditEntry.id).execution_options(yield_per=1000)
        yield from self._session.execute(statement).scalars()


def _told(details: dict[str, Any]) -> str:
    return json.dumps(details, sort_keys=True, ensure_ascii=False, default=str)


def _digest(salt: str, told: str) -> str:
    return hmac.new(
        salt.encode(), told.encode("utf-8", "surrogatepass"), hashlib.sha256
    ).hexdigest()


def _hash(row: AuditEntry) -> str:
    told = [
        str(row.id),
        row.at.isoformat(),
        *(row.actor, row.verb, row.subject_kind, row.subject_id, row.digest, row.previous),
    ]
    return hashlib.sha256(json.dumps(told, ensure_ascii=False).encode()).hexdigest()
