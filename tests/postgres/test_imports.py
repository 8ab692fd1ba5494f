"""The tests of `tests.integration.test_imports`, on PostgreSQL."""

from tests.integration.test_imports import *  # noqa: F403
