"""Follow-up calls: scheduled once, dropped when out of place, recorded, looked after."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from typer.testing import CliRunner

from bot.cli.app import app as prelude
from bot.crm.pictures import PictureFolder
from bot.crm.records import CaseRecord, TaskRecord
from bot.crm.tasks import TaskFilter
from bot.errors import NotFoundError, UsageError, VersionConflictError
from bot.services import follow_up
from bot.services.case_moves import Mover
from bot.services.exports import ExportRequest, export_header, read_page
from bot.services.follow_up import CallResult, Recorded, follow_ups, record_call, schedule_calls
from bot.services.privacy import PrivacyDesk
from bot.services.staff import add_user
from bot.services.tasks import NewTask, add_task
from bot.settings import Settings
from tests.conftest import Play
from tests.fakes import START
from tests.integration.api_shop import ApiShop
from tests.integration.test_cases import CUSTOMER, DECISION, Desk

PHONE = "13812348000"
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
CALLER = Mover("x7", "agent", "Lin")
PROGRAM = Mover("x8", "program", "erp")


@pytest.fixture
def desk(play: Play) -> Desk:
    return Desk(play)


def mended(desk: Desk, phone: str | None = PHONE) -> CaseRecord:
    """Return a case whose remedy was carried out."""
    case = desk.told(phone=phone)
    desk.move(case, "accept", CUSTOMER)
    return desk.move(case, "carry_out")


def closed(desk: Desk, phone: str | None = PHONE) -> CaseRecord:
    case = mended(desk, phone)
    return desk.move(case, "close", reason="mended", cause_level="system")


def schedule(desk: Desk, days: float = 1) -> list[TaskRecord]:
    """Run the job some days later; return all calls about cases."""
    now = desk.now + days * DAY

    async def main() -> None:
        async for _ in schedule_calls(desk.database, now):
            pass

    asyncio.run(main())
    return tasks(desk, "case_follow_up")


def tasks(desk: Desk, kind: str) -> list[TaskRecord]:
    return desk.database.read(lambda uow: uow.tasks.page(TaskFilter(kind=kind))).items[::-1]


def record(
    desk: Desk, task: TaskRecord, by: Mover = CALLER, expected: int | None = None, **result: Any
) -> Recorded:
    made = CallResult(**{"reached": True, **result})
    now = desk.now + 3 * DAY
    return desk.database.write(
        lambda uow: record_call(uow, task.id, made, by=by, now=now, expected=expected)
    )


def events(desk: Desk, case: CaseRecord) -> list[tuple[str, Any]]:
    rows = desk.database.read(lambda uow: uow.cases.events_of(case.number))
    return [(row.verb, row.body) for row in rows]


# --- scheduling -----------------------------------------------------------------------------


@pytest.mark.parametrize("make", [mended, closed])
def test_a_call_is_scheduled_once_with_number_and_script(
    desk: Desk, make: Callable[[Desk], CaseRecord]
) -> None:
    case = make(desk)
    (task,) = schedule(desk)
    assert schedule(desk) == [task]
    assert (task.case_id, task.customer_id, task.contact) == (case.id, case.customer_id, PHONE)
    assert task.due_at == START + 2 * DAY  # Tuesday, eleven o'clock
    assert case.number in task.note and "a coupon" in task.note


def test_case_that_is_closed_after_its_remedy_is_called_about_once(desk: Desk) -> None:
    case = mended(desk)
    before = schedule(desk)
    desk.move(case, "close", reason="mended", cause_level="system")
    assert schedule(desk, 2) == before and len(before) == 1


def leave_without_number(desk: Desk) -> CaseRecord:
    return closed(desk, None)


def refuse(desk: Desk) -> CaseRecord:
    case = closed(desk)
    at = desk.now
    desk.database.write(
        lambda uow: uow.customers.change(case.customer_id or 0, {"contact_refused_at": at}, at)
    )
    return case


def want_no_more(desk: Desk) -> CaseRecord:
    case = mended(desk)
    return desk.move(case, "end_contact", why="wants to hear no more of it")


def owe_another(desk: Desk) -> CaseRecord:
    case = desk.decided(phone=PHONE)
    for text in ("an apology in writing", "a call"):
        desk.move(case, "propose", kind="material", text=text)
    desk.move(case, "communicate")
    for row in desk.proposals(case):
        desk.move(case, "accept", CUSTOMER, proposal=row.ordinal)
    return desk.move(case, "carry_out", proposal=1)


@pytest.mark.parametrize(
    "make", [Desk.told, leave_without_number, refuse, want_no_more, owe_another]
)
def test_nobody_is_called_too_early_nor_against_the_wish(
    desk: Desk, make: Callable[[Desk], CaseRecord]
) -> None:
    make(desk)
    assert schedule(desk) == []


def test_number_that_was_left_for_a_call_back_is_called(desk: Desk) -> None:
    case = closed(desk, None)
    talk = case.conversation_id
    desk.database.write(
        lambda uow: uow.tasks.add("call_back", desk.now, conversation_id=talk, contact=PHONE)
    )
    (task,) = schedule(desk)
    assert task.contact == PHONE


def test_job_that_dies_half_way_is_begun_anew_without_doubles(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for phone in (PHONE, "13812348001", "13812348002"):
        closed(desk, phone)
    made, write = [], follow_up._schedule

    def die(*args: Any, **more: Any) -> None:
        write(*args, **more)
        made.append(more["number"])
        if len(made) == 2:
            raise RuntimeError("the power is gone before it is committed")

    monkeypatch.setattr(follow_up, "_schedule", die)
    with pytest.raises(RuntimeError):
        schedule(desk)
    assert len(tasks(desk, "case_follow_up")) == 1
    monkeypatch.setattr(follow_up, "_schedule", write)
    assert len({task.case_id for task in schedule(desk)}) == len(schedule(desk)) == 3


def test_call_about_a_reopened_case_is_dropped_and_another_one_comes(desk: Desk) -> None:
    case = closed(desk)
    schedule(desk)
    desk.move(case, "reopen", why="broken again")
    (task,) = schedule(desk)
    assert (task.state, task.result) == ("dropped", "case reopened")
    for move, body in (
        ("acknowledge", {}),
        ("assess", {"causes": ["product"]}),
        ("investigate", {"finding": "again"}),
        ("decide", {"outcome": "accept", "reasonable": True, "must": True, "able": True}),
    ):
        desk.move(case, move, **({"reason": "torn", **body} if move == "decide" else body))
    desk.move(case, "communicate")
    desk.move(case, "accept", CUSTOMER)
    desk.move(case, "close", reason="mended", cause_level="system")
    assert [each.state for each in schedule(desk)] == ["dropped", "open"]


def test_call_to_who_refuses_contact_since_is_dropped(desk: Desk) -> None:
    case = closed(desk)
    schedule(desk)
    at = desk.now
    desk.database.write(
        lambda uow: uow.customers.change(case.customer_id or 0, {"contact_refused_at": at}, at)
    )
    (task,) = schedule(desk)
    assert (task.state, task.result) == ("dropped", "wants no contact")


# --- recording ------------------------------------------------------------------------------


def rating(desk: Desk, task: TaskRecord) -> Any:
    talk = task.conversation_id or ""
    return desk.database.read(lambda uow: uow.conversations.satisfaction(talk))


def test_good_answer_is_kept_with_its_figures_and_noted_in_the_case(desk: Desk) -> None:
    case = closed(desk)
    (task,) = schedule(desk)
    answer: dict[str, Any] = {
        "score": 5,
        "expectation": "better",
        "again": "yes",
        "solved": True,
        "words": "很快",
    }
    made = record(desk, task, **answer, next="send the manual")
    assert (made.task.state, made.follow_up_task, made.is_reopened) == ("done", None, False)
    figures = "score: 5; expectation: better; again: yes; solved: yes"
    assert made.task.result == f"{figures}\n很快\nnext: send the manual"
    kept = rating(desk, made.task)
    assert (kept.score, kept.expectation, kept.again, kept.comment) == (5, "better", "yes", "很快")
    verb, body = events(desk, case)[-1]
    assert verb == "noted" and "score: 5" in body["note"]
    assert tasks(desk, "follow_up_bad") == []


@pytest.mark.parametrize("answer", [{"score": 2}, {"score": 1, "solved": True}])
def test_low_score_goes_to_a_supervisor_and_into_the_case(
    desk: Desk, answer: dict[str, Any]
) -> None:
    case = closed(desk)
    (task,) = schedule(desk)
    made = record(desk, task, **answer)
    (bad,) = tasks(desk, "follow_up_bad")
    assert (bad.id, bad.owner, bad.case_id) == (made.follow_up_task, "supervisor", case.id)
    assert (bad.contact, case.number in bad.note) == (PHONE, True)
    assert bad.due_at is not None and bad.due_at > desk.now + 3 * DAY
    assert (desk.read(case).stage, made.is_reopened) == ("closed", False)


def test_what_is_not_solved_opens_the_case_again_one_level_up(desk: Desk) -> None:
    case = closed(desk)
    (task,) = schedule(desk)
    made = record(desk, task, score=4, solved=False, words="漏得更厉害")
    again = desk.read(case)
    assert (again.stage, again.escalation_level) == ("receipt", case.escalation_level + 1)
    assert (made.is_reopened, made.follow_up_task) == (True, None)
    assert [each.case_id for each in desk.tasks()] == [case.id]  # the supervisor's, by the case
    assert "漏得更厉害" in events(desk, case)[-1][1]["why"]


@pytest.mark.parametrize("make, by", [(closed, PROGRAM), (mended, CALLER)])
def test_where_it_may_not_be_reopened_a_supervisor_is_told(
    desk: Desk, make: Callable[[Desk], CaseRecord], by: Mover
) -> None:
    case = make(desk)
    (task,) = schedule(desk)
    made = record(desk, task, by, solved=False)
    assert (desk.read(case).stage, made.is_reopened) == (case.stage, False)
    assert [each.id for each in tasks(desk, "follow_up_bad")] == [made.follow_up_task]


def test_answers_that_contradict_each_other_are_kept_and_marked(desk: Desk) -> None:
    closed(desk)
    (task,) = schedule(desk)
    made = record(desk, task, score=5, again="no")
    assert "satisfied, but would not buy again" in made.task.result
    row = exported(desk)
    assert (row["score"], row["again"], row["is_contradictory"]) == (5, "no", True)


def exported(desk: Desk) -> dict[str, Any]:
    from bot.knowledge.table_columns import load_tables

    page = read_page(desk.database, ExportRequest("cases", has_personal=True), desk.now)
    fields = [column.field for column in load_tables().tables["cases"].columns]
    assert len(export_header("cases")) == len(fields)
    return dict(zip(fields, page.rows[0], strict=True))


def test_case_that_nobody_rated_has_no_rating_in_the_export(desk: Desk) -> None:
    closed(desk)
    row = exported(desk)
    assert (row["score"], row["is_contradictory"]) == (None, None)


def test_who_is_not_reached_is_tried_again_and_given_up_at_last(desk: Desk) -> None:
    closed(desk)
    (task,) = schedule(desk)
    first = record(desk, task, reached=False, next="after work").task
    assert first.state == "open" and first.due_at is not None
    assert first.due_at > desk.now + 3 * DAY
    at = desk.now + 4 * DAY
    second = record(desk, task, reached=False, call_at=at).task
    assert (second.state, second.due_at) == ("open", at)
    third = record(desk, task, reached=False).task
    assert third.state == "dropped" and len(third.result.splitlines()) == 3
    with pytest.raises(UsageError, match="dropped"):
        record(desk, task, score=5)


@pytest.mark.parametrize(
    ("result", "told"),
    [
        ({}, "say what came"),
        ({"next": "x"}, "say what came"),
        ({"reached": False, "score": 3}, "said nothing"),
        ({"score": 3, "call_at": START}, "call_at"),
    ],
)
def test_result_that_makes_no_sense_is_refused(
    desk: Desk, result: dict[str, Any], told: str
) -> None:
    closed(desk)
    (task,) = schedule(desk)
    with pytest.raises(UsageError, match=told):
        record(desk, task, **result)
    assert tasks(desk, "case_follow_up") == [task]


def test_stale_version_and_what_is_no_call_are_refused(desk: Desk) -> None:
    closed(desk)
    (task,) = schedule(desk)
    with pytest.raises(VersionConflictError):
        record(desk, task, expected=task.version + 1, score=2)
    assert tasks(desk, "follow_up_bad") == []
    other = desk.database.write(
        lambda uow: add_task(uow, NewTask("call_back", "x"), actor="cli", now=START)
    )
    with pytest.raises(UsageError, match="not a follow-up call"):
        record(desk, other, score=5)
    with pytest.raises(NotFoundError):
        desk.database.read(lambda uow: follow_up.find_call(uow, 4044))


def test_aftercare_calls_are_recorded_likewise_without_a_case(desk: Desk) -> None:
    task = desk.database.write(
        lambda uow: add_task(uow, NewTask("follow_up", "used it yet?"), actor="cli", now=START)
    )
    made = record(desk, task, score=1)
    (bad,) = tasks(desk, "follow_up_bad")
    assert (made.case_number, made.follow_up_task, bad.case_id) == (None, bad.id, None)


def test_due_calls_are_listed_the_first_in_front(desk: Desk) -> None:
    closed(desk)
    (task,) = schedule(desk)

    def listed(due_before: Any) -> list[int]:
        return [each.id for each in desk.database.read(lambda uow: follow_ups(uow, due_before, 9))]

    assert task.due_at is not None
    assert listed(task.due_at) == [] and listed(task.due_at + MINUTE) == [task.id]
    late = desk.database.write(
        lambda uow: uow.tasks.add("follow_up", START, note="x", due_at=START + DAY)
    )
    assert listed(None) == [late, task.id]


def test_the_rating_of_a_call_counts_as_a_low_rating_of_the_customer(desk: Desk) -> None:
    case = closed(desk)
    (task,) = schedule(desk)
    record(desk, task, score=1)
    talks = desk.database.read(lambda uow: uow.customers.talks(case.customer_id or 0, 9))
    assert [talk.score for talk in talks if talk.score] == [1]


def test_erasure_empties_what_was_said_on_the_phone(desk: Desk, settings: Settings) -> None:
    case = closed(desk)
    (task,) = schedule(desk)
    record(desk, task, score=5, words="我住在三楼")
    privacy = PrivacyDesk(
        desk.database, PictureFolder(settings.var_dir / "pictures"), desk.play.clock
    )
    kept = desk.database.read(lambda uow: uow.tasks.get(task.id))
    assert "我住在三楼" in kept.result
    customer_id = case.customer_id or 0
    privacy.erase(customer_id, "cli")
    emptied = desk.database.read(lambda uow: uow.tasks.get(task.id))
    assert "三楼" not in emptied.result and PHONE not in emptied.contact
    assert "三楼" not in str(rating(desk, kept))


# --- the survey of a closed case ---------------------------------------------------------------


def survey(desk: Desk, case: CaseRecord) -> str:
    return str(asyncio.run(desk.play.app.standing(case.conversation_id))["survey"])


def test_survey_is_due_once_the_case_is_closed(desk: Desk) -> None:
    case = mended(desk)
    assert survey(desk, case) == "none"
    desk.move(case, "close", reason="mended", cause_level="system")
    assert survey(desk, case) == "due"
    desk.move(case, "reopen", why="broken again")
    assert survey(desk, case) == "none"


def test_survey_is_not_due_after_a_call_has_asked(desk: Desk) -> None:
    case = closed(desk)
    (task,) = schedule(desk)
    record(desk, task, score=5)
    assert survey(desk, case) == "none"


def with_a_person(play: Play, talk: str) -> None:
    async def main() -> None:
        await play.app.add_user("Lin", "agent")
        await play.app.claim(talk, "Lin")

    play.run(main)


@pytest.mark.parametrize(
    "what",
    [
        with_a_person,
        lambda play, talk: play.say(talk, "another thing"),
        lambda play, talk: play.say(talk, "complaint: another one"),
    ],
)
def test_survey_waits_while_the_talk_goes_on(
    desk: Desk, what: Callable[[Play, str], object]
) -> None:
    play = desk.play
    talk = play.start()
    play.say(talk, "complaint: it is broken")
    (case,) = desk.database.read(lambda uow: uow.cases.of_conversation(talk))
    for move, body in (
        *(("acknowledge", {}), ("assess", {"causes": ["product"]}), ("investigate", {})),
        *(("investigate", {"finding": "torn"}), ("decide", DECISION), ("communicate", {})),
        *(("accept", {}), ("close", {"reason": "mended", "cause_level": "system"})),
    ):
        desk.move(case, move, **body)
    assert survey(desk, case) == "due"
    play.clock.advance(60)
    what(play, talk)
    assert survey(desk, case) == "none"


def test_deadline_is_told_while_it_runs(desk: Desk) -> None:
    def due(case: CaseRecord) -> Any:
        return asyncio.run(desk.play.app.standing(case.conversation_id))["case"]["deadline_at"]

    case = desk.decided(phone=PHONE)
    assert due(case) is not None
    desk.move(case, "propose", kind="moral", text="sorry")
    desk.move(case, "communicate")
    assert due(case) is None  # it waits for the customer
    desk.move(case, "reject", words="no")
    assert due(case) is not None
    desk.move(case, "communicate")
    desk.move(case, "accept", CUSTOMER)
    assert due(case) is None


# --- commands and API -----------------------------------------------------------------------


def prelude_says(settings: Settings, *words: str, code: int = 0) -> str:
    env = {
        "PRELUDE_VAR": str(settings.var_dir),
        "PRELUDE_DATABASE_URL": settings.database_url,
        "COLUMNS": "200",
    }
    done = CliRunner().invoke(prelude, ["followups", *words], env=env)
    assert done.exit_code == code, (done.output, done.exception)
    return done.output


def test_commands_list_show_and_record(desk: Desk, settings: Settings) -> None:
    case = closed(desk)
    (task,) = schedule(desk)
    number = str(task.id)
    desk.database.write(lambda uow: add_user(uow, "Lin", "agent", START))
    desk.database.close()
    assert case.number in prelude_says(settings, "--all")
    assert case.number in prelude_says(settings, "show", number)
    told = prelude_says(settings, "record", number, "--as", "Lin", "--no-reached")
    assert f"call {number}: open, again " in told
    told = prelude_says(
        *(settings, "record", number, "--as", "Lin", "--score", "2", "--again", "no"),
        *("--no-solved", "--words", "没修好", "--next", "明天上门"),
    )
    assert f"call {number}: done; case {case.number} is open again" in told
    assert "nobody to call" in prelude_says(settings, "--all")
    assert prelude_says(settings, "record", number, "--as", "Lin", "--call-at", "x", code=1) == ""


def test_api_lists_and_records_with_the_scopes_of_tasks_and_cases(desk: Desk) -> None:
    shop = ApiShop(desk.play)
    case = closed(desk)
    (task,) = schedule(desk)
    listed = shop.ask("GET", "follow-ups", params={"is_due": "false"})
    assert [each["id"] for each in listed.json()["items"]] == [task.id]
    assert shop.ask("GET", "follow-ups").json()["items"] == []  # its time has not come
    (masked,) = shop.ask("GET", "follow-ups?is_due=false", "tasks:read").json()["items"]
    assert (masked["contact"], masked["note"]) == ("138****8000", None)
    assert shop.ask("GET", "follow-ups", "cases:read").status_code == 403

    path, body = f"follow-ups/{task.id}/result", {"reached": True, "score": 2}
    etag = {"If-Match": shop.ask("GET", f"tasks/{task.id}").headers["etag"]}

    def send(*scopes: str, headers: Any = etag, **more: Any) -> Any:
        return shop.ask("POST", path, *scopes, headers=headers, json={**body, **more})

    assert send("tasks:write").status_code == 403
    assert send("tasks:read", "cases:write").status_code == 403
    assert send(headers={}).status_code == 428
    assert send(headers={"If-Match": '"77"'}).status_code == 412
    assert send(score=6).status_code == 400
    done = send("tasks:write", "cases:write")
    assert done.status_code == 200, done.text
    assert (done.json()["task"]["state"], done.json()["case_number"]) == ("done", case.number)
    assert done.json()["follow_up_task"] == tasks(desk, "follow_up_bad")[0].id
    assert send(headers={"If-Match": "*"}).status_code == 400
    other = shop.add_task(kind="follow_up", note="x")
    answer = shop.ask(
        "POST",
        f"follow-ups/{other['id']}/result",
        "tasks:write",
        headers={"If-Match": "*"},
        json=body,
    )
    assert answer.status_code == 200  # no case: no scope of cases
