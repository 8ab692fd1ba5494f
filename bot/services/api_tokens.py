"""Tokens of the REST API: made, checked and ended here and nowhere else.

A token is `prl_<id>.<secret>`. The id finds its row; of the secret (256 random bits) only the
SHA-256 is kept, so it is shown once. Whoever comes with a wrong, unknown, expired or revoked
token, or one of a disabled person, hears the same.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.clock import Clock
from bot.crm.database import Database
from bot.crm.unit_of_work import UnitOfWork
from bot.errors import NotAuthenticatedError, NotFoundError, UsageError
from bot.services.limits import MovingWindow
from bot.services.staff import find_user

READ = (
    "customers:read",
    "orders:read",
    "cases:read",
    "products:read",
    "tasks:read",
    "promises:read",
)
WRITE = ("customers:write", "orders:write", "cases:write", "tasks:write")
PERSONAL = "personal:read"
SCOPES = (*READ, *WRITE, PERSONAL)
ROLE_SCOPES = {  # what a token of somebody with this role may open at most
    "agent": frozenset({*READ, "cases:write", "tasks:write"}),
    "supervisor": frozenset({*READ, *WRITE}),
    "manager": frozenset(SCOPES),
    "program": frozenset(SCOPES),
}
TOKEN_RATE = "600/minute"
FAILURE_RATE = "30/minute"  # of one address: many share one, so a good token passes meanwhile
MAX_DAYS = 3650
_TOKEN = re.compile(r"prl_([0-9a-f]{12})\.([A-Za-z0-9_-]{43})")
_NO_HASH = "0" * 64


@dataclass(frozen=True)
class Caller:
    """Who calls the API, and what for. `code` stands for the person in the audit trail."""

    code: str
    token_id: str
    scopes: frozenset[str]
    role: str = "program"
    name: str = ""

    @property
    def sees_personal(self) -> bool:
        """Tell whether personal values are shown to this caller."""
        return PERSONAL in self.scopes


@dataclass(frozen=True)
class TokenInfo:
    """A token as people list it."""

    id: str
    label: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


def make_token(
    uow: UnitOfWork,
    name: str,
    scopes: Iterable[str],
    *,
    label: str,
    days: int | None,
    now: datetime,
) -> str:
    """Make a token for somebody; return it, for it can never be read again.

    Args:
        scopes: of `SCOPES`; `orders:*` stands for reading and writing.
        days: until it expires; None for never.

    Raises:
        NotFoundError: nobody has this name.
        UsageError: a disabled person, an unknown scope, or one that the role may not have.
    """
    person = find_user(uow, name)
    if person.disabled_at is not None:
        raise UsageError(f"{name!r} is disabled and gets no token")
    wanted = _check_scopes(scopes, person.role)
    if days is not None and not 1 <= days <= MAX_DAYS:
        raise UsageError(f"a token is good for 1 to {MAX_DAYS} days")
    if len(label) > 80:
        raise UsageError("a label has at most 80 characters")
    token_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    uow.staff.add_token(
        token_id,
        _hash(secret),
        name,
        label=label,
        scopes=wanted,
        expires_at=None if days is None else now + timedelta(days=days),
        now=now,
    )
    uow.audit.append("cli", "token.made", ("token", token_id), {"scopes": wanted}, now)
    return f"prl_{token_id}.{secret}"


def list_tokens(uow: UnitOfWork, name: str) -> list[TokenInfo]:
    """Return somebody's tokens, oldest first.

    Raises:
        NotFoundError: nobody has this name.
    """
    find_user(uow, name)
    names = TokenInfo.__dataclass_fields__
    return [
        TokenInfo(**{field: getattr(token, field) for field in names})
        for token in uow.staff.tokens_of(name)
    ]


def revoke_token(uow: UnitOfWork, token_id: str, now: datetime) -> None:
    """End a token, named by its id or by the whole of it. Safe to repeat.

    Raises:
        NotFoundError: there is none.
    """
    found = _TOKEN.fullmatch(token_id)
    token_id = found[1] if found else token_id.removeprefix("prl_")
    token = uow.staff.find_token(token_id)
    if token is None:
        raise NotFoundError("there is no such token; see ./prelude user tokens NAME")
    if token.revoked_at is None:
        uow.staff.revoke_token(token_id, now)
        uow.audit.append("cli", "token.revoked", ("token", token_id), {}, now)


def authenticate(uow: UnitOfWork, token: str, now: datetime) -> Caller | None:
    """Return whose the token is; None if it opens nothing. A smaller role shrinks its scopes."""
    parts = _TOKEN.fullmatch(token)
    if parts is None:
        return None
    row = uow.staff.find_token(parts[1])
    is_right = hmac.compare_digest(_hash(parts[2]), row.secret_hash if row else _NO_HASH)
    if row is None or not is_right or row.revoked_at is not None:
        return None
    if row.expires_at is not None and row.expires_at <= now:
        return None
    person = uow.staff.find(row.staff_name)
    if person is None or person.disabled_at is not None:
        return None
    allowed = ROLE_SCOPES.get(person.role, frozenset())
    scopes = allowed & frozenset(row.scopes)
    return Caller(person.code, row.id, scopes, person.role, person.name)


class TokenDesk:
    """Lets callers in, and counts them. One a process."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        token_rate: str = TOKEN_RATE,
        failure_rate: str = FAILURE_RATE,
    ) -> None:
        self._database = database
        self._clock = clock
        self._tokens = MovingWindow(token_rate)
        self._failures = MovingWindow(failure_rate)

    async def admit(self, authorization: str, address: str) -> Caller:
        """Return who comes with this `Authorization` header.

        Raises:
            NotAuthenticatedError: its token opens nothing.
            RateLimitedError: too many requests of this token, or bad ones of this address.
        """
        scheme, _, token = authorization.partition(" ")
        now, caller = self._clock.now(), None
        if scheme.lower() == "bearer":
            caller = await self._database.read_async(
                lambda uow: authenticate(uow, token.strip(), now)
            )
        if caller is None:
            self._failures.count(address, now, "too many requests without a valid token")
            raise NotAuthenticatedError("the request needs a valid token: Authorization: Bearer …")
        self._tokens.count(caller.token_id, now, "too many requests of this token")
        return caller


def _check_scopes(scopes: Iterable[str], role: str) -> list[str]:
    wanted: set[str] = set()
    for scope in scopes:
        resource, _, verb = scope.partition(":")
        found = [known for known in SCOPES if known == scope]
        if verb == "*":
            found = [known for known in SCOPES if known.startswith(f"{resource}:")]
        if not found:
            raise UsageError(f"there is no scope {scope!r}; there are {', '.join(SCOPES)}")
        wanted.update(found)
    if not wanted:
        raise UsageError("a token needs at least one scope")
    excess = wanted - ROLE_SCOPES[role]
    if excess:
        raise UsageError(f"the role {role} may not have {', '.join(sorted(excess))}")
    return sorted(wanted)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
