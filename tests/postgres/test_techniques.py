"""The tests of `tests.integration.test_techniques`, on PostgreSQL."""

from tests.integration.test_techniques import *  # noqa: F403
