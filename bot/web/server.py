"""Start and stop everything that `./prelude serve` runs: database, engine workers, web."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import uvicorn
from litestar.types import ASGIApp

from bot.bootstrap import build_application
from bot.clock import Clock
from bot.crm.database import Database
from bot.engine.host import EngineHost
from bot.services.alarm_mail import AlarmMailer
from bot.services.scheduler import Scheduler, all_jobs
from bot.services.webhook_sender import WebhookSender
from bot.services.webhooks import keep_mail_target
from bot.settings import Settings
from bot.web.admin import write_access
from bot.web.app import create_app
from bot.web.fanout import ChannelsNotifier, build_channels
from bot.web.socket_protocol import SocketProtocol


async def serve(
    settings: Settings,
    database: Database,
    engine: EngineHost,
    *,
    clock: Clock,
    host: str,
    port: int,
    when_listening: Callable[[str], None],
    when_ready: Callable[[], None],
) -> None:
    """Serve until the process is told to stop; then end the engine and close the database.

    Args:
        when_listening: called with the address once the port is open.
        when_ready: called once a message would be answered.
    """
    channels = build_channels(settings.database_url)
    application = build_application(
        settings,
        database=database,
        engine=engine,
        notifier=ChannelsNotifier(channels),
        clock=clock,
    )
    access = write_access(settings.var_dir, f"http://{_own_address(host)}:{port}")

    async def stop() -> None:
        await engine.close()
        database.close()

    mailer = AlarmMailer(settings) if settings.smtp_url else None
    await database.write_async(
        lambda uow: keep_mail_target(uow, clock.now(), is_wanted=mailer is not None)
    )
    origins = (await application.shop()).profile.embed_origins
    jobs = all_jobs(
        settings.var_dir, application.book, application.notifier, application.owner_changed
    )
    app = create_app(
        application,
        channels,
        admin_token=access.token,
        on_stop=stop,
        background=[
            Scheduler(database, clock, jobs),
            WebhookSender(database, clock, mailer=mailer),
        ],
        embed_origins=origins,
    )
    server = uvicorn.Server(server_config(app, settings, host=host, port=port))
    engine.start()
    announcer = asyncio.create_task(
        _announce(server, engine, access.url, when_listening, when_ready)
    )
    try:
        await server.serve()
    finally:
        announcer.cancel()
        (settings.var_dir / "admin.json").unlink(missing_ok=True)


def server_config(app: ASGIApp, settings: Settings, *, host: str, port: int) -> uvicorn.Config:
    """Return how the web server runs; sockets neither compress nor take more than 64 KiB."""
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        ws=SocketProtocol,
        ws_max_size=64 * 1024,
        ws_per_message_deflate=False,  # 100 KB would unfold to 100 MB
        log_level="warning",
        access_log=False,
        log_config=None,  # tracebacks go the way of all logs, where they are masked
        timeout_graceful_shutdown=5,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies or None,
    )


def _own_address(host: str) -> str:
    return "127.0.0.1" if host in ("0.0.0.0", "::", "") else host  # noqa: S104


async def _announce(
    server: uvicorn.Server,
    engine: EngineHost,
    url: str,
    when_listening: Callable[[str], None],
    when_ready: Callable[[], None],
) -> None:
    while not server.started:
        await asyncio.sleep(0.05)
    when_listening(url)
    await engine.wait_until_ready()
    when_ready()
