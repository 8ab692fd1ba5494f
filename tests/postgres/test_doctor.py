"""The checks of a database, on PostgreSQL."""

from datetime import timedelta

from bot.crm.checkup import examine_database
from bot.services.doctor import check_soundness
from tests.conftest import Play
from tests.integration.test_doctor import (  # noqa: F401
    test_fallbacks_are_counted_among_the_newest_answered_messages,
)


def test_database_tells_its_own_time(play: Play) -> None:
    facts = examine_database(play.app.database.url, 1)
    assert check_soundness(facts).state == "ok"
    assert facts.now is not None
    assert facts.now.utcoffset() == timedelta(0)
