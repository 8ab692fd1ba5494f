"""The tests of `tests.integration.test_promises`, on PostgreSQL."""

from tests.integration.test_promises import *  # noqa: F403
