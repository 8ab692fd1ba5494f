"""The tests of `tests.integration.test_cases`, on PostgreSQL."""

from tests.integration.test_cases import *  # noqa: F403
