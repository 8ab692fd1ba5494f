"""The tests of `tests.integration.test_follow_up`, on PostgreSQL."""

from tests.integration.test_follow_up import *  # noqa: F403
