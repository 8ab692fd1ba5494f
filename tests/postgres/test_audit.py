"""The tests of `tests.integration.test_audit`, on PostgreSQL."""

from tests.integration.test_audit import *  # noqa: F403
