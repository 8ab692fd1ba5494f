"""What mending a talk leaves in the database; and that silence is answered by silence."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from bot.crm.tasks import TaskFilter
from bot.crm.unit_of_work import UnitOfWork
from bot.dialogue.turn import CorrectTask, CreateTask, DropTask, MakePromise, PromiseTimes
from bot.knowledge.promise_rules import REMINDER
from bot.services.commands import apply_command
from bot.services.promises import store_promise
from bot.services.scheduler import Scheduler, all_jobs
from bot.services.turns import facts_of
from tests.conftest import Play

HOUR = timedelta(hours=1)


def tasks(play: Play, conversation: str) -> list[tuple[str, str, str, str]]:
    rows = play.app.database.read(
        lambda uow: uow.tasks.page(TaskFilter(conversation_id=conversation))
    ).items
    return sorted((row.kind, row.state, row.contact, row.due) for row in rows)


def agreed(play: Play) -> str:
    """Start a talk in which a call-back and a reminder were agreed on."""
    conversation, now = play.start(), play.clock.now()
    play.say(conversation, "later")
    times = PromiseTimes(now + HOUR, None, now + 2 * HOUR)

    def write(uow: UnitOfWork) -> None:
        for kind, contact, due in (("call_back", "1", "noon"), (REMINDER, "", "2026-12-01")):
            task = CreateTask(kind=kind, contact=contact, due=due, note="")
            promise = MakePromise(kind, due, "bot", times, task)
            store_promise(uow, promise, uow.conversations.get(conversation), now)

    play.app.database.write(write)
    return conversation


def owed(play: Play, conversation: str) -> list[tuple[str, str, str]]:
    rows = play.app.database.read(lambda uow: uow.promises.open_of(conversation))
    return [(row.kind, row.text, row.due_at.isoformat()) for row in rows]


def test_what_was_agreed_is_known_to_the_next_turn(play: Play) -> None:
    conversation, now = agreed(play), play.clock.now()
    facts = play.app.database.read(
        lambda uow: facts_of(uow, uow.conversations.head(conversation, now), now)
    )
    assert [each.kind for each in facts.promises] == ["call_back", REMINDER]
    assert [each.text for each in facts.last_replies] == [play.log(conversation)[-1][2]]
    assert facts.last_steps and facts.last_said_at == now


def test_taking_back_one_promise_leaves_the_other(play: Play) -> None:
    conversation, now = agreed(play), play.clock.now()
    play.app.database.write(
        lambda uow: apply_command(uow, DropTask(REMINDER), conversation, 1, now)
    )
    assert tasks(play, conversation) == [
        ("call_back", "open", "1", "noon"),
        (REMINDER, "dropped", "", "2026-12-01"),
    ]
    assert [kind for kind, *_ in owed(play, conversation)] == ["call_back"]


def test_a_call_back_moved_to_another_day_is_owed_by_that_day(play: Play) -> None:
    conversation, now = agreed(play), play.clock.now()
    times = PromiseTimes(now + 24 * HOUR, None, now + 25 * HOUR)
    moved = CorrectTask("call_back", due="tomorrow", times=times)
    play.app.database.write(lambda uow: apply_command(uow, moved, conversation, 1, now))
    assert owed(play, conversation)[0] == ("call_back", "tomorrow", times.due_at.isoformat())


def test_a_call_back_put_right_keeps_what_was_right(play: Play) -> None:
    conversation, now = agreed(play), play.clock.now()
    put_right = CorrectTask("call_back", contact="2")
    play.app.database.write(lambda uow: apply_command(uow, put_right, conversation, 1, now))
    assert tasks(play, conversation)[0] == ("call_back", "open", "2", "noon")


def test_a_customer_who_falls_silent_is_not_nudged(play: Play) -> None:
    conversation = play.start()
    play.say(conversation, "expensive")
    before = play.log(conversation)
    app = play.app
    jobs = all_jobs(app.settings.var_dir, app.book, play.notifier, app.owner_changed)
    scheduler = Scheduler(app.database, play.clock, jobs)
    for _ in range(30):
        play.clock.advance(HOUR.total_seconds())
        asyncio.run(scheduler.run_due(play.clock.now()))
    assert play.log(conversation) == before
