"""The tests of `tests.integration.test_privacy`, on PostgreSQL."""

from tests.integration.test_privacy import *  # noqa: F403
