"""What the assistant gives way on is counted, and never beyond a limit (D-OBJ-9, decision 9)."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from bot.clock import start_of_day
from bot.crm.unit_of_work import UnitOfWork
from bot.dialogue.truth import believe
from bot.dialogue.turn import GrantConcession, LedgerEntry, TurnRequest, TurnResult
from bot.errors import StaleTurnError
from bot.knowledge.book import load_book
from bot.services.commands import apply_command
from tests.conftest import Play
from tests.fakes import START, FakeComputer

PRICE = LedgerEntry(1, "price", "answered", believe(load_book().truth, "price", []), 1, "hello")


class GivingComputer(FakeComputer):
    """Gives 20 yuan of a limit of 30 whenever today's facts still allow it, and says so."""

    def turn(self, request: TurnRequest) -> TurnResult:
        result = super().turn(request)
        used = request.facts.conceded_today_fen.get("coupon", 0)
        if request.messages[-1].text != "cheaper" or used + 2000 > 3000:
            return result
        give = GrantConcession(f"coupon_{used}", "coupon", 2000, 3000)
        return msgspec.structs.replace(result, commands=(give,))


def granted(play: Play, conversation: str) -> tuple[str, ...]:
    return play.app.database.read(lambda uow: uow.concessions.of_conversation(conversation))


def apply(uow: UnitOfWork, conversation: str, name: str) -> None:
    turn_id = uow.turns.of_conversation(conversation)[-1].id
    command = GrantConcession(name, "coupon", 2000, 3000)
    apply_command(uow, command, conversation, turn_id, START)


def test_day_begins_at_midnight_in_the_shop() -> None:
    assert start_of_day(START).astimezone().utctimetuple()[:3] <= START.utctimetuple()[:3]
    assert start_of_day(start_of_day(START)) == start_of_day(START)
    assert start_of_day(start_of_day(START) - timedelta(seconds=1)) < start_of_day(START)


def test_second_concession_of_a_talk_is_refused_when_it_would_pass_the_limit(play: Play) -> None:
    conversation = play.start()
    play.say(conversation, "hello", "hello again")
    play.app.database.write(lambda uow: apply(uow, conversation, "first"))
    with pytest.raises(StaleTurnError, match="coupon"):
        play.app.database.write(lambda uow: apply(uow, conversation, "second"))
    assert granted(play, conversation) == ("first",)


def test_limit_counts_all_talks_of_a_customer_on_a_day_and_is_new_on_the_next(play: Play) -> None:
    first, second = play.start(), play.start()
    database = play.app.database
    customer = database.read(lambda uow: uow.conversations.get(first).customer_id)
    assert customer is not None
    database.write(lambda uow: uow.conversations.update_fields(second, customer_id=customer))
    play.say(first, "hello")
    play.say(second, "hello")
    database.write(lambda uow: apply(uow, first, "one"))
    with pytest.raises(StaleTurnError):
        database.write(lambda uow: apply(uow, second, "two"))
    tomorrow = start_of_day(START) + timedelta(days=1)
    assert database.read(lambda u: u.concessions.granted_since(second, customer, tomorrow)) == {}


def test_turn_knows_what_was_granted_today_and_gives_no_more(play: Play) -> None:
    play.engine.computer = GivingComputer()
    conversation = play.start()
    play.say(conversation, "hello")
    play.app.database.write(lambda uow: uow.turns.add_objection(conversation, PRICE, START))
    play.say(conversation, "cheaper", "cheaper")
    assert granted(play, conversation) == ("coupon_0",)
