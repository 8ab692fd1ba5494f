"""What is promised is written down, watched, and told as it went (D-CUS-11)."""

from __future__ import annotations

import asyncio
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from typer.testing import CliRunner

from bot.cli.app import app as prelude
from bot.clock import SHOP_TIME_ZONE
from bot.crm.pictures import PictureFolder
from bot.crm.promises import PromiseFilter
from bot.crm.records import PromiseRecord, TaskRecord
from bot.crm.tasks import TaskFilter
from bot.dialogue.promising import Promising
from bot.dialogue.turn import TurnResult
from bot.errors import (
    NotAllowedError,
    NotFoundError,
    StorageUnavailableError,
    UsageError,
    VersionConflictError,
)
from bot.services import promises
from bot.services.operations import perform
from bot.services.privacy import PrivacyDesk
from bot.services.promise_watch import watch_promises
from bot.services.promises import EVENTS, NewPromise, add_promise, keep_promise
from bot.services.reminders import STALE, send_reminders
from bot.services.retention import run_retention
from bot.services.scheduler import Scheduler, all_jobs
from bot.services.tasks import TaskChange, change_task
from bot.services.turns import apply_result, load_turn
from bot.settings import Settings
from tests.conftest import Play
from tests.fakes import START, promise
from tests.integration.api_shop import ApiShop

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
REMINDED, DUE, BROKEN = START + 3 * HOUR, START + 4 * HOUR, START + 5 * HOUR + MINUTE
FORBIDDEN = "您冷静一点"


def promised(play: Play, *texts: str) -> str:
    """Start a talk in which the bot promised an answer; return it."""
    talk = play.start()
    play.say(talk, *(texts or ("promise",)))
    return talk


def rows(play: Play) -> list[PromiseRecord]:
    """Return all promises, oldest first."""
    return play.app.database.read(lambda uow: uow.promises.page(PromiseFilter())).items[::-1]


def only(play: Play) -> PromiseRecord:
    (row,) = rows(play)
    return row


def task_of(play: Play, row: PromiseRecord) -> TaskRecord:
    assert row.task_id is not None
    return play.app.database.read(lambda uow: uow.tasks.get(row.task_id))


def watch(play: Play, now: datetime) -> None:
    """Do what the job does at that moment."""

    async def main() -> None:
        app = play.app
        async for _ in watch_promises(
            app.database, now, book=app.book, owner_changed=app.owner_changed
        ):
            pass

    asyncio.run(main())


def keep(play: Play, number: int, now: datetime) -> PromiseRecord:
    return play.app.database.write(lambda uow: keep_promise(uow, number, "cli", now))


def listen(play: Play) -> None:
    play.app.database.write(
        lambda uow: uow.outbox.add_webhook("https://shop.example/hook", "s", list(EVENTS), START)
    )


def told(play: Play) -> list[tuple[str, int]]:
    """Return (event, promise) of all that webhooks are told, in order."""
    later = START + timedelta(days=400)
    taken = play.app.database.write(lambda uow: uow.outbox.take(later, MINUTE, limit=100))
    return [(each.kind, each.body["promise"]) for each in taken]


def said(play: Play, talk: str) -> list[str]:
    """Return what the service itself has said about promises."""
    found = play.app.database.read(lambda uow: uow.messages.events_after(talk, 0))
    return [row.response for row in found if (row.response or "").startswith("utter_promise")]


def owner(play: Play, talk: str) -> str:
    return play.app.database.read(lambda uow: uow.conversations.get(talk)).owner


def perform_as(play: Play, operation: str, **arguments: Any) -> Any:
    return play.run(lambda: perform(play.app, operation, arguments))


@pytest.fixture
def staffed(play: Play) -> Play:
    """A shop with two people."""
    for name in ("Lin", "Wang"):
        play.run(lambda name=name: play.app.add_user(name, "agent"))
    return play


# --- made -----------------------------------------------------------------------------------------


