"""The real server over the fake engine: `python -m tests.browser.fake_shop PORT`.

Everything else comes from the environment, as for `./prelude serve`; and `SHOP_TIME`, the moment
at which the shop's clock starts (ISO 8601; default: now).
"""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import datetime

from bot.bootstrap import prepare_database, sole_process
from bot.cli.serve import configure_logs
from bot.clock import SystemClock
from bot.engine.host import EngineHost
from bot.settings import load_settings
from bot.web.server import serve


class ShopTime(SystemClock):
    """The machine's clock, set to another time."""

    def __init__(self, start: datetime) -> None:
        self._ahead = start - super().now()

    def now(self) -> datetime:
        """Return the present moment of the shop."""
        return super().now() + self._ahead


def main() -> None:
    settings = load_settings()
    start = os.environ.get("SHOP_TIME")
    clock = ShopTime(datetime.fromisoformat(start)) if start else SystemClock()
    configure_logs()
    with sole_process(settings):
        database, _ = prepare_database(settings, clock)
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
                clock=clock,
                host="127.0.0.1",
                port=int(sys.argv[1]),
                when_listening=lambda url: None,
                when_ready=lambda: None,
            )
        )


if __name__ == "__main__":
    main()
