"""The fixtures of the other tiers, on PostgreSQL: a fresh database a test, copied from one that
was migrated once. Without PostgreSQL the tier is skipped with its reason; in CI it fails."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.bootstrap import prepare_database
from bot.crm.database import Database
from bot.errors import UsageError
from bot.services.shop import sync_shop
from bot.settings import Settings
from tests.fakes import FakeClock
from tests.integration.served import IDENTITY_SECRET, ServedShop
from tests.postgres.cluster import Cluster, throw_away_cluster

TEMPLATE = "migrated"
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    try:
        with throw_away_cluster() as running:
            yield running
    except UsageError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no PostgreSQL: {error}")


@pytest.fixture(scope="session")
def template(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the name of a database with the sample shop in it."""
    var_dir = tmp_path_factory.mktemp("migrated")
    settings = Settings(var_dir=var_dir, database_url=cluster.create(TEMPLATE))
    database, _ = prepare_database(settings, FakeClock())
    database.close()
    return TEMPLATE


@pytest.fixture
def empty_url(cluster: Cluster) -> Iterator[str]:
    """Return the URL of a database without tables."""
    name = f"empty_{next(_numbers)}"
    yield cluster.create(name)
    cluster.drop(name)


@pytest.fixture
def database_url(cluster: Cluster, template: str) -> Iterator[str]:
    """Return the URL of a database of this test's own."""
    name = f"test_{next(_numbers)}"
    yield cluster.create(name, template)
    cluster.drop(name)


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    return Settings(var_dir=tmp_path / "var", database_url=database_url)


@pytest.fixture
def database(settings: Settings, clock: FakeClock) -> Iterator[Database]:
    settings.var_dir.mkdir(parents=True)
    database = Database(settings.database_url)
    database.write(lambda uow: sync_shop(uow, settings.shop_dir))
    yield database
    database.close()


@pytest.fixture
def served(settings: Settings, database: Database, clock: FakeClock) -> ServedShop:
    return ServedShop(replace(settings, identity_secret=IDENTITY_SECRET), database, clock)
