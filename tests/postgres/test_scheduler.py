"""The tests of `tests.crash.test_scheduler`, on PostgreSQL."""

from tests.crash.test_scheduler import *  # noqa: F403
