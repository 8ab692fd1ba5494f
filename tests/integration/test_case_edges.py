"""Cases over the REST API and from the terminal; copies, erasure and retention of their words."""

from __future__ import annotations

from typing import Any

import pytest
from typer.testing import CliRunner

from bot.cli.app import app as prelude
from bot.crm.pictures import PictureFolder
from bot.errors import NotAllowedError, UsageError
from bot.services.operations import perform
from bot.services.privacy import PrivacyDesk
from bot.services.staff import add_user
from bot.services.standing import read_progress
from bot.settings import Settings
from tests.conftest import Play
from tests.fakes import START
from tests.integration.api_shop import ApiShop
from tests.integration.test_cases import COUPON, DECISION, Desk

PHONE = "13812348000"


@pytest.fixture
def shop(play: Play) -> ApiShop:
    made = ApiShop(play)
    play.app.database.write(lambda uow: add_user(uow, "Lin", "agent", START))
    play.app.database.write(lambda uow: add_user(uow, "Wu", "supervisor", START))
    return made


@pytest.fixture
def desk(play: Play) -> Desk:
    return Desk(play)


def enter(shop: ApiShop, **more: Any) -> Any:
    body = {"channel": "phone", "text": "接缝开了", "causes": ["product"], "phone": PHONE, **more}
    answer = shop.ask("POST", "cases", json=body)
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"/api/v1/cases/{answer.json()['number']}"
    return answer.json()


def move(shop: ApiShop, number: str, name: str, token: str | None = None, **body: Any) -> Any:
    path = f"cases/{number}"
    etag = shop.ask("GET", path).headers["etag"]
    sent = {"move": name, "body": body}
    return shop.ask("POST", f"{path}/moves", token=token, json=sent, headers={"If-Match": etag})


# --- the API ----------------------------------------------------------------------------------


def test_case_is_entered_and_moved_over_the_api(shop: ApiShop) -> None:
    number = enter(shop)["number"]
    lin = shop.token("cases:read", "cases:write", name="Lin")
    wu = shop.token("cases:read", "cases:write", name="Wu")
    assert move(shop, number, "take", lin).json()["owner"] == "Lin"
    for name, body in (
        ("acknowledge", {}),
        ("assess", {"causes": ["product"]}),
        ("investigate", {"finding": "torn"}),
        ("decide", DECISION),
        ("propose", {**COUPON, "value_fen": 9900}),
    ):
        answer = move(shop, number, name, lin, **body)
        assert answer.status_code == 200, answer.text
    refused = move(shop, number, "communicate", lin)
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid")
    assert "waits for approval" in refused.json()["detail"]
    refused = move(shop, number, "approve", lin)
    assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")
    assert move(shop, number, "approve", wu).status_code == 200
    detail = shop.ask("GET", f"cases/{number}", token=lin).json()
    assert [each["state"] for each in detail["proposals"]] == ["ready"]
    assert "communicate" in detail["moves"] and "approve" not in detail["moves"]
    assert detail["case"]["finding"] is None  # a text, and this token sees none
    assert shop.ask("GET", f"cases/{number}").json()["case"]["finding"] == "torn"


def test_move_over_the_api_needs_the_version_that_was_seen(shop: ApiShop) -> None:
    number = enter(shop)["number"]
    path, sent = f"cases/{number}/moves", {"move": "note", "body": {"note": "x"}}
    etag = shop.ask("GET", f"cases/{number}").headers["etag"]
    assert shop.ask("POST", path, json=sent).status_code == 428
    assert shop.ask("POST", path, json=sent, headers={"If-Match": etag}).status_code == 200
    late = shop.ask("POST", path, json=sent, headers={"If-Match": etag})
    assert (late.status_code, late.json()["code"]) == (412, "version_conflict")


@pytest.mark.parametrize(
    ("sent", "status", "field"),
    [
        ({"move": "fly"}, 400, "move"),
        ({"move": "note", "body": {"note": 3}}, 400, "note"),
        ({"move": "note", "body": {"note": "x", "more": 1}}, 400, None),
        ({"move": "assess", "body": {"harm": {"soul": "serious"}}}, 400, None),
        ({"move": "note"}, 400, None),
        ({}, 400, None),
        ({"move": "approve", "body": {"proposal": 99999}}, 400, None),
        ({"move": "close", "body": {"reason": "x"}}, 400, None),
    ],
)
def test_move_that_makes_no_sense_is_a_problem_of_the_caller(
    shop: ApiShop, sent: dict[str, Any], status: int, field: str | None
) -> None:
    number = enter(shop)["number"]
    answer = shop.ask("POST", f"cases/{number}/moves", json=sent, headers={"If-Match": "*"})
    assert answer.status_code == status, answer.text
    if field is not None:
        assert [each["field"] for each in answer.json()["errors"]] == [field]


def test_bad_entry_is_refused_and_opens_nothing(shop: ApiShop) -> None:
    for more in ({"phone": "12"}, {"customer_id": 999}, {"channel": "smoke"}, {"text": ""}):
        body = {"channel": "phone", "text": "x", **more}
        assert shop.ask("POST", "cases", json=body).status_code in (400, 404)
    assert shop.ask("GET", "cases").json()["items"] == []


def test_board_shows_the_most_urgent_first(shop: ApiShop) -> None:
    plain, bodily = enter(shop), enter(shop, harm={"bodily": "slight"})
    (first, *rest) = shop.ask("GET", "case-board").json()["stages"]
    assert (first["stage"], first["count"]) == ("receipt", 2)
    assert [each["number"] for each in first["cases"]] == [bodily["number"], plain["number"]]
    assert sum(each["count"] for each in rest) == 0


