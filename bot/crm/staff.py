"""People and programs of the shop, and the tokens of the REST API."""

from __future__ import annotations

import secrets
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from bot.crm.models import ApiToken, StaffUser
from bot.crm.records import StaffRecord, TokenRecord
from bot.crm.rows import record_of


class StaffRepository:
    """Reads and writes of one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, name: str, role: str, now: datetime) -> StaffRecord:
        """Store a person."""
        row = StaffUser(name=name, role=role, code=secrets.token_hex(6), created_at=now)
        self._session.add(row)
        self._session.flush()
        return record_of(StaffRecord, row)

    def find(self, name: str) -> StaffRecord | None:
        """Return a person by name."""
        row = self._session.get(StaffUser, name)
        return None if row is None else record_of(StaffRecord, row)

    def all(self) -> list[StaffRecord]:
        """Return everybody, by name."""
        rows = self._session.execute(select(StaffUser).order_by(StaffUser.name)).scalars()
        return [record_of(StaffRecord, row) for row in rows]

    def change(self, name: str, **values: object) -> None:
        """Set columns of a person: `role`, `disabled_at`, `last_seen_at`."""
        self._session.execute(update(StaffUser).where(StaffUser.name == name).values(**values))
        self._session.expire_all()

    def add_token(
        self,
        token_id: str,
        secret_hash: str,
        staff_name: str,
        *,
        label: str,
        scopes: list[str],
        expires_at: datetime | None,
        now: datetime,
    ) -> None:
        """Store a token of the REST API by the hash of its secret."""
        self._session.add(
            ApiToken(
                id=token_id,
                secret_hash=secret_hash,
                staff_name=staff_name,
                label=label,
                scopes=scopes,
                expires_at=expires_at,
                created_at=now,
            )
        )
        self._session.flush()

    def find_token(self, token_id: str) -> TokenRecord | None:
        """Return a token by its public part."""
        row = self._session.get(ApiToken, token_id)
        return None if row is None else record_of(TokenRecord, row)

    def tokens_of(self, staff_name: str) -> list[TokenRecord]:
        """Return somebody's tokens, oldest first."""
        rows = self._session.execute(
            select(ApiToken).where(ApiToken.staff_name == staff_name).order_by(ApiToken.created_at)
        ).scalars()
        return [record_of(TokenRecord, row) for row in rows]

    def revoke_token(self, token_id: str, now: datetime) -> None:
        """Let a token open nothing any more."""
        self._session.execute(
            update(ApiToken).where(ApiToken.id == token_id).values(revoked_at=now)
        )
        self._session.expire_all()