def test_promise_of_the_bot_has_owner_day_and_task(play: Play) -> None:
    talk = promised(play)
    row, turn = only(play), play.app.database.read(lambda uow: uow.turns.of_conversation(talk))[0]
    assert (row.conversation_id, row.turn_id, row.made_by) == (talk, turn.id, "bot")
    assert (row.kind, row.owner, row.state, row.due_at) == ("find_out", "agent", "open", DUE)
    assert row.customer_id is not None
    task = task_of(play, row)
    assert (task.kind, task.note, task.due_at, task.state) == ("find_out", "promise", DUE, "open")
    assert (task.conversation_id, task.customer_id) == (talk, row.customer_id)


def test_next_turn_is_told_what_is_owed(play: Play) -> None:
    talk = promised(play)
    play.say(talk, "hello")
    (view,) = play.engine.calls[-1][0].facts.promises
    assert (view.kind, view.about, view.due_at) == ("find_out", "promise", DUE)
    keep(play, only(play).id, DUE)
    play.say(talk, "hello")
    assert play.engine.calls[-1][0].facts.promises == ()


def test_promise_while_a_complaint_is_open_belongs_to_its_case(play: Play) -> None:
    talk = promised(play, "complaint: torn", "promise")
    case = play.app.database.read(lambda uow: uow.cases.of_conversation(talk))[0]
    assert only(play).case_id == case.id == task_of(play, only(play)).case_id


def test_turn_that_is_computed_twice_promises_once(play: Play) -> None:
    """Unique keys say it once more: whoever got past the version check, fails here, whole."""
    talk = promised(play)
    database, row = play.app.database, only(play)

    def again(uow: Any) -> None:
        record = uow.conversations.get(talk)
        promises.store_promise(uow, promise("x", START), record, START, turn_id=row.turn_id)

    with pytest.raises(StorageUnavailableError, match="promise.turn_id"):
        database.write(again)
    assert len(rows(play)) == 1
    wanted = TaskFilter(conversation_id=talk)
    assert len(database.read(lambda uow: uow.tasks.page(wanted).items)) == 1


def test_turn_that_is_thrown_away_promises_nothing(play: Play) -> None:
    talk = play.start()
    play.run(lambda: play.send(talk, "hello"))
    database, now = play.app.database, play.clock.now()
    with pytest.raises(ZeroDivisionError):

        def die_before_commit(uow: Any) -> None:
            play_turn(uow, talk, now)
            raise ZeroDivisionError

        database.write(die_before_commit)
    assert rows(play) == []


def play_turn(uow: Any, talk: str, now: datetime) -> None:
    uow.messages.add(talk, sender="customer", text="promise", state="pending", now=now)
    loaded = load_turn(uow, talk, now)
    assert loaded is not None
    request = loaded.request
    result = TurnResult(
        conversation_id=talk,
        version=request.version,
        first_seq=request.messages[0].seq,
        last_seq=request.messages[-1].seq,
        message_ids=tuple(each.message_id for each in request.messages),
        analyses=(),
        steps=(),
        commands=(promise("promise", now),),
        replies=(),
        snapshot=None,
    )
    apply_result(uow, request, result, now)
    assert len(uow.promises.open_of(talk)) == 1


def test_person_writes_down_what_they_promised(staffed: Play) -> None:
    talk = staffed.start()
    made = perform_as(
        staffed,
        "promise.add",
        conversation=talk,
        name="Lin",
        kind="dispatch_date",
        text="sent on Wednesday",
        day="2026-11-25",
    )
    row = only(staffed)
    assert (row.id, row.made_by, row.owner, row.turn_id) == (made["id"], "Lin", "Lin", None)
    assert row.due_at == datetime(2026, 11, 25, 21, tzinfo=SHOP_TIME_ZONE)  # closing time
    assert task_of(staffed, row).owner == "Lin"


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"kind": "wish"}, "kind: there is no 'wish'; there are find_out"),
        ({"day": date(2026, 11, 21)}, "past"),
        ({"due_at": START}, "past"),
        ({"due_at": datetime(2026, 11, 25)}, "time zone"),
        ({"day": date(9999, 12, 31)}, "year"),
    ],
)
def test_promise_that_makes_no_sense_is_refused(
    staffed: Play, values: dict[str, Any], complaint: str
) -> None:
    new = NewPromise(
        **{"conversation": staffed.start(), "name": "Lin", "kind": "other"} | {"text": "x"} | values
    )
    app = staffed.app
    with pytest.raises(UsageError, match=complaint):
        app.database.write(lambda uow: add_promise(uow, app.book, new, START))
    assert rows(staffed) == []


