"""The present model, and one loaded engine for the tests that need the whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.cli.training import ensure_model
from bot.settings import load_settings
from tests.conversations.runner import JourneyRunner


@pytest.fixture(scope="session")
def model_path() -> Path:
    return ensure_model(load_settings())


@pytest.fixture(scope="session")
def runner(model_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[JourneyRunner]:
    runner = JourneyRunner(model_path, load_settings(), tmp_path_factory.mktemp("model"))
    yield runner
    runner.close()
