"""The tests of `tests.integration.test_customers`, on PostgreSQL."""

from tests.integration.test_customers import *  # noqa: F403
