"""The tests of `tests.integration.test_orders`, on PostgreSQL."""

from tests.integration.test_orders import *  # noqa: F403
