"""How a command reaches the shop: through the running server, or the database when none runs."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from bot.bootstrap import build_application, prepare_database, sole_process
from bot.clock import SystemClock
from bot.dialogue.turn import TurnRequest, TurnResult
from bot.errors import BotError, EngineError, StorageUnavailableError
from bot.services.operations import perform
from bot.settings import Settings
from bot.web.admin import AdminAccess, read_access

TIMEOUT_SECONDS = 20.0


class NoEngine:
    """For commands that compute no turn."""

    def is_ready(self) -> bool:
        """Tell whether a turn would be computed: never."""
        return False

    def model_id(self) -> str:
        """Return the id of the model: there is none."""
        return ""

    async def turn(self, request: TurnRequest, attempt: int) -> TurnResult:
        """Refuse.

        Raises:
            EngineError: always.
        """
        raise EngineError("no engine runs in this command")


def ask_shop(settings: Settings, operation: str, **arguments: Any) -> Any:
    """Carry out one operation on the shop and return its plain result.

    Raises:
        BotError: what the shop answered.
    """
    access = read_access(settings.var_dir)
    if access is not None:
        return _ask_server(access, operation, arguments)
    with sole_process(settings):
        database, _ = prepare_database(settings, SystemClock())
        try:
            application = build_application(settings, database=database, engine=NoEngine())
            return asyncio.run(perform(application, operation, arguments))
        finally:
            database.close()


def _ask_server(access: AdminAccess, operation: str, arguments: dict[str, Any]) -> Any:
    try:
        response = httpx.post(
            f"{access.url}/admin/{operation}",
            json=arguments,
            headers={"Authorization": f"Bearer {access.token}"},
            timeout=TIMEOUT_SECONDS,
            trust_env=False,
        )
    except httpx.HTTPError as error:
        raise StorageUnavailableError(f"the running server does not answer: {error}") from error
    body = response.json()
    if response.status_code != 200:
        raise BotError(body.get("message") or body.get("detail") or "the server refused")
    return body["result"]
