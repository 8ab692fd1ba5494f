"""Who is there: a visitor's signed token, a shop's customer by JWT, the key of a case (promise 11).

All are signed with the server's own secret but the customer's JWT, which the shop's page signs
with a secret that both share. One fixed algorithm; a token's own `alg` is never believed.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import jwt

from bot.errors import NotAllowedError, StorageUnavailableError

ALGORITHM = "HS256"
VISITOR_AUDIENCE = "prelude-visitor"
VISITOR_LIFETIME = timedelta(days=365)
CUSTOMER_LIFETIME = timedelta(hours=24)
CLOCK_LEEWAY_SECONDS = 60
MAX_NAME_CHARS = 80
MAX_SUBJECT_CHARS = 128
SECRET_FILE = "secret.key"


@dataclass(frozen=True)
class Customer:
    """A customer whom the shop's own page has logged in."""

    subject: str
    name: str


class IdentityDesk:
    """Makes and checks tokens."""

    def __init__(self, secret: str, *, identity_secret: str = "") -> None:
        """Take the secrets.

        Args:
            secret: the server's own.
            identity_secret: shared with the shop's page; empty: nobody can be logged in.
        """
        self._secret = secret
        self._identity_secret = identity_secret

    def new_visitor(self, now: datetime) -> str:
        """Return a token for a visitor who has none: 256 random bits, signed."""
        claims = {
            "jti": secrets.token_urlsafe(32),
            "aud": VISITOR_AUDIENCE,
            "exp": int((now + VISITOR_LIFETIME).timestamp()),
        }
        return jwt.encode(claims, self._secret, ALGORITHM)

    def visitor_of(self, token: str, now: datetime) -> str:
        """Return the random part of a visitor's token.

        Raises:
            NotAllowedError: it is not ours, or has expired.
        """
        claims = _decode(token, self._secret, VISITOR_AUDIENCE, ["jti", "exp"], now)
        return str(claims["jti"])

    def customer_of(self, token: str, shop_id: str, now: datetime) -> Customer:
        """Return the customer whom a JWT of the shop's page names; `aud` is the shop's id.

        Raises:
            NotAllowedError: no shared secret, a bad signature, another shop, expired, or good for
                longer than a day.
        """
        if not self._identity_secret:
            raise NotAllowedError("this server has no PRELUDE_IDENTITY_SECRET")
        claims = _decode(token, self._identity_secret, shop_id, ["sub", "exp"], now)
        if claims["exp"] > (now + CUSTOMER_LIFETIME).timestamp() + CLOCK_LEEWAY_SECONDS:
            raise NotAllowedError("a customer's token may be good for 24 hours at most")
        subject = str(claims["sub"])
        if not 0 < len(subject) <= MAX_SUBJECT_CHARS:
            raise NotAllowedError(f"sub must have 1 to {MAX_SUBJECT_CHARS} characters")
        return Customer(subject, str(claims.get("name", ""))[:MAX_NAME_CHARS])

    def case_key(self, case_number: str) -> str:
        """Return the key with which a case's progress is shown: 128 bits, as hexadecimal."""
        digest = hmac.new(self._secret.encode(), f"case:{case_number}".encode(), hashlib.sha256)
        return digest.hexdigest()[:32]

    def opens_case(self, case_number: str, key: str) -> bool:
        """Tell whether `key` is the key of this case."""
        return hmac.compare_digest(self.case_key(case_number).encode(), key.encode())


def _decode(
    token: str, secret: str, audience: str, required: list[str], now: datetime
) -> dict[str, Any]:
    """Check signature and audience; the clock is ours, so `exp` is checked here.

    `iat` is not: a shop whose clock is a second ahead would be refused.
    """
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            secret,
            algorithms=[ALGORITHM],
            audience=audience,
            options={
                "require": [*required, "aud"],
                "verify_exp": False,
                "verify_nbf": False,
                "verify_iat": False,
            },
        )
    except (jwt.PyJWTError, ValueError, UnicodeError) as error:
        raise NotAllowedError(f"this token is not valid: {error}") from error
    expires = claims["exp"]
    if not isinstance(expires, (int, float)) or isinstance(expires, bool) or expires != expires:
        raise NotAllowedError("this token is not valid: exp is no time")
    if expires + CLOCK_LEEWAY_SECONDS < now.timestamp():
        raise NotAllowedError("this token has expired")
    return claims


def read_secret(var_dir: Path, configured: str) -> str:
    """Return the server's secret: configured, or made once and kept in the run-time folder.

    Raises:
        StorageUnavailableError: the folder cannot be written.
    """
    if configured:
        return configured
    path = var_dir / SECRET_FILE
    try:
        var_dir.mkdir(parents=True, exist_ok=True)
        try:
            with open(path, "x", opener=_private) as file:
                file.write(secrets.token_urlsafe(48))
        except FileExistsError:
            pass
        return path.read_text().strip()
    except OSError as error:
        raise StorageUnavailableError(f"{path} cannot be written: {error}") from error


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
