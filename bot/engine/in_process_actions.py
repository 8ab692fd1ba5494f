"""Runs the project's actions inside the worker, without an action server."""

from __future__ import annotations

import json
from typing import Any

from rasa.utils.endpoints import ClientResponseError, EndpointConfig
from rasa_sdk.executor import ActionExecutor
from rasa_sdk.interfaces import ActionExecutionRejection, ActionNotFoundException

from bot.engine.context import active_turn
from bot.killpoints import reach


class InProcessActions(EndpointConfig):
    """Rasa's action endpoint as a function call.

    Rasa swallows an action's exception and goes on; here it is remembered, so that the turn
    fails as a whole and is tried again.
    """

    def __init__(self) -> None:
        """Register every action of the `actions` package."""
        super().__init__(url="in-process", enable_selective_domain=True)
        self._executor = ActionExecutor()
        self._executor.register_package("actions")

    async def request(self, method: str = "post", subpath: str | None = None, **kwargs: Any) -> Any:
        """Run one action; raise what Rasa expects from an action server."""
        call = kwargs["json"]
        try:
            result = await self._executor.run(call)
        except ActionExecutionRejection as rejection:
            body = json.dumps({"action_name": rejection.action_name, "error": rejection.message})
            raise ClientResponseError(400, rejection.message, body) from rejection
        except ActionNotFoundException as missing:
            _remember(missing)
            raise ClientResponseError(404, missing.message, missing.message) from missing
        except Exception as error:
            _remember(error)
            raise
        reach("engine_between_steps")
        return result


def _remember(error: BaseException) -> None:
    context = active_turn.get()
    if context is not None:
        context.failures.append(error)
