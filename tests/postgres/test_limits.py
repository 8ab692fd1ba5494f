"""The tests of `tests.integration.test_limits`, on PostgreSQL."""

from tests.integration.test_limits import *  # noqa: F403
