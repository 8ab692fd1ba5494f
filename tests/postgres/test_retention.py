"""The tests of `tests.integration.test_retention`, on PostgreSQL."""

from tests.integration.test_retention import *  # noqa: F403
