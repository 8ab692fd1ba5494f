"""The shop of the integration tests, for what kills and breaks it."""

from tests.integration.conftest import database, migrated, served

__all__ = ["database", "migrated", "served"]
