"""The tests of `tests.crash.test_upgrade_with_data`, on PostgreSQL."""

import pytest

from tests.crash.test_upgrade_with_data import *  # noqa: F403


@pytest.fixture
def url(empty_url: str) -> str:  # noqa: F811
    return empty_url
