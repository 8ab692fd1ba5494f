"""The tests of `tests.integration.test_case_work`, on PostgreSQL."""

from tests.integration.test_case_work import *  # noqa: F403
