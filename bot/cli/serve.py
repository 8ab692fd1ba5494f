"""`./prelude serve`: everything, in one command."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import TextIO

import structlog
import typer
from rich.console import Console

from bot.bootstrap import build_engine_host, prepare_database, sole_process
from bot.cli.training import ensure_model
from bot.clock import SystemClock
from bot.errors import UsageError
from bot.knowledge.masked_logs import MaskingFormatter, mask_event
from bot.knowledge.shop import load_shop
from bot.services.public_readiness import obstacles
from bot.settings import Settings, ignored_settings, load_settings

console = Console()


def serve(
    host: str = typer.Option("127.0.0.1", help="Address to listen on."),
    port: int = typer.Option(8000, help="Port to listen on."),
    shop: Path | None = typer.Option(None, help="The shop's folder (default: shops/sample)."),
) -> None:
    """Start the assistant: database, model, web server and engine worker."""
    settings = load_settings()
    if shop is not None:
        settings = replace(settings, shop_dir=shop.resolve())
    configure_logs()
    refuse_to_expose(settings, host)
    for line in ignored_settings(os.environ):
        console.print(f"[yellow]warning:[/yellow] {line}")
    clock = SystemClock()
    with sole_process(settings):
        database, loaded = prepare_database(settings, clock)
        if loaded is not None:
            count = len(loaded.products)
            console.print(f"loaded the shop {loaded.profile.name} ({count} products)")
        model_path = ensure_model(settings)
        engine = build_engine_host(settings, model_path)
        from bot.web.server import serve as run_server

        def listening(url: str) -> None:
            console.print(f"listening on {url} — messages are kept from now on")
            console.print("loading the engine (some seconds) …")

        def ready() -> None:
            console.print(
                "[bold]ready.[/bold] Open the address above in a browser, or ./prelude chat"
            )
            console.print("People take over with ./prelude queue; Ctrl-C stops everything.")

        # uvicorn raises the signal again after its own clean stop; here it has done its work.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: None)
        asyncio.run(
            run_server(
                settings,
                database,
                engine,
                clock=clock,
                host=host,
                port=port,
                when_listening=listening,
                when_ready=ready,
            )
        )
    console.print("stopped; nothing is left running.")


def refuse_to_expose(settings: Settings, host: str) -> None:
    """Refuse to listen beyond this machine with what is good enough for one's own desk only.

    Raises:
        UsageError: every reason, each with how to mend it.
    """
    found = obstacles(settings, load_shop(settings.shop_dir), host)
    if found:
        raise UsageError(f"not listening on {host}: " + "; ".join(found))


def configure_logs() -> None:
    """Log warnings and worse as JSON lines, never a customer's text."""
    handler = logging.StreamHandler()
    handler.setFormatter(MaskingFormatter(logging.BASIC_FORMAT))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            mask_event,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        logger_factory=structlog.PrintLoggerFactory(_log_file()),
    )


def _log_file() -> TextIO:
    settings = load_settings()
    settings.var_dir.mkdir(parents=True, exist_ok=True)
    return (settings.var_dir / "server.log").open("a", encoding="utf-8", buffering=1)