# --- kept, late, broken, withdrawn ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("moment", "state"), [(DUE, "kept"), (DUE + MINUTE, "late"), (BROKEN, "broken")]
)
def test_what_it_came_to_depends_on_when_alone(play: Play, moment: datetime, state: str) -> None:
    promised(play)
    kept = keep(play, only(play).id, moment)
    assert (kept.state, kept.kept_at, kept.remind_at) == (state, moment, None)
    assert (task_of(play, kept).state, task_of(play, kept).result) == ("done", "promise kept")
    with pytest.raises(UsageError, match="settled already"):
        keep(play, kept.id, moment)


def test_broken_one_that_is_kept_in_the_end_stays_broken(play: Play) -> None:
    """The job has not looked at it yet, or has: the same."""
    promised(play)
    number = only(play).id
    play.app.database.write(
        lambda uow: uow.conversations.update_fields(only(play).conversation_id, owner="queue")
    )
    watch(play, BROKEN)
    assert only(play).state == "broken"
    kept = keep(play, number, BROKEN + HOUR)
    assert (kept.state, kept.kept_at) == ("broken", BROKEN + HOUR)


def test_finished_task_keeps_its_promise_and_a_dropped_one_withdraws_it(play: Play) -> None:
    promised(play, "promise one", "promise two")
    one, two = rows(play)

    def finish(row: PromiseRecord, **values: str) -> None:
        change = TaskChange(**values)
        play.app.database.write(
            lambda uow: change_task(uow, row.task_id, change, actor="p1", now=DUE)
        )

    finish(one, state="done", result="told on the phone")
    finish(two, state="dropped", result="bought elsewhere")
    one, two = rows(play)
    assert (one.state, one.kept_at) == ("kept", DUE)
    assert (two.state, two.why, two.kept_at) == ("withdrawn", "bought elsewhere", None)


def test_withdrawing_needs_a_reason_and_cannot_hide_a_broken_one(play: Play) -> None:
    promised(play)
    number = only(play).id
    with pytest.raises(UsageError, match="why"):
        perform_as(play, "promise.withdraw", number=number, why=" ")
    play.app.database.write(lambda uow: uow.promises.change(number, {"state": "broken"}, START))
    with pytest.raises(UsageError, match="broken"):
        perform_as(play, "promise.withdraw", number=number, why="no matter")
    with pytest.raises(NotFoundError, match="no promise 404"):
        perform_as(play, "promise.keep", number=404)


def test_two_who_keep_it_at_once_keep_it_once(play: Play) -> None:
    promised(play)
    row = only(play)
    keep(play, row.id, DUE)
    with pytest.raises(VersionConflictError):
        play.app.database.write(
            lambda uow: uow.promises.change(row.id, {"state": "broken"}, DUE, row.version)
        )


def test_figures_are_counted_by_maker_and_kind(staffed: Play) -> None:
    talk = promised(staffed, "promise a", "promise b", "promise c", "promise d")
    for row, moment in zip(rows(staffed), (DUE, DUE + MINUTE, BROKEN), strict=False):
        keep(staffed, row.id, moment)
    perform_as(
        staffed, "promise.add", conversation=talk, name="Lin", kind="discount", text="10 off"
    )
    period = {"since": "2026-11-22T00:00:00+08:00", "until": "2026-11-24T00:00:00+08:00"}
    lines = perform_as(staffed, "promise.figures", **period)
    (bot,) = [each for each in lines if each["made_by"] == "bot"]
    assert {name: bot[name] for name in ("kept", "late", "broken", "open", "withdrawn")} == {
        "kept": 1,
        "late": 1,
        "broken": 1,
        "open": 1,
        "withdrawn": 0,
    }
    assert bot["kept_share"] == pytest.approx(1 / 3)
    mine = [each for each in lines if each["made_by"] == "Lin"]
    assert [(each["kind"], each["kept_share"]) for each in mine] == [("discount", None)]


