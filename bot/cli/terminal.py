"""An application in this process for the terminal: the server's own way, without sockets."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from bot.bootstrap import build_application, build_inline_engine, prepare_database, sole_process
from bot.cli.training import console, ensure_model
from bot.clock import Clock, SystemClock
from bot.services.application import Application
from bot.settings import Settings


class HastyClock(SystemClock):
    """Does not wait for the rest of a message: a file has all its lines already."""

    async def sleep(self, seconds: float) -> None:
        """Return at once."""


@contextmanager
def open_application(
    settings: Settings, *, is_temporary: bool, clock: Clock | None = None
) -> Iterator[Application]:
    """Give an application with the real engine, on the shop's database or a temporary one.

    Raises:
        AlreadyRunningError: the shop's own database is in use.
    """
    model_path = ensure_model(settings)
    with tempfile.TemporaryDirectory(prefix="prelude-") as folder:
        if is_temporary:
            url = f"sqlite:///{Path(folder) / 'prelude.db'}"
            settings = replace(settings, var_dir=Path(folder), database_url=url)
        with sole_process(settings), console.status("loading the engine …"):
            clock = clock or SystemClock()
            database, _ = prepare_database(settings, clock)
            engine = build_inline_engine(settings, model_path)
        try:
            yield build_application(settings, database=database, engine=engine, clock=clock)
        finally:
            database.close()
