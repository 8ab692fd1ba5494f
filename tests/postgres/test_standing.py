"""The tests of `tests.integration.test_standing`, on PostgreSQL."""

from tests.integration.test_standing import *  # noqa: F403