# --- the answer -----------------------------------------------------------------------------------


def answer(play: Play, number: int, name: str = "Lin", text: str = "yes", **more: Any) -> None:
    perform_as(play, "promise.answer", number=number, name=name, text=text, **more)


def test_answer_reaches_the_customer_in_the_persons_name_and_keeps_the_promise(
    staffed: Play,
) -> None:
    talk = promised(staffed)
    answer(staffed, only(staffed).id, text="Free from 99 yuan on.")
    pushed = staffed.notifier.events[talk][-1]
    assert (pushed["sender"], pushed["name"]) == ("agent", "Lin")
    assert pushed["text"] == "Free from 99 yuan on." == staffed.log(talk)[-1][2]
    assert (only(staffed).state, owner(staffed, talk)) == ("kept", "bot")
    assert task_of(staffed, only(staffed)).result == "answered"
    with pytest.raises(UsageError, match="settled"):
        answer(staffed, only(staffed).id)
    assert len(staffed.log(talk)) == 3


def test_answer_passes_the_guard(staffed: Play) -> None:
    talk = promised(staffed)
    for text, complaint in ((FORBIDDEN, "not sent"), (" ", "needs a text")):
        with pytest.raises(UsageError, match=complaint):
            answer(staffed, only(staffed).id, text=text)
    assert (only(staffed).state, len(staffed.log(talk))) == ("open", 2)
    answer(staffed, only(staffed).id, text=FORBIDDEN, is_confirmed=True)
    assert only(staffed).state == "kept"


def test_what_the_guard_only_warns_of_is_sent_and_told(staffed: Play) -> None:
    promised(staffed)
    told_back = perform_as(
        staffed, "promise.answer", number=only(staffed).id, name="Lin", text="只剩3台了"
    )
    assert len(told_back["warnings"]) == 1
    assert only(staffed).state == "kept"


def test_nobody_answers_into_another_persons_talk(staffed: Play) -> None:
    talk = promised(staffed)
    staffed.run(lambda: staffed.app.claim(talk, "Wang"))
    with pytest.raises(NotAllowedError, match="Wang talks with this customer"):
        answer(staffed, only(staffed).id)
    answer(staffed, only(staffed).id, "Wang")
    assert (only(staffed).state, owner(staffed, talk)) == ("kept", "agent")


def test_only_an_answer_is_given_so_and_by_somebody_known(staffed: Play) -> None:
    talk = staffed.start()
    perform_as(staffed, "promise.add", conversation=talk, name="Lin", kind="discount", text="x")
    with pytest.raises(UsageError, match="promises keep"):
        answer(staffed, only(staffed).id)
    with pytest.raises(NotAllowedError, match="no user"):
        answer(staffed, only(staffed).id, "Nobody")
    assert only(staffed).state == "open"


# --- watched --------------------------------------------------------------------------------------


def test_owner_is_reminded_once_before_it_is_due(play: Play) -> None:
    listen(play)
    promised(play)
    for moment in (REMINDED - MINUTE, REMINDED, REMINDED, REMINDED + MINUTE, START, DUE):
        watch(play, moment)
    assert told(play) == [("promise.due", only(play).id)]


def test_kept_in_time_nobody_is_reminded_and_nothing_is_broken(play: Play) -> None:
    listen(play)
    talk = promised(play)
    keep(play, only(play).id, REMINDED - MINUTE)
    watch(play, BROKEN)
    assert (told(play), said(play, talk), only(play).state) == ([], [], "kept")


def test_within_the_grace_it_is_not_broken(play: Play) -> None:
    talk = promised(play)
    watch(play, BROKEN - MINUTE)
    assert (only(play).state, said(play, talk)) == ("open", [])


