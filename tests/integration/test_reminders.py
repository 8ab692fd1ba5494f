"""The one reminder of a customer who wanted to think it over (D-OBJ-4): once, then silence."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from bot.crm.tasks import TaskFilter
from bot.knowledge.promise_rules import REMINDER
from bot.services.reminders import send_reminders
from tests.conftest import Play
from tests.fakes import START

DAY = timedelta(days=1)
DUE = START + 3 * DAY


def remind(play: Play, now: datetime) -> int:
    """Send what is due; return how many reminders were looked at."""

    async def main() -> int:
        database, book = play.app.database, play.app.book
        return len(
            [1 async for _ in send_reminders(database, now, book=book, notifier=play.notifier)]
        )

    return asyncio.run(main())


def agreed(play: Play) -> str:
    """Start a talk in which a reminder was agreed on."""
    conversation = play.start()
    play.say(conversation, "later")
    now = play.clock.now()
    play.app.database.write(
        lambda uow: uow.tasks.add(REMINDER, now, conversation_id=conversation, due_at=DUE)
    )
    play.clock.advance(60)
    return conversation


def said(play: Play, conversation: str) -> list[str]:
    rows = play.app.database.read(lambda uow: uow.messages.events_after(conversation, 0))
    return [row.response for row in rows if row.response == "utter_remind"]


def result_of(play: Play, conversation: str) -> tuple[str, str]:
    wanted = TaskFilter(conversation_id=conversation, kind=REMINDER)
    (task,) = play.app.database.read(lambda uow: uow.tasks.page(wanted).items)
    return task.state, task.result


def test_reminder_comes_on_its_day_once_and_is_pushed_to_the_page(play: Play) -> None:
    conversation = agreed(play)
    assert remind(play, DUE - timedelta(minutes=1)) == 0
    assert remind(play, DUE + timedelta(minutes=1)) == 1
    assert remind(play, DUE + timedelta(minutes=2)) == 0
    assert said(play, conversation) == ["utter_remind"]
    assert result_of(play, conversation) == ("done", "reminded")
    pushed = play.notifier.events[conversation][-1]
    assert (pushed["sender"], pushed["text"]) == play.log(conversation)[-1][::2]


def refuse(play: Play, conversation: str) -> None:
    at = play.clock.now()
    play.app.database.write(
        lambda uow: uow.conversations.update_fields(conversation, contact_refused_at=at)
    )


@pytest.mark.parametrize(
    ("what", "result"),
    [
        (lambda play, talk: play.say(talk, "here I am again"), "came back"),
        (lambda play, talk: play.say(talk, "human"), "with a person"),
        (lambda play, talk: play.say(talk, "complaint: it broke"), "open case"),
        (refuse, "wants no offers"),
    ],
)
def test_nobody_is_reminded_who_came_back_complained_refused_or_has_a_person(
    play: Play, what: Callable[[Play, str], object], result: str
) -> None:
    conversation = agreed(play)
    what(play, conversation)
    assert remind(play, DUE + timedelta(minutes=1)) == 1
    assert said(play, conversation) == []
    assert result_of(play, conversation) == ("dropped", result)


def test_reminder_that_a_stopped_server_missed_by_days_is_not_sent(play: Play) -> None:
    conversation = agreed(play)
    assert remind(play, DUE + 3 * DAY) == 1
    assert said(play, conversation) == []
    assert result_of(play, conversation) == ("dropped", "too late")


def test_one_reminder_does_not_hold_up_the_others(play: Play) -> None:
    talks = [agreed(play) for _ in range(3)]
    assert remind(play, DUE + timedelta(minutes=1)) == 3
    assert all(said(play, talk) == ["utter_remind"] for talk in talks)
