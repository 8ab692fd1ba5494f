"""The tests of `tests.integration.test_turns`, on PostgreSQL."""

from tests.integration.test_turns import *  # noqa: F403