def test_broken_answer_is_apologised_for_with_one_new_day(play: Play) -> None:
    listen(play)
    talk = promised(play)
    for moment in (BROKEN, BROKEN, BROKEN + MINUTE, START, BROKEN + 2 * MINUTE):
        watch(play, moment)  # again, later, after the clock went back
    first, second = rows(play)
    assert said(play, talk) == ["utter_promise_broken"]
    assert told(play) == [("promise.broken", first.id)]
    assert (first.state, first.kept_at) == ("broken", None)
    assert (second.state, second.renewal, second.text) == ("open", 1, first.text)
    assert second.due_at == datetime(2026, 11, 23, 11, 30, tzinfo=SHOP_TIME_ZONE)
    assert "明天11:30" in play.log(talk)[-1][2]
    assert second.task_id == first.task_id
    assert (task_of(play, second).state, task_of(play, second).due_at) == ("open", second.due_at)
    assert [event["text"] for event in play.notifier.events[talk] if "text" in event][-1] == (
        play.log(talk)[-1][2]
    )


def test_broken_twice_a_person_takes_over(play: Play) -> None:
    listen(play)
    talk = promised(play)
    watch(play, BROKEN)
    second_end = rows(play)[1].broken_after + MINUTE
    for _ in range(2):
        watch(play, second_end)
    assert said(play, talk) == ["utter_promise_broken", "utter_promise_handed_over"]
    assert [row.state for row in rows(play)] == ["broken", "broken"]
    assert owner(play, talk) == "queue"
    states = [event for event in play.notifier.events[talk] if event["type"] == "state"]
    assert states[-1]["owner"] == "queue"
    assert [kind for kind, _ in told(play)] == [
        "promise.broken",
        "promise.broken",
    ]
    play.say(talk, "hello?")
    assert play.log(talk)[-2][1:] == ("held", "hello?")


def test_answer_after_the_new_day_was_named_goes_to_the_new_promise(staffed: Play) -> None:
    promised(staffed)
    watch(staffed, BROKEN)
    first, second = rows(staffed)
    with pytest.raises(UsageError, match=f"in its place is promise {second.id}"):
        answer(staffed, first.id)
    answer(staffed, second.id)
    assert [row.state for row in rows(staffed)] == ["broken", "kept"]


def refuse(play: Play, talk: str) -> None:
    play.app.database.write(
        lambda uow: uow.conversations.update_fields(talk, contact_refused_at=START)
    )


@pytest.mark.parametrize(
    "what",
    [
        lambda play, talk: play.say(talk, "human"),
        lambda play, talk: play.run(lambda: play.app.claim(talk, "Lin")),
        refuse,
    ],
)
def test_bot_says_nothing_where_a_person_is_or_nothing_is_wanted(staffed: Play, what: Any) -> None:
    listen(staffed)
    talk = promised(staffed)
    what(staffed, talk)
    before = owner(staffed, talk)
    watch(staffed, BROKEN)
    assert (said(staffed, talk), owner(staffed, talk)) == ([], before)
    assert only(staffed).state == "broken"
    assert told(staffed) == [("promise.broken", only(staffed).id)]


def test_broken_discount_is_marked_and_told_but_not_talked_about(staffed: Play) -> None:
    listen(staffed)
    talk = staffed.start()
    perform_as(staffed, "promise.add", conversation=talk, name="Lin", kind="discount", text="x")
    watch(staffed, START + timedelta(days=3))
    assert (only(staffed).state, said(staffed, talk)) == ("broken", [])
    assert [kind for kind, _ in told(staffed)] == ["promise.broken"]


def test_many_promises_are_all_watched(play: Play) -> None:
    listen(play)
    talks = [promised(play) for _ in range(5)]
    watch(play, REMINDED)
    watch(play, BROKEN)
    kinds = [kind for kind, _ in told(play)]
    assert kinds == ["promise.due"] * 5 + ["promise.broken"] * 5
    assert all(said(play, talk) == ["utter_promise_broken"] for talk in talks)


