"""The real server with a fake engine factory: `python -m tests.crash.fake_server VAR PORT`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from bot.bootstrap import prepare_database, sole_process
from bot.clock import SystemClock
from bot.engine.host import EngineHost
from bot.settings import Settings
from bot.web.server import serve


def main() -> None:
    settings, clock = Settings(var_dir=Path(sys.argv[1]), turn_timeout_seconds=1.0), SystemClock()
    with sole_process(settings):
        database, _ = prepare_database(settings, clock)
        engine = EngineHost(
            "tests.fakes:build_fake",
            {},
            workers=1,
            timeout_seconds=settings.turn_timeout_seconds,
        )
        asyncio.run(
            serve(
                settings,
                database,
                engine,
                clock=clock,
                host="127.0.0.1",
                port=int(sys.argv[2]),
                when_listening=lambda url: None,
                when_ready=lambda: print("ready", flush=True),
            )
        )


if __name__ == "__main__":
    main()
