"""The web application of a test's shop.

Litestar takes some 70 ms to build our handlers, which is most of what a short test takes. So one is
built a process, and put around one shop after the other: state and lifespan are all that differs.
"""

from __future__ import annotations

from litestar import Litestar
from litestar.channels import ChannelsPlugin
from litestar.datastructures import State

from bot.services.application import Application
from bot.web.app import create_app, lifespan_of, state_of

ADMIN_TOKEN = "a" * 43
_free: list[Litestar] = []


def new_web(application: Application, channels: ChannelsPlugin) -> Litestar:
    """Return an ASGI application of its own."""
    return create_app(application, channels, admin_token=ADMIN_TOKEN, on_stop=_nothing)


def borrow_web(
    application: Application, channels: ChannelsPlugin, state: State | None = None
) -> Litestar:
    """Return an ASGI application around `application`; give it back when it has stopped.

    Args:
        state: what its handlers find; left out: a new one.
    """
    web = _free.pop() if _free else new_web(application, channels)
    web.state = state or state_of(application, channels, ADMIN_TOKEN)
    web._lifespan_managers = [lifespan_of(application, (), _nothing), channels]
    return web


def give_back(web: Litestar) -> None:
    """Let the next test have it."""
    if not _free:
        _free.append(web)


async def _nothing() -> None:
    pass
