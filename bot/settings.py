"""Settings of one server, read once from the environment.

Must not import anything of Prelude but `errors`; everything else may import it.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from bot.errors import UsageError

MIN_SECRET_CHARS = 32
ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Settings:
    """Where things lie and how large they may be.

    Attributes:
        var_dir: run-time files: database, lock, admin token.
        models_dir: trained models and their manifest.
        shop_dir: the folder of the shop that this server serves (`PRELUDE_SHOP`).
        database_url: SQLAlchemy URL; SQLite under `var_dir` unless `PRELUDE_DATABASE_URL` is set.
        engine_workers: number of engine processes (`PRELUDE_ENGINE_WORKERS`).
        turn_timeout_seconds: a turn that takes longer is killed with its worker.
        stale_after_seconds: messages found pending for longer get an apology, not an answer.
        more_text_wait_seconds: how long the queue waits for the rest of an unfinished message.
        max_attempts: after so many failed attempts a message goes to a person.
        secret: signs visitors' tokens (`PRELUDE_SECRET`); made and kept under `var_dir` if empty.
        identity_secret: shared with the shop's page, which signs who is logged in
            (`PRELUDE_IDENTITY_SECRET`).
        message_rate: of one conversation (`PRELUDE_MESSAGE_RATE`).
        visitor_rate: new conversations of one visitor (`PRELUDE_VISITOR_RATE`).
        address_rate: new conversations of one network address (`PRELUDE_ADDRESS_RATE`).
        trusted_proxies: addresses whose X-Forwarded-For is believed (`PRELUDE_TRUSTED_PROXIES`).
        max_sockets_per_address: open at once (`PRELUDE_MAX_SOCKETS`).
        max_message_chars: longest text that is stored; `nlu_max_chars` are understood.
    """

    var_dir: Path = field(default_factory=lambda: ROOT / "var")
    models_dir: Path = field(default_factory=lambda: ROOT / "models")
    shop_dir: Path = field(default_factory=lambda: ROOT / "shops" / "sample")
    database_url: str = ""
    engine_workers: int = 1
    turn_timeout_seconds: float = 10.0
    stale_after_seconds: float = 600.0
    more_text_wait_seconds: float = 1.5
    max_attempts: int = 2
    max_frame_bytes: int = 16 * 1024
    max_message_chars: int = 10_000
    nlu_max_chars: int = 2_000
    secret: str = field(default="", repr=False)
    identity_secret: str = field(default="", repr=False)
    message_rate: str = "10/10 second"
    visitor_rate: str = "6/hour"
    address_rate: str = "120/hour"
    trusted_proxies: str = ""
    max_sockets_per_address: int = 500

    def __post_init__(self) -> None:
        if not self.database_url:
            url = f"sqlite:///{self.var_dir / 'prelude.db'}"
            object.__setattr__(self, "database_url", url)

    @property
    def is_sqlite(self) -> bool:
        """Tell whether the embedded database is used."""
        return self.database_url.startswith("sqlite")


def load_settings(environ: dict[str, str] | None = None) -> Settings:
    """Read the settings from `environ` (default: the process environment).

    Raises:
        UsageError: a variable has a value that cannot be used.
    """
    env = dict(os.environ if environ is None else environ)
    return Settings(
        var_dir=Path(env.get("PRELUDE_VAR") or ROOT / "var").resolve(),
        models_dir=Path(env.get("PRELUDE_MODELS") or ROOT / "models").resolve(),
        shop_dir=Path(env.get("PRELUDE_SHOP") or ROOT / "shops" / "sample").resolve(),
        database_url=env.get("PRELUDE_DATABASE_URL", ""),
        engine_workers=_count(env, "PRELUDE_ENGINE_WORKERS", 1, 16),
        secret=_secret(env, "PRELUDE_SECRET"),
        identity_secret=_secret(env, "PRELUDE_IDENTITY_SECRET"),
        message_rate=_rate(env, "PRELUDE_MESSAGE_RATE", "10/10 second"),
        visitor_rate=_rate(env, "PRELUDE_VISITOR_RATE", "6/hour"),
        address_rate=_rate(env, "PRELUDE_ADDRESS_RATE", "120/hour"),
        trusted_proxies=env.get("PRELUDE_TRUSTED_PROXIES", ""),
        max_sockets_per_address=_count(env, "PRELUDE_MAX_SOCKETS", 500, 100_000),
    )


def _count(env: dict[str, str], name: str, default: int, most: int) -> int:
    value = env.get(name) or str(default)
    if not value.isdigit() or not 1 <= int(value) <= most:
        raise UsageError(f"{name} must be a number from 1 to {most}, not {value!r}")
    return int(value)


def _secret(env: dict[str, str], name: str) -> str:
    value = env.get(name, "")
    if value and len(value) < MIN_SECRET_CHARS:
        raise UsageError(f"{name} must have at least {MIN_SECRET_CHARS} characters")
    return value


def _rate(env: dict[str, str], name: str, default: str) -> str:
    value = env.get(name) or default
    if not re.fullmatch(r"[1-9]\d*/([1-9]\d* )?(second|minute|hour|day)", value):
        raise UsageError(f"{name} must be a rate like '10/10 second' or '6/hour', not {value!r}")
    return value