def test_job_that_dies_between_two_leaves_whole_ones_and_goes_on(play: Play) -> None:
    """Dying after a commit, the customer has the apology by `seq`, though nobody pushed it."""
    talks = [promised(play) for _ in range(3)]

    async def die(conversation_id: str, events: Any) -> None:
        raise asyncio.CancelledError

    async def main() -> None:
        app = play.app
        work = watch_promises(app.database, BROKEN, book=app.book, owner_changed=die)
        with pytest.raises(asyncio.CancelledError):
            async for _ in work:
                pass

    asyncio.run(main())
    assert [len(said(play, talk)) for talk in talks] == [1, 0, 0]
    watch(play, BROKEN)
    assert [said(play, talk) for talk in talks] == [["utter_promise_broken"]] * 3
    assert [row.state for row in rows(play)] == ["broken"] * 3 + ["open"] * 3


def test_death_before_the_commit_leaves_it_as_it_was(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    listen(play)
    talk = promised(play)
    with monkeypatch.context() as patched:
        patched.setitem(play.app.book.replies, "utter_promise_broken", ())  # no words: it fails
        with pytest.raises(Exception, match="no wording"):
            watch(play, BROKEN)
    assert (only(play).state, said(play, talk), told(play)) == ("open", [], [])
    watch(play, BROKEN)
    assert said(play, talk) == ["utter_promise_broken"]


def test_watching_is_one_of_the_jobs(play: Play, settings: Settings) -> None:
    talk = promised(play)
    play.clock.advance((BROKEN - play.clock.now()).total_seconds())
    app = play.app
    jobs = all_jobs(settings.var_dir, app.book, app.notifier, app.owner_changed)
    chosen = [job for job in jobs if job.name == "promises"]
    scheduler = Scheduler(app.database, play.clock, chosen)
    assert asyncio.run(scheduler.run_due(play.clock.now())) == ["promises"]
    assert said(play, talk) == ["utter_promise_broken"]


# --- the one reminder -----------------------------------------------------------------------------


def remind(play: Play, now: datetime) -> None:
    async def main() -> None:
        app = play.app
        async for _ in send_reminders(app.database, now, book=app.book, notifier=play.notifier):
            pass

    asyncio.run(main())


def reminder(play: Play) -> str:
    """Start a talk in which a reminder was promised for tomorrow at ten."""
    talk = play.start()
    play.say(talk, "later")
    hours = play.run(play.app.shop).hours
    desk = Promising(play.app.book.promises, hours, START, (), ())
    made = desk.reminder(date(2026, 11, 23), datetime(2026, 11, 23, 10, tzinfo=SHOP_TIME_ZONE))
    play.app.database.write(
        lambda uow: promises.store_promise(uow, made, uow.conversations.get(talk), START)
    )
    play.clock.advance(60)
    return talk


TEN = datetime(2026, 11, 23, 10, tzinfo=SHOP_TIME_ZONE)


def test_reminder_is_kept_when_it_is_sent(play: Play) -> None:
    reminder(play)
    remind(play, TEN + MINUTE)
    assert (only(play).state, only(play).kept_at) == ("kept", TEN + MINUTE)


def test_reminder_that_nobody_wants_any_more_is_withdrawn(play: Play) -> None:
    talk = reminder(play)
    play.say(talk, "here again")
    remind(play, TEN + MINUTE)
    assert (only(play).state, only(play).why) == ("withdrawn", "came back")


def test_reminder_that_a_stopped_server_missed_is_broken(play: Play) -> None:
    listen(play)
    talk = reminder(play)
    late = TEN + STALE + HOUR
    remind(play, late)
    assert only(play).state == "open"
    watch(play, late)
    assert (only(play).state, said(play, talk)) == ("broken", [])
    assert [kind for kind, _ in told(play)] == ["promise.broken"]


# --- the edges ------------------------------------------------------------------------------------


def test_api_lists_reads_filters_and_masks(staffed: Play) -> None:
    shop = ApiShop(staffed)
    talk = promised(staffed, "promise one", "promise two")
    one, two = rows(staffed)
    keep(staffed, one.id, DUE)
    answered = shop.ask("GET", "promises", params={"state": "open"})
    assert [each["id"] for each in answered.json()["items"]] == [two.id]
    assert answered.json()["items"][0]["text"] == "asked: promise two"
    masked = shop.ask("GET", "promises", "promises:read", params={"conversation_id": talk}).json()
    assert [(each["state"], each["text"]) for each in masked["items"]] == [
        ("open", None),
        ("kept", None),
    ]
    found = shop.ask("GET", f"promises/{two.id}")
    assert (found.status_code, found.json()["due_at"]) == (200, "2026-11-22T07:00:00Z")
    again = shop.ask("GET", f"promises/{two.id}", headers={"If-None-Match": found.headers["etag"]})
    assert again.status_code == 304
    assert shop.ask("GET", "promises/404").status_code == 404
    assert shop.ask("GET", "promises", "tasks:read").status_code == 403
    assert shop.ask("GET", "promises", params={"state": "bent"}).status_code == 400
    before = shop.ask("GET", "promises", params={"due_before": "2026-11-22T07:00:00Z"})
    assert before.json()["items"] == []


def prelude_says(settings: Settings, *words: str) -> str:
    env = {
        "PRELUDE_VAR": str(settings.var_dir),
        "PRELUDE_DATABASE_URL": settings.database_url,
        "COLUMNS": "200",
    }
    done = CliRunner().invoke(prelude, ["promises", *words], env=env)
    assert done.exit_code == 0, (done.output, done.exception)
    return done.output


def test_commands_list_answer_keep_withdraw_add_and_count(
    staffed: Play, settings: Settings
) -> None:
    talk = promised(staffed, "promise one", "promise two", "promise three")
    one, two, three = (row.id for row in rows(staffed))
    staffed.app.database.close()
    listed = prelude_says(settings)
    assert all(f"asked: promise {name}" in listed for name in ("one", "two", "three"))
    assert f"answered promise {one}" in prelude_says(
        settings, "answer", str(one), "yes", "--as", "Lin"
    )
    assert f"promise {two}: " in prelude_says(settings, "keep", str(two), "--as", "Lin")
    assert "withdrawn" in prelude_says(settings, "withdraw", str(three), "--why", "bought")
    assert "there is no such promise" in prelude_says(settings)
    added = prelude_says(
        settings,
        "add",
        talk,
        "10 off",
        "--as",
        "Lin",
        "--kind",
        "discount",
        "--due",
        "2099-11-25T15:00",
    )
    assert "due 2099-11-25 15:00" in added
    assert "10 off" in prelude_says(settings, "--owner", "Lin")
    assert "no such promise" in prelude_says(settings, "--overdue")
    assert "promise one" in prelude_says(settings, "--all")
    counted = prelude_says(settings, "figures", "--since", "2026-11-22", "--until", "2026-11-22")
    assert "find_out" in counted and "kept in time" in counted
    assert "nothing was due" in prelude_says(
        settings, "figures", "--until", "2020-01-31", "--since", "2020-01-01"
    )


def test_erasure_withdraws_what_is_owed_and_leaves_no_word(play: Play, settings: Settings) -> None:
    promised(play)
    row = only(play)
    folder = PictureFolder(settings.var_dir / "pictures")
    desk = PrivacyDesk(play.app.database, folder, play.clock)
    assert row.customer_id is not None
    copied = play.app.database.read(lambda uow: uow.privacy.export_rows(row.customer_id))
    (copy,) = copied["promise"]
    assert copy["text"] == "asked: promise" and not copy.keys() & {"made_by", "owner"}
    desk.erase(row.customer_id, "cli")
    gone = only(play)
    assert (gone.text, gone.why, gone.state, gone.remind_at) == ("", "", "withdrawn", None)
    watch(play, BROKEN)
    assert only(play).state == "withdrawn"


def test_retention_empties_old_ones_and_figures_stay(play: Play, settings: Settings) -> None:
    promised(play)
    keep(play, only(play).id, DUE)

    async def main() -> None:
        years = START + timedelta(days=5 * 365)
        async for _ in run_retention(play.app.database, years, var_dir=settings.var_dir):
            pass

    asyncio.run(main())
    assert (only(play).text, only(play).state) == ("", "kept")
