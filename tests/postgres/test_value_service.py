"""The tests of `tests.integration.test_value_service`, on PostgreSQL."""

from tests.integration.test_value_service import *  # noqa: F403
