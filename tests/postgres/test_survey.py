"""The tests of `tests.integration.test_survey`, on PostgreSQL."""

from tests.integration.test_survey import *  # noqa: F403
