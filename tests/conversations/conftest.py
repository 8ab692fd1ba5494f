"""The engine with the present model, loaded once for all journeys."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bot.cli.training import ensure_model
from bot.settings import load_settings
from tests.conversations.runner import JourneyRunner


@pytest.fixture(scope="session")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JourneyRunner]:
    settings = load_settings()
    folder = tmp_path_factory.mktemp("journeys")
    runner = JourneyRunner(ensure_model(settings), settings, folder)
    yield runner
    runner.close()