def test_every_move_is_in_the_audit_trail_without_a_word(shop: ApiShop) -> None:
    number = enter(shop)["number"]
    move(shop, number, "note", note="secret")
    case = shop.play.app.database.read(lambda uow: uow.cases.find(number))
    verbs = [verb for _, verb, subject in shop.audit() if subject == f"case:{case.id}"]
    assert {"case.entered", "case.noted"} <= set(verbs)
    assert "secret" not in str(shop.audit())


# --- what a customer sees ---------------------------------------------------------------------


def test_customer_sees_the_progress_without_names_and_notes(desk: Desk) -> None:
    case = desk.told()
    desk.move(case, "note", note="be careful")
    app = desk.play.app
    progress = desk.database.read(lambda uow: read_progress(uow, case.number, app.book, app.desk))
    assert progress["stage"] == app.book.complaints.stage_names["communication"]
    assert [(each["verb"], each["actor"]) for each in progress["events"]] == [
        ("opened", "staff"),
        ("acknowledged", "staff"),
        ("investigated", "staff"),
        ("answered", "staff"),
    ]


def test_customer_of_a_merged_case_is_told_of_the_one_in_which_it_goes_on(desk: Desk) -> None:
    into, case = desk.enter(phone=PHONE), desk.enter(phone=PHONE)
    desk.move(case, "merge", into=into.number)
    desk.move(into, "acknowledge")
    app = desk.play.app
    progress = desk.database.read(lambda uow: read_progress(uow, case.number, app.book, app.desk))
    assert progress["number"] == case.number
    assert progress["stage"] == app.book.complaints.stage_names["acknowledgement"]


# --- the terminal -----------------------------------------------------------------------------


@pytest.fixture
def terminal(shop: ApiShop, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a command on the test's own shop; return its exit code and output."""
    play = shop.play

    def ask(_: Settings, operation: str, **arguments: Any) -> Any:
        return play.run(lambda: perform(play.app, operation, arguments))

    monkeypatch.setattr("bot.cli.cases.ask_shop", ask)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words: str) -> Any:
        return CliRunner().invoke(prelude, ["cases", *words])

    return run


def test_whole_way_of_a_case_from_the_terminal(terminal: Any) -> None:
    lin = ("--as", "Lin")
    entered = terminal("enter", "接缝开了", *lin, "--cause", "product", "--harm", "economic=slight")
    assert entered.exit_code == 0, entered.output
    number = entered.output.split()[1].rstrip(",")
    for words in (
        ("take", number, *lin),
        ("acknowledge", number, *lin),
        ("assess", number, *lin, "--cause", "product", "--wish", "a new one"),
        ("investigate", number, "torn in the factory", *lin),
        ("decide", number, "accept", *lin, "--reason", "torn", "--reasonable", "--must", "--able"),
        ("propose", number, "a coupon", *lin, "--limit", "coupon", "--yuan", "99"),
        ("approve", number, "--as", "Wu"),
        ("communicate", number, *lin),
        ("answer", number, "accepted", *lin),
        ("done", number, *lin),
        ("note", number, "thanked us", *lin),
    ):
        result = terminal(*words)
        assert result.exit_code == 0, (words, result.output, result.exception)
    shown = terminal("show", number, *lin).output
    for text in ("a new one", "torn in the factory", "99.00", "done", "close", "thanked us"):
        assert text in shown
    assert number in terminal().output
    assert "communication" in terminal("board").output
    closed = terminal("close", number, *lin, "--reason", "mended", "--level", "system")
    assert "closed" in closed.output
    assert "no such case" in terminal().output
    assert number in terminal("--all").output
    assert terminal("reopen", number, *lin, "--why", "again").exit_code == 0
    assert number in terminal("--mine", "Lin").output


def test_move_from_the_terminal_needs_somebody_who_is_known(terminal: Any, desk: Desk) -> None:
    number = desk.enter().number
    nobody = terminal("take", number)
    assert isinstance(nobody.exception, NotAllowedError) and "--as" in str(nobody.exception)
    assert isinstance(terminal("take", number, "--as", "Xu").exception, NotAllowedError)
    refused = terminal("answer", number, "maybe", "--as", "Lin").exception
    assert isinstance(refused, UsageError) and "accepted, rejected, counter" in str(refused)
    refused = terminal("move", number, "wait", "why", "--as", "Lin").exception
    assert isinstance(refused, UsageError)
    moved = terminal("move", number, "acknowledge", "--as", "Lin")
    assert "acknowledgement" in moved.output
    waiting = terminal("move", number, "wait", "why=sends a picture", "--as", "Lin")
    assert "waits for the customer" in waiting.output
    assert "OVERDUE" not in terminal("show", number).output


# --- a person's own data ----------------------------------------------------------------------


def test_copy_holds_the_proposals_and_erasure_empties_them(desk: Desk, settings: Settings) -> None:
    case = desk.told(phone=PHONE)
    desk.move(case, "counter", words="换一台新的")
    assert case.customer_id is not None
    folder = PictureFolder(settings.var_dir / "pictures")
    privacy = PrivacyDesk(desk.database, folder, desk.play.clock)
    copied = privacy.copy(case.customer_id, "cli").receipt.rows
    assert copied["case_proposal"] == 1 and copied["complaint_case"] == 1
    privacy.erase(case.customer_id, "cli", despite_open_cases=True)
    (row,) = desk.proposals(case)
    erased = desk.read(case)
    assert (row.text, row.answer, row.value_fen) == ("", "", COUPON["value_fen"])
    assert (erased.finding, erased.reason, erased.stage) == (None, None, "response")
    events = desk.database.read(lambda uow: uow.cases.events_of(case.number))
    assert [each.body for each in events] == [{}] * len(events)
    assert desk.move(case, "note", note="erased on request").version == erased.version + 1
