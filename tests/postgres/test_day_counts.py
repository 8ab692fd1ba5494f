"""The tests of `tests.crash.test_day_counts`, on PostgreSQL."""

from tests.crash.test_day_counts import *  # noqa: F403
