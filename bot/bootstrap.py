"""The only wiring: which database, engine, book and clock an application is made of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from bot.clock import Clock, SystemClock
from bot.crm.database import Database
from bot.crm.migrate import upgrade
from bot.engine.host import EngineHost, TurnComputer
from bot.errors import AlreadyRunningError
from bot.knowledge.book import load_book
from bot.knowledge.shop import Shop
from bot.services.application import Application
from bot.services.ports import Engine, Notifier
from bot.services.shop import read_shop, sync_shop
from bot.settings import Settings

ENGINE_FACTORY = "bot.bootstrap:build_worker_engine"


class SilentNotifier:
    """For edges without sockets."""

    async def publish(self, conversation_id: str, events: list[dict[str, object]]) -> None:
        """Push nowhere."""


def prepare_database(settings: Settings, clock: Clock) -> tuple[Database, Shop | None]:
    """Migrate the database, load the shop's files if they changed, and open it.

    Returns:
        The open database, and the shop if it was loaded anew.

    Raises:
        StorageUnavailableError, ShopDataError: with what is wrong and where.
    """
    upgrade(settings.database_url)
    database = Database(settings.database_url)
    try:
        loaded = database.write(lambda uow: sync_shop(uow, settings.shop_dir, clock.now()))
    except BaseException:
        database.close()
        raise
    return database, loaded


def build_engine_host(settings: Settings, model_path: Path) -> EngineHost:
    """Return the supervised Rasa workers; not started yet."""
    config: dict[str, Any] = {
        "model_path": str(model_path),
        "database_url": settings.database_url,
        "nlu_max_chars": settings.nlu_max_chars,
    }
    return EngineHost(
        ENGINE_FACTORY,
        config,
        workers=settings.engine_workers,
        timeout_seconds=settings.turn_timeout_seconds,
    )


def build_application(
    settings: Settings,
    *,
    database: Database,
    engine: Engine,
    notifier: Notifier | None = None,
    clock: Clock | None = None,
) -> Application:
    """Join the parts to an application."""
    return Application(
        settings=settings,
        database=database,
        engine=engine,
        notifier=notifier or SilentNotifier(),
        book=load_book(),
        clock=clock or SystemClock(),
    )


class DatabaseCatalogue:
    """The worker's read-only source of the shop's facts; re-reads them when they change."""

    def __init__(self, database_url: str) -> None:
        self._database = Database(database_url)
        self._hash = ""
        self._shop: Shop | None = None

    def shop(self) -> Shop:
        """Return the shop as the database holds it now."""
        digest = self._database.read(lambda uow: uow.catalogue.shop_hash())
        if self._shop is None or digest != self._hash:
            self._shop = self._database.read(read_shop)
            self._hash = digest
        return self._shop


def build_worker_engine(config: dict[str, Any]) -> TurnComputer:
    """Build the engine of a worker process (the factory that `EngineHost` is given)."""
    from bot.engine.worker import RasaEngine, quiet_rasa

    quiet_rasa()
    return RasaEngine(
        Path(config["model_path"]),
        DatabaseCatalogue(config["database_url"]),
        nlu_max_chars=config["nlu_max_chars"],
    )


@contextmanager
def sole_process(settings: Settings) -> Iterator[None]:
    """Hold the lock of the embedded database: SQLite means one process (design.md).

    Raises:
        AlreadyRunningError: another process holds it.
    """
    if not settings.is_sqlite:
        yield
        return
    settings.var_dir.mkdir(parents=True, exist_ok=True)
    with (settings.var_dir / "prelude.lock").open("w") as file:
        _lock(file, settings)
        yield


def _lock(file: IO[str], settings: Settings) -> None:
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise AlreadyRunningError(
            f"another Prelude process already uses {settings.var_dir}; stop it first, "
            "or set PRELUDE_VAR to another folder"
        ) from error
