"""What staff do with cases and tasks; finding a case by what was said; what webhooks are told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from bot.crm.cases import CaseFilter
from bot.crm.database import Database
from bot.crm.tasks import TaskFilter
from bot.errors import NotFoundError, UsageError, VersionConflictError
from bot.services.case_events import CHANGED, EVENTS, IS_OVERDUE, OPENED
from bot.services.case_moves import Mover
from bot.services.cases import CaseChange, change_case, note_overdue
from bot.services.tasks import NewTask, TaskChange, add_task, change_task
from tests.conftest import Play
from tests.fakes import START

LIN = Mover("p1", "agent", "Lin")


def complain(play: Play, text: str) -> Any:
    """Open a case in a new conversation; return it."""
    talk = play.start()
    play.say(talk, f"complaint {text}")
    return play.app.database.read(lambda uow: uow.cases.of_conversation(talk)[0])


def change(play: Play, number: str, expected: int | None = None, **values: str) -> Any:
    return play.app.database.write(
        lambda uow: change_case(
            uow, number, CaseChange(**values), by=LIN, now=START, expected=expected
        )
    )


def search(database: Database, query: str) -> list[str]:
    return [row.number for row in database.read(lambda uow: uow.cases.search(query)).items]


def bodies(database: Database) -> list[Any]:
    """Return (kind, body) of everything in the outbox, as the one webhook is told."""
    later, lease = START + timedelta(days=400), timedelta(minutes=1)

    def read(uow: Any) -> list[Any]:
        taken = uow.outbox.take(later, lease, limit=100)
        return [(each.kind, each.body) for each in taken]

    return database.write(read)


def listen(database: Database) -> None:
    database.write(
        lambda uow: uow.outbox.add_webhook("https://shop.example/hook", "s", list(EVENTS), START)
    )


# --- cases ------------------------------------------------------------------------------------


def test_case_belongs_to_the_customer_of_its_talk(play: Play) -> None:
    case = complain(play, "cup")
    assert case.customer_id is not None
    page = play.app.database.read(
        lambda uow: uow.cases.page(CaseFilter(customer_id=case.customer_id))
    )
    assert [row.number for row in page.items] == [case.number]


def test_assigning_and_noting_are_events_of_the_case(play: Play) -> None:
    case = complain(play, "cup")
    changed = change(play, case.number, owner="Zhang", note="called, nobody there")
    assert (changed.owner, changed.version) == ("Zhang", case.version + 2)
    told = play.app.database.read(lambda uow: uow.cases.events_of(case.number))
    assert [(each.verb, each.actor) for each in told] == [
        ("opened", "bot"),
        ("assigned", "p1"),
        ("noted", "p1"),
    ]
    assert told[2].body == {"note": "called, nobody there"}
    assert change(play, case.number, owner="Zhang").version == changed.version  # already so


def test_stale_version_of_a_case_is_refused(play: Play) -> None:
    case = complain(play, "cup")
    change(play, case.number, note="one", expected=case.version)
    with pytest.raises(VersionConflictError):
        change(play, case.number, note="two", expected=case.version)
    with pytest.raises(NotFoundError):
        change(play, "P000000-000000-0", note="x")


@pytest.mark.parametrize(
    ("query", "is_found"),
    [
        ("杯子", True),
        ("子碎", True),  # any piece of two characters
        ("杯", True),
        ("碎", True),  # also the last of its run
        ("杯子 A45", True),  # words apart are looked for apart
        ("a45", True),
        ("杯 子碎", True),
        ("碎杯", False),  # not what was said
        ("杯子 b99", False),
        ("狗", False),
        ("", False),
        ("！？", False),
        ('" OR 1 NOT *', False),
        ("'; drop table message; --", False),
    ],
)
def test_case_is_found_by_what_was_said(play: Play, query: str, is_found: bool) -> None:
    case = complain(play, "我的杯子碎，型號ＹＬ－Ａ45")
    complain(play, "吹风机有异味")
    assert search(play.app.database, query) == ([case.number] if is_found else [])


def test_search_reads_either_script_and_pages_newest_first(play: Play) -> None:
    numbers = [complain(play, f"电热毯壞了{n}").number for n in range(5)]
    assert search(play.app.database, "電熱毯") == numbers[::-1]
    first = play.app.database.read(lambda uow: uow.cases.search("坏了", limit=2))
    rest = play.app.database.read(
        lambda uow: uow.cases.search("坏了", before_id=first.next_id, limit=9)
    )
    assert [row.number for row in (*first.items, *rest.items)] == numbers[::-1]
    assert rest.next_id is None


def test_overdue_case_is_marked_and_told_once(play: Play) -> None:
    database = play.app.database
    listen(database)
    case = complain(play, "cup")
    change(play, case.number, owner="Zhang")
    assert database.write(lambda uow: note_overdue(uow, case.deadline_at)) == 0
    late = case.deadline_at + timedelta(seconds=1)
    assert database.write(lambda uow: note_overdue(uow, late)) == 1
    assert database.write(lambda uow: note_overdue(uow, late)) == 0
    told = [(kind, body["number"]) for kind, body in bodies(database)]
    assert told == [(kind, case.number) for kind in (OPENED, CHANGED, IS_OVERDUE)]


def test_outbox_holds_ids_and_states_but_no_words(play: Play) -> None:
    database = play.app.database
    listen(database)
    complain(play, "secret words")
    told = bodies(database)
    assert told
    assert "secret" not in str(told)


# --- tasks ------------------------------------------------------------------------------------


def test_task_is_done_with_a_result_and_then_stays(play: Play) -> None:
    database = play.app.database
    task = database.write(
        lambda uow: add_task(uow, NewTask("visit", "install it"), actor="p1", now=START)
    )

    def put(**values: Any) -> Any:
        return database.write(
            lambda uow: change_task(uow, task.id, TaskChange(**values), actor="p1", now=START)
        )

    with pytest.raises(UsageError, match="^result: "):
        put(state="done")
    assert put(owner="Zhang").owner == "Zhang"
    done = put(state="done", result="works")
    assert (done.state, done.result, done.version) == ("done", "works", 3)
    with pytest.raises(UsageError, match="^state: "):
        put(owner="Li")
    page = database.read(lambda uow: uow.tasks.page(TaskFilter(state="open")))
    assert page.items == []


def test_task_of_a_case_is_about_its_customer(play: Play) -> None:
    case = complain(play, "cup")
    task = play.app.database.write(
        lambda uow: add_task(
            uow, NewTask("call_back", "call", case_number=case.number), actor="p1", now=START
        )
    )
    assert (task.case_id, task.customer_id) == (case.id, case.customer_id)
    with pytest.raises(NotFoundError):
        play.app.database.write(
            lambda uow: add_task(
                uow, NewTask("visit", "x", customer_id=10**6), actor="p1", now=START
            )
        )
