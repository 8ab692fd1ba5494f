"""The tests of `tests.integration.test_webhooks`, on PostgreSQL."""

from tests.integration.test_webhooks import *  # noqa: F403
