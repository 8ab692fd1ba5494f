"""Tokens of the REST API: who gets in, and to what (promises 14 and 16)."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from litestar.handlers import HTTPRouteHandler
from typer.testing import CliRunner

from bot.cli.people import user_app
from bot.crm.database import Database
from bot.errors import NotAllowedError, NotFoundError, UsageError
from bot.services.api_tokens import (
    FAILURE_RATE,
    ROLE_SCOPES,
    SCOPES,
    TOKEN_RATE,
    TokenDesk,
    authenticate,
    make_token,
    revoke_token,
)
from bot.services.operations import perform
from bot.services.staff import ROLES, add_user, change_role, disable, enable
from bot.web.api.routes import PREFIX, api_router
from tests.conftest import Play
from tests.integration.api_shop import ApiShop


@pytest.fixture
def shop(play: Play) -> ApiShop:
    return ApiShop(play)


def write(shop: ApiShop, work: Any, *args: Any) -> Any:
    now = shop.play.clock.now()
    return shop.play.app.database.write(lambda uow: work(uow, *args, now))


def routes() -> list[tuple[str, str, HTTPRouteHandler]]:
    """Return (method, path with an id that leads nowhere, handler) of every route."""
    found = []
    for route in api_router().routes:
        path = re.sub(r"\{\w+:int\}", "999", re.sub(r"\{\w+:str\}", "none", route.path))
        for handler in route.route_handlers:
            found += [
                (method, path, handler)
                for method in handler.http_methods
                if handler.opt.get("scope") or method != "OPTIONS"
            ]
    return found


def test_a_token_is_shown_once_and_only_its_hash_is_stored(shop: ApiShop) -> None:
    token = shop.token("tasks:read")
    assert re.fullmatch(r"prl_[0-9a-f]{12}\.[\w-]{43}", token)  # 43 characters are 256 bits
    assert shop.ask("GET", "tasks", token=token).status_code == 200
    folder = shop.play.app.settings.var_dir
    stored = b"".join(file.read_bytes() for file in folder.glob("prelude.db*"))
    token_id, _, secret = token.removeprefix("prl_").partition(".")
    assert token_id.encode() in stored
    assert secret.encode() not in stored


def test_whatever_is_wrong_with_a_token_the_answer_is_the_same(shop: ApiShop) -> None:
    def refusal(token: str | None, **more: Any) -> tuple[int, bytes, str]:
        answer = shop.ask("GET", "tasks", token=token, **more)
        return answer.status_code, answer.content, answer.headers["www-authenticate"]

    expired, revoked, disabled = (
        shop.token("tasks:read", days=1),
        shop.token("tasks:read"),
        None,
    )
    write(shop, add_user, "gone", "program")
    disabled = shop.token("tasks:read", name="gone")
    write(shop, disable, "gone")
    write(shop, revoke_token, revoked)
    shop.play.clock.advance(86_400)
    good = shop.token("tasks:read")
    wrong = good[:-2] + ("AA" if not good.endswith("AA") else "BB")
    unknown = "prl_000000000000." + "A" * 43
    bad = [expired, revoked, disabled, wrong, unknown, "", "prl_", "x" * 5000, good + "A"]
    answers = {refusal(token) for token in bad}
    answers.add(refusal(good, headers={"Authorization": f"Basic {good}"}))
    answers.add(refusal(good, headers={"Authorization": ""}))
    assert len(answers) == 1
    assert answers.pop()[0] == 401
    assert shop.ask("GET", "tasks", token=good).status_code == 200


def test_a_token_is_good_up_to_its_last_moment(shop: ApiShop) -> None:
    token = shop.token("tasks:read", days=1)
    shop.play.clock.advance(86_399)
    assert shop.ask("GET", "tasks", token=token).status_code == 200
    shop.play.clock.advance(1)
    assert shop.ask("GET", "tasks", token=token).status_code == 401


@pytest.mark.parametrize("role", ROLES)
def test_a_role_gives_away_no_more_than_it_may(role: str, shop: ApiShop) -> None:
    write(shop, add_user, "Lin", role)
    assert shop.token(*ROLE_SCOPES[role], name="Lin")
    for scope in set(SCOPES) - ROLE_SCOPES[role]:
        with pytest.raises(UsageError, match=f"the role {role} may not have {scope}"):
            shop.token(scope, name="Lin")


def test_agents_read_and_work_on_tasks_and_only_managers_and_programs_see_people() -> None:
    written = {scope for scope in ROLE_SCOPES["agent"] if scope.endswith(":write")}
    assert written == {"cases:write", "tasks:write"}
    assert "orders:write" in ROLE_SCOPES["supervisor"]
    seers = {role for role in ROLES if "personal:read" in ROLE_SCOPES[role]}
    assert seers == {"manager", "program"}


@pytest.mark.parametrize(
    ("scopes", "more", "reason"),
    [
        (["tasks:erase"], {}, "there is no scope 'tasks:erase'"),
        (["nothing:*"], {}, "there is no scope"),
        ([], {}, "at least one scope"),
        (["tasks:read"], {"days": 0}, "1 to 3650 days"),
        (["tasks:read"], {"label": "x" * 81}, "at most 80 characters"),
    ],
)
def test_a_token_that_makes_no_sense_is_not_made(
    scopes: list[str], more: dict[str, Any], reason: str, shop: ApiShop
) -> None:
    options = {"label": "", "days": None, **more}
    with pytest.raises(UsageError, match=reason):
        shop.play.app.database.write(
            lambda uow: make_token(uow, "erp", scopes, now=shop.play.clock.now(), **options)
        )


def test_a_star_stands_for_reading_and_writing(shop: ApiShop) -> None:
    token = shop.token("tasks:*")
    now = shop.play.clock.now()
    caller = shop.play.app.database.read(lambda uow: authenticate(uow, token, now))
    assert caller is not None
    assert caller.scopes == {"tasks:read", "tasks:write"}


def test_a_smaller_role_shrinks_the_tokens_at_once(shop: ApiShop) -> None:
    token = shop.token("customers:read", "customers:write", "tasks:write")
    write(shop, change_role, "erp", "agent")
    assert shop.ask("GET", "customers", token=token).status_code == 200
    answer = shop.ask("POST", "customers", token=token, json={"phone": "13812348000"})
    assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")


def test_disabling_ends_all_tokens_and_enabling_gives_back_the_living(shop: ApiShop) -> None:
    one, other = shop.token("tasks:read"), shop.token("cases:read")
    write(shop, revoke_token, other)
    write(shop, disable, "erp")
    assert shop.ask("GET", "tasks", token=one).status_code == 401
    with pytest.raises(UsageError, match="disabled"):
        shop.token("tasks:read")
    write(shop, enable, "erp")
    assert shop.ask("GET", "tasks", token=one).status_code == 200
    assert shop.ask("GET", "cases", token=other).status_code == 401


def test_the_conversations_of_somebody_disabled_wait_for_others(shop: ApiShop) -> None:
    app = shop.play.app
    write(shop, add_user, "Lin", "agent")
    mine, free = shop.play.start(), shop.play.start()
    shop.play.run(lambda: app.claim(mine, "Lin"))
    assert shop.play.run(lambda: app.disable_user("Lin")) == 1
    owners = [
        app.database.read(lambda uow, id_=id_: uow.conversations.get(id_)) for id_ in (mine, free)
    ]
    assert [(row.owner, row.agent_name) for row in owners] == [("queue", None), ("bot", None)]
    with pytest.raises(NotAllowedError, match="disabled"):
        shop.play.run(lambda: app.claim(mine, "Lin"))


def test_every_route_declares_a_scope_that_exists() -> None:
    found = routes()
    assert len(found) == 24
    assert {handler.opt.get("scope") for _, _, handler in found} == set(SCOPES) - {"personal:read"}
    assert all(handler.resolve_guards() for _, _, handler in found)


def test_a_route_opens_to_its_own_scope_and_to_no_other(shop: ApiShop) -> None:
    for method, path, handler in routes():
        needed = handler.opt["scope"]
        others = [scope for scope in SCOPES if scope != needed]
        for scopes in (*([each] for each in others), others):
            answer = shop.ask(method, path, *scopes, json={})
            assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope"), path
        assert shop.ask(method, path, needed, json={}).status_code not in (401, 403), path
        assert shop.ask(method, path, token="none", json={}).status_code == 401, path


def test_the_document_is_for_everybody(shop: ApiShop) -> None:
    answer = shop.ask("GET", "openapi.json", token="none")
    assert answer.status_code == 200
    assert f"{PREFIX}/customers" in answer.json()["paths"]


def test_a_token_that_asks_too_often_has_to_wait(shop: ApiShop) -> None:
    shop.web.state.tokens = TokenDesk(
        shop.play.app.database, shop.play.clock, token_rate="3/minute"
    )
    token, other = shop.token("tasks:read"), shop.token("tasks:read")
    assert [shop.ask("GET", "tasks", token=token).status_code for _ in range(3)] == [200] * 3
    answer = shop.ask("GET", "tasks", token=token)
    assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")
    assert answer.headers["retry-after"] == "60"
    assert shop.ask("GET", "tasks", token=other).status_code == 200
    shop.play.clock.advance(60)
    assert shop.ask("GET", "tasks", token=token).status_code == 200


def test_guesses_from_one_address_are_slowed_and_hold_up_nobody_else(shop: ApiShop) -> None:
    print(f"limits: {TOKEN_RATE} a token, {FAILURE_RATE} bad ones an address; neither raised")
    most = int(FAILURE_RATE.partition("/")[0])
    codes = [shop.ask("GET", "tasks", token="bad").status_code for _ in range(most + 1)]
    assert codes == [401] * most + [429]
    assert shop.ask("GET", "tasks", token="bad", address="10.0.0.2").status_code == 401
    assert shop.ask("GET", "tasks").status_code == 200  # shares the address, has a good one


def test_what_staff_commands_return_holds_no_secret(shop: ApiShop) -> None:
    def ask(operation: str, **arguments: Any) -> Any:
        return asyncio.run(perform(shop.play.app, operation, arguments))

    ask("user.add", name="Lin", role="manager")
    token = ask("user.token", name="Lin", scopes=["personal:read", "customers:*"], label="bi")
    (row,) = ask("user.tokens", name="Lin")
    assert row["label"] == "bi"
    assert row["scopes"] == ["customers:read", "customers:write", "personal:read"]
    assert "secret_hash" not in row
    assert row["id"] == token[4:16]
    ask("user.revoke", token=token)
    assert ask("user.tokens", name="Lin")[0]["revoked_at"] is not None
    ask("user.role", name="Lin", role="agent")
    assert {each["name"]: each["role"] for each in ask("user.list")} == {
        "Lin": "agent",
        "erp": "program",
    }
    ask("user.disable", name="Lin")
    ask("user.enable", name="Lin")
    assert [verb for actor, verb, _ in shop.audit() if actor == "cli"] == [
        *("user.added", "user.added", "token.made", "token.revoked"),
        *("user.role_changed", "user.disabled", "user.enabled"),
    ]


@pytest.mark.parametrize(
    ("name", "arguments", "error"),
    [
        ("user.role", {"name": "Nobody", "role": "agent"}, NotFoundError),
        ("user.role", {"name": "erp", "role": "king"}, UsageError),
        ("user.disable", {"name": "Nobody"}, NotFoundError),
        ("user.enable", {"name": "Nobody"}, NotFoundError),
        ("user.token", {"name": "Nobody", "scopes": ["tasks:read"]}, NotFoundError),
        ("user.tokens", {"name": "Nobody"}, NotFoundError),
        ("user.revoke", {"token": "none"}, NotFoundError),
        ("user.list", {"name": "erp"}, UsageError),
    ],
)
def test_a_staff_command_that_makes_no_sense_says_so(
    name: str, arguments: dict[str, Any], error: type[Exception], shop: ApiShop
) -> None:
    with pytest.raises(error):
        asyncio.run(perform(shop.play.app, name, arguments))


def test_the_commands_make_list_and_end_tokens(
    tmp_path: Path, migrated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    shutil.copy(migrated, folder / "prelude.db")
    monkeypatch.setenv("PRELUDE_VAR", str(folder))
    for name in [each for each in os.environ if each.startswith("PRELUDE_")]:
        if name != "PRELUDE_VAR":
            monkeypatch.delenv(name)

    def run(*words: str) -> str:
        done = CliRunner().invoke(user_app, list(words), catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.stdout

    run("add", "erp", "--role", "program")
    token = run("token", "erp", "--scope", "orders:*", "--days", "30", "--label", "ERP").split()[0]
    assert token.startswith("prl_")
    assert token[4:16] in run("tokens", "erp")
    assert "program" in run("list")
    run("revoke", token[4:16])
    run("role", "erp", "agent")
    assert "0 conversations" in run("disable", "erp")
    assert "disabled" in run("list")
    run("enable", "erp")
    database = Database(f"sqlite:///{folder / 'prelude.db'}")
    (row,) = database.read(lambda uow: uow.staff.tokens_of("erp"))
    database.close()
    assert row.revoked_at is not None
    assert row.scopes == ["orders:read", "orders:write"]
