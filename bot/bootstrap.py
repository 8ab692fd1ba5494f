"""The only wiring: which database, engine, book and clock an application is made of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, Protocol

from bot.clock import Clock, SystemClock
from bot.crm.database import Database
from bot.crm.migrate import upgrade
from bot.dialogue.turn import MessageAnalysis
from bot.engine.host import EngineHost, TurnComputer
from bot.errors import AlreadyRunningError
from bot.knowledge.book import load_book
from bot.knowledge.shop import Shop
from bot.services.application import Application
from bot.services.developer import DeveloperDesk
from bot.services.identity import IdentityDesk, read_secret
from bot.services.ports import Engine, Notifier
from bot.services.shop import ShopCatalogue, sync_shop
from bot.settings import Settings

ENGINE_FACTORY = "bot.bootstrap:build_worker_engine"


class Parser(Protocol):
    """Understands messages without a dialogue."""

    def parse(self, text: str) -> dict[str, Any]:
        """Return the parse of one message."""

    def analyse(self, text: str, message_id: int = 0) -> MessageAnalysis:
        """Return the analysis that a turn would store with a message."""


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
        loaded = database.write(lambda uow: sync_shop(uow, settings.shop_dir))
    except BaseException:
        database.close()
        raise
    return database, loaded


def _worker_config(settings: Settings, model_path: Path) -> dict[str, Any]:
    return {
        "model_path": str(model_path),
        "database_url": settings.database_url,
        "nlu_max_chars": settings.nlu_max_chars,
    }


def build_engine_host(settings: Settings, model_path: Path) -> EngineHost:
    """Return the supervised Rasa workers; not started yet."""
    return EngineHost(
        ENGINE_FACTORY,
        _worker_config(settings, model_path),
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
        desk=IdentityDesk(
            read_secret(settings.var_dir, settings.secret),
            identity_secret=settings.identity_secret,
        ),
    )


def build_worker_engine(config: dict[str, Any]) -> TurnComputer:
    """Build the engine of a worker process (the factory that `EngineHost` is given)."""
    from bot.engine.quiet import quiet_rasa

    quiet_rasa()
    from bot.dialogue.promise_finder import PromiseReadingComputer, shared_finder
    from bot.engine.worker import RasaEngine

    engine = RasaEngine(
        Path(config["model_path"]),
        ShopCatalogue(Database(config["database_url"])),
        nlu_max_chars=config["nlu_max_chars"],
    )
    return PromiseReadingComputer(engine, shared_finder())


def find_trained_model(settings: Settings) -> Path | None:
    """Return the model for the present data, or None when it has to be trained."""
    from bot.engine.training import find_model

    return find_model(settings.models_dir)


def train_model(models_dir: str) -> None:
    """Train the model for the present data (run in a process of its own)."""
    from bot.engine.training import train

    train(Path(models_dir))


def build_inline_engine(settings: Settings, model_path: Path) -> Engine:
    """Return the engine in this very process, for the terminal and the tests."""
    from bot.engine.inline import InlineEngine

    config = _worker_config(settings, model_path)
    return InlineEngine(build_worker_engine(config))


def build_parser(settings: Settings, model_path: Path) -> Parser:
    """Return message understanding alone."""
    from bot.engine.quiet import quiet_rasa

    quiet_rasa()
    from bot.engine.parser import MessageParser

    return MessageParser(model_path, settings.shop_dir, max_chars=settings.nlu_max_chars)


def build_developer_desk(settings: Settings) -> DeveloperDesk:
    """Return the database of `rasa run actions`: one of its own, never a running shop's."""
    url = f"sqlite:///{settings.var_dir / 'developer.db'}"
    clock = SystemClock()
    database, _ = prepare_database(replace(settings, database_url=url), clock)
    return DeveloperDesk(database, clock)


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
