"""The tests of `tests.integration.test_imports`, on PostgreSQL."""

from tests.integration.test_imports import *  # noqa: F403

# Made full and read-only by means of SQLite.
del test_a_database_that_takes_no_more_is_told_and_holds_whole_chunks  # noqa: F821
