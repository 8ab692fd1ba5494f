"""The tests of `tests.crash.test_migrations`, on PostgreSQL."""

import pytest

from tests.crash.test_migrations import *  # noqa: F403


@pytest.fixture
def url(empty_url: str) -> str:  # noqa: F811
    return empty_url


@pytest.fixture
def kill_every() -> int:  # noqa: F811
    """DDL is transactional here by nature; some kills are enough."""
    return 9
