"""The tests of `tests.integration.test_privacy`, on PostgreSQL."""

from tests.integration.test_privacy import *  # noqa: F403

# PostgreSQL's pages are cleaned by its own VACUUM.
del test_no_page_of_the_file_holds_what_was_erased  # noqa: F821
