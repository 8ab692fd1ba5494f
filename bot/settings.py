"""Settings of one server, read once from the environment.

Must not import anything of Prelude but `errors`; everything else may import it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from bot.errors import UsageError

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
    workers = env.get("PRELUDE_ENGINE_WORKERS", "1")
    if not workers.isdigit() or not 1 <= int(workers) <= 16:
        raise UsageError(f"PRELUDE_ENGINE_WORKERS must be a number from 1 to 16, not {workers!r}")
    return Settings(
        var_dir=Path(env.get("PRELUDE_VAR") or ROOT / "var").resolve(),
        models_dir=Path(env.get("PRELUDE_MODELS") or ROOT / "models").resolve(),
        shop_dir=Path(env.get("PRELUDE_SHOP") or ROOT / "shops" / "sample").resolve(),
        database_url=env.get("PRELUDE_DATABASE_URL", ""),
        engine_workers=int(workers),
    )
