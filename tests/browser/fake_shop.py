"""The real server over the fake engine: `python -m tests.browser.fake_shop PORT`.

Everything else comes from the environment, as for `./prelude serve`.
"""

from __future__ import annotations

import asyncio
import sys

from bot.bootstrap import prepare_database, sole_process
from bot.cli.serve import configure_logs
from bot.clock import SystemClock
from bot.engine.host import EngineHost
from bot.settings import load_settings
from bot.web.server import serve


def main() -> None:
    settings = load_settings()
    configure_logs()
    with sole_process(settings):
        database, _ = prepare_database(settings, SystemClock())
        engine = EngineHost(
            "tests.browser.fake_engine:build",
            {"var_dir": str(settings.var_dir)},
            workers=1,
            timeout_seconds=settings.turn_timeout_seconds,
        )
        asyncio.run(
            serve(
                settings,
                database,
                engine,
                host="127.0.0.1",
                port=int(sys.argv[1]),
                when_listening=lambda url: None,
                when_ready=lambda: None,
            )
        )


if __name__ == "__main__":
    main()
