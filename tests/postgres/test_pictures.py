"""The tests of `tests.integration.test_pictures`, on PostgreSQL."""

from tests.integration.test_pictures import *  # noqa: F403

# These two speak of SQLite's file; test_chat_socket and test_migrations have their like.
del test_database_that_is_down_leaves_no_file, test_migration_keeps_old_rows_and_can_be_run_again  # noqa: F821
