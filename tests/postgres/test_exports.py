"""The tests of `tests.integration.test_exports`, on PostgreSQL."""

from tests.integration.test_exports import *  # noqa: F403
