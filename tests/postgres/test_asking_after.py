"""The tests of `tests.integration.test_asking_after`, on PostgreSQL."""

from tests.integration.test_asking_after import *  # noqa: F403
