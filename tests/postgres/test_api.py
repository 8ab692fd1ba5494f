"""The tests of `tests.integration.test_api`, on PostgreSQL."""

from tests.integration.test_api import *  # noqa: F403
