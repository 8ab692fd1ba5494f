"""Settings of one server, read once from the environment.

Must not import anything of Prelude but `errors`; everything else may import it.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bot.errors import UsageError

MIN_SECRET_CHARS = 32
ALARM_MAIL = ("PRELUDE_SMTP_URL", "PRELUDE_ALARM_TO", "PRELUDE_ALARM_FROM")
MAIL_ADDRESS = re.compile(r"[^\s@,;:<>()\"\\]{1,64}@[^\s@,;:<>()\"\\]{1,255}", re.ASCII)
NAMES = (
    "PRELUDE_VAR",
    "PRELUDE_MODELS",
    "PRELUDE_SHOP",
    "PRELUDE_DATABASE_URL",
    "PRELUDE_ENGINE_WORKERS",
    "PRELUDE_SECRET",
    "PRELUDE_IDENTITY_SECRET",
    "PRELUDE_MESSAGE_RATE",
    "PRELUDE_VISITOR_RATE",
    "PRELUDE_ADDRESS_RATE",
    "PRELUDE_TRUSTED_PROXIES",
    "PRELUDE_MAX_SOCKETS",
    *ALARM_MAIL,
)
DEVELOPERS = ("PRELUDE_KILL_AT", "PRELUDE_PAGES_OUT", "PRELUDE_RANDOM_TALKS")
TESTS = "PRELUDE_TEST_"
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
        smtp_url: by which server alarms are mailed (`PRELUDE_SMTP_URL`):
            `smtps://name:password@host:465`, or `smtp://…:587` for STARTTLS; empty: no mail.
        alarm_to: who gets the mail (`PRELUDE_ALARM_TO`), addresses with commas between.
        alarm_from: from whom it comes (`PRELUDE_ALARM_FROM`).
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
    smtp_url: str = field(default="", repr=False)
    alarm_to: tuple[str, ...] = ()
    alarm_from: str = ""

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
        **_alarm_mail(env),
    )


def ignored_settings(environ: Mapping[str, str]) -> list[str]:
    """Return a line for every variable that looks like a setting of Prelude and is none.

    They are no error: where a service has the name `prelude`, Kubernetes sets `PRELUDE_PORT`.
    """
    lines = []
    for name in sorted(environ):
        is_ours = name in (*NAMES, *DEVELOPERS) or name.startswith(TESTS)
        if name.startswith("PRELUDE_") and not is_ours:
            near = difflib.get_close_matches(name, NAMES, n=1, cutoff=0.75)
            hint = f"; did you mean {near[0]}?" if near else ""
            lines.append(f"{name} is no setting and has no effect{hint}")
    return lines


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


def _alarm_mail(env: dict[str, str]) -> dict[str, Any]:
    """Return how alarms are mailed: all three variables, or none."""
    given = {name: env.get(name, "").strip() for name in ALARM_MAIL}
    missing = [name for name, value in given.items() if not value]
    if len(missing) == len(given):
        return {}
    if missing:
        raise UsageError(f"{missing[0]} is missing: alarms are mailed by {', '.join(ALARM_MAIL)}")
    url, to, sender = given.values()
    _check_smtp_url(url)
    receivers = tuple(each.strip() for each in to.split(","))
    for name, address in [
        ("PRELUDE_ALARM_FROM", sender),
        *(("PRELUDE_ALARM_TO", a) for a in receivers),
    ]:
        if not MAIL_ADDRESS.fullmatch(address):
            raise UsageError(f"{name}: {address!r} is no address like alarm@shop.example")
    return {"smtp_url": url, "alarm_to": receivers, "alarm_from": sender}


def _check_smtp_url(url: str) -> None:
    """Refuse an address of a mail server that cannot be used; never repeat it, for its password."""
    try:
        parts = urlsplit(url)
        is_fit = parts.scheme in ("smtp", "smtps") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_fit = False
        parts = urlsplit("")
    if not is_fit or parts.path.strip("/") or parts.query or parts.fragment:
        raise UsageError("PRELUDE_SMTP_URL must be like smtps://name:password@mail.example:465")
    if bool(parts.username) != bool(parts.password):
        raise UsageError("PRELUDE_SMTP_URL needs a name and a password, or neither")


def _rate(env: dict[str, str], name: str, default: str) -> str:
    value = env.get(name) or default
    if not re.fullmatch(r"[1-9]\d*/([1-9]\d* )?(second|minute|hour|day)", value):
        raise UsageError(f"{name} must be a rate like '10/10 second' or '6/hour', not {value!r}")
    return value
