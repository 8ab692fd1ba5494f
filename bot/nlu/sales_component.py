"""What every component of ours has in common: options with defaults, and a fingerprint."""

from __future__ import annotations

from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from typing_extensions import Self

from bot.nlu.fingerprint import hash_of_language


class SalesComponent(GraphComponent):
    """A component that needs nothing but its options."""

    def __init__(self, config: dict[str, Any]) -> None:
        """Keep the options: those of `config`, the defaults for the rest."""
        self._config = {**self.get_default_config(), **config}

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> Self:
        """Create the component."""
        return cls(config)

    @classmethod
    def fingerprint_addon(cls, config: dict[str, Any]) -> str | None:
        """Return a hash of every file that decides how a message is read."""
        return hash_of_language()
