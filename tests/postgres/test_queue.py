"""The tests of `tests.integration.test_queue`, on PostgreSQL."""

from tests.integration.test_queue import *  # noqa: F403
