"""The tests of `tests.crash.test_webhooks`, on PostgreSQL."""

from tests.crash.test_webhooks import *  # noqa: F403
