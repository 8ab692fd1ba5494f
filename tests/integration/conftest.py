"""The shop behind a real web server, on a copy of a database that was migrated once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.bootstrap import prepare_database
from bot.crm.database import Database
from bot.services.shop import sync_shop
from bot.settings import Settings
from tests.fakes import FakeClock
from tests.integration.served import IDENTITY_SECRET, ServedShop


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of a database with the sample shop in it."""
    settings = Settings(var_dir=tmp_path_factory.mktemp("migrated"))
    database, _ = prepare_database(settings, FakeClock())
    database.close()
    return settings.var_dir / "prelude.db"


@pytest.fixture
def database(settings: Settings, clock: FakeClock, migrated: Path) -> Iterator[Database]:
    settings.var_dir.mkdir(parents=True)
    shutil.copy(migrated, settings.var_dir / "prelude.db")
    database = Database(settings.database_url)
    database.write(lambda uow: sync_shop(uow, settings.shop_dir))
    yield database
    database.close()


@pytest.fixture
def served(settings: Settings, database: Database, clock: FakeClock) -> ServedShop:
    return ServedShop(replace(settings, identity_secret=IDENTITY_SECRET), database, clock)
