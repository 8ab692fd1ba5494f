"""The REST API as a program meets it: lists, cards, changes, conditions, refusals, masks."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from bot.crm.privacy_labels import is_personal
from bot.errors import StorageUnavailableError
from bot.services.api_tokens import PERSONAL, SCOPES
from bot.web.api import schemas
from bot.web.api.masking import view_of
from tests.conftest import Play
from tests.integration.api_shop import PHONE, ApiShop

BLIND = tuple(scope for scope in SCOPES if scope != PERSONAL)
PROBLEM = "application/problem+json"


@pytest.fixture
def shop(play: Play) -> ApiShop:
    return ApiShop(play)


def problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    """Check that this is a refusal in the one shape; return it."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM), answer.text
    told = answer.json()
    assert (told["status"], told["code"]) == (status, code)
    assert told["type"] == f"urn:prelude:problem:{code}"
    assert told["detail"]
    return told


# --- customers --------------------------------------------------------------------------------


def test_customer_is_made_once_and_found_by_phone(shop: ApiShop) -> None:
    made = shop.ask("POST", "customers", json={"phone": PHONE, "name": "Lin Wei"})
    assert (made.status_code, made.headers["location"]) == (
        201,
        f"/api/v1/customers/{made.json()['id']}",
    )
    again = shop.ask("POST", "customers", json={"phone": f"+86 {PHONE}", "city": "Hefei"})
    assert (again.status_code, again.json()["id"]) == (200, made.json()["id"])
    found = shop.ask("GET", "customers", params={"phone": PHONE}).json()["items"]
    assert [(each["name"], each["city"]) for each in found] == [("Lin Wei", "Hefei")]


def test_card_shows_what_the_token_may_read(shop: ApiShop) -> None:
    customer = shop.add_customer()
    shop.add_order(phone=PHONE)
    shop.add_task(customer_id=customer["id"])
    card = shop.ask("GET", f"customers/{customer['id']}").json()
    assert [each["number"] for each in card["orders"]] == ["A1"]
    assert [each["note"] for each in card["tasks"]] == ["Call."]
    assert [each["value"] for each in card["identities"]] == [PHONE]
    less = shop.ask("GET", f"customers/{customer['id']}", "customers:read").json()
    assert (less["orders"], less["cases"], less["tasks"]) == (None, None, None)


def test_without_personal_read_people_are_masked_and_cannot_be_looked_for(shop: ApiShop) -> None:
    customer = shop.add_customer(note="likes tea", city="Hefei", birthday="05-17")
    card = shop.ask("GET", f"customers/{customer['id']}", *BLIND).json()
    seen = card["customer"]
    assert (seen["name"], seen["note"], seen["city"], seen["birthday"]) == ("L**", None, None, None)
    assert [each["value"] for each in card["identities"]] == ["138****8000"]
    assert PHONE not in json.dumps(card)
    problem(shop.ask("GET", "customers", *BLIND, params={"phone": PHONE}), 403, "missing_scope")
    problem(shop.ask("GET", "cases", *BLIND, params={"q": "seam"}), 403, "missing_scope")


def test_reading_a_person_unmasked_is_in_the_audit_trail(shop: ApiShop) -> None:
    customer = shop.add_customer()
    shop.ask("GET", f"customers/{customer['id']}", *BLIND)
    before = shop.audit()
    shop.ask("GET", f"customers/{customer['id']}")
    (entry,) = [each for each in shop.audit() if each not in before]
    assert entry[1:] == ("customer.read", f"customer:{customer['id']}")


def test_list_of_people_unmasked_is_in_the_audit_trail_under_the_token(shop: ApiShop) -> None:
    shop.ask("GET", "customers", *BLIND)
    assert [verb for _, verb, _ in shop.audit() if verb == "list.read"] == []
    shop.ask("GET", "customers")
    token_id = shop.tokens[frozenset(SCOPES)].removeprefix("prl_").partition(".")[0]
    assert shop.audit()[-1][1:] == ("list.read", f"token:{token_id}")


@pytest.mark.parametrize(
    ("view", "table"),
    [
        (schemas.CustomerView, "customer"),
        (schemas.IdentityView, "customer_identity"),
        (schemas.GradeView, "customer_grade"),
        (schemas.TalkView, "conversation"),
        (schemas.CaseView, "complaint_case"),
        (schemas.CaseEventView, "case_event"),
        (schemas.TaskView, "task"),
        (schemas.PromiseView, "promise"),
    ],
)
def test_every_column_labelled_personal_is_masked(view: Any, table: str) -> None:
    # so is one that is added later: the labels decide, not a list
    extra = {"do_not_contact", "score"} & set(view.__struct_fields__)
    names = [name for name in view.__struct_fields__ if name not in extra]
    row = SimpleNamespace(**{name: f"canary {PHONE}" for name in names})
    more = dict.fromkeys(extra)
    shown = msgspec.structs.asdict(view_of(view, table, row, sees_personal=False, **more))
    for name in names:
        is_whole = "canary" in str(shown[name]) or PHONE in str(shown[name])
        assert is_whole is not is_personal(f"{table}.{name}"), name


def test_orders_are_shown_whole_because_nothing_in_them_is_personal() -> None:
    for view, table in ((schemas.OrderView, "shop_order"), (schemas.OrderLineView, "order_line")):
        names = set(view.__struct_fields__) - {"lines"}
        assert [name for name in names if is_personal(f"{table}.{name}")] == []


def test_change_needs_the_version_that_was_seen(shop: ApiShop) -> None:
    customer = shop.add_customer()
    path = f"customers/{customer['id']}"
    etag = shop.ask("GET", path).headers["etag"]
    problem(shop.ask("PATCH", path, json={"city": "Wuhan"}), 428, "version_required")
    changed = shop.ask("PATCH", path, json={"city": "Wuhan"}, headers={"If-Match": etag})
    assert (changed.status_code, changed.json()["city"]) == (200, "Wuhan")
    stale = shop.ask("PATCH", path, json={"city": "Hefei"}, headers={"If-Match": etag})
    problem(stale, 412, "version_conflict")
    assert shop.ask("GET", path).json()["customer"]["city"] == "Wuhan"
    problem(
        shop.ask("PATCH", path, json={"city": "X"}, headers={"If-Match": "nonsense"}),
        400,
        "invalid",
    )


def test_unchanged_answers_are_not_sent_again(shop: ApiShop) -> None:
    customer = shop.add_customer()
    path = f"customers/{customer['id']}"
    etag = shop.ask("GET", path).headers["etag"]
    again = shop.ask("GET", path, headers={"If-None-Match": f'"1", {etag}'})
    assert (again.status_code, again.content) == (304, b"")
    shop.add_order(phone=PHONE)  # the card shows more, though the customer's row is as it was
    assert shop.ask("GET", path, headers={"If-None-Match": etag}).status_code == 200


def test_grade_is_pinned_and_let_go(shop: ApiShop) -> None:
    path = f"customers/{shop.add_customer()['id']}"
    any_version = {"If-Match": "*"}
    pinned = shop.ask("PATCH", path, json={"grade": "vip"}, headers=any_version).json()
    assert (pinned["grade"], pinned["grade_is_pinned"]) == ("vip", True)
    free = shop.ask("PATCH", path, json={"grade": None}, headers=any_version).json()
    assert free["grade_is_pinned"] is False


# --- lists ------------------------------------------------------------------------------------


def test_pages_stay_right_while_rows_are_added(shop: ApiShop) -> None:
    for number in range(5):
        shop.add_order(f"A{number}")
    first = shop.ask("GET", "orders", params={"limit": 2}).json()
    shop.add_order("A9")
    rest = shop.ask("GET", "orders", params={"limit": 9, "cursor": first["next_cursor"]}).json()
    numbers = [each["number"] for each in (*first["items"], *rest["items"])]
    assert numbers == ["A4", "A3", "A2", "A1", "A0"]
    assert rest["next_cursor"] is None
    other = shop.ask("GET", "tasks", params={"cursor": first["next_cursor"]})
    assert problem(other, 400, "invalid")["errors"][0]["field"] == "cursor"


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 201}, "limit"),
        ({"limit": "x"}, "limit"),
        ({"cursor": "%%%"}, "cursor"),
        ({"cursor": "x" * 5000}, "cursor"),
        ({"updated_since": "yesterday"}, "updated_since"),
        ({"updated_since": "2026-11-22T10:00:00"}, "updated_since"),
        ({"updated_since": "0001-01-01T00:00:00+14:00"}, "updated_since"),
        ({"colour": "red"}, "colour"),
        ({"state": ["paid", "placed"]}, "state"),
        ({"state": "a\0b"}, "state"),
        ({"customer_id": "-1"}, "customer_id"),
        ({"customer_id": str(10**30)}, "customer_id"),
    ],
)
def test_parameter_that_makes_no_sense_is_named(
    shop: ApiShop, params: dict[str, Any], field: str
) -> None:
    told = problem(shop.ask("GET", "orders", params=params), 400, "invalid")
    assert [each["field"] for each in told["errors"]] == [field]


# --- orders, cases, tasks, products -----------------------------------------------------------


def test_order_is_put_twice_with_one_outcome(shop: ApiShop) -> None:
    first = shop.add_order(phone=PHONE)
    assert first["total_fen"] == 3000
    body = {"placed_at": "2026-11-01T10:00:00+08:00", "phone": PHONE, "lines": [
        {"product_id": "p1", "quantity": 2, "price_fen": 1500}]}  # fmt: skip
    again = shop.ask("PUT", "orders/A1", json=body)
    assert (again.status_code, again.json()) == (200, first)
    sent = shop.ask(
        "PATCH",
        "orders/A1",
        json={"state": "dispatched", "dispatched_at": "2026-11-02T10:00:00+08:00"},
        headers={"If-Match": again.headers["etag"]},
    )
    assert (sent.json()["state"], sent.json()["version"]) == ("dispatched", 2)
    lost = shop.ask("PUT", "orders/Z9", json=body, headers={"If-Match": '"1"'})
    problem(lost, 412, "version_conflict")


def test_cases_are_found_by_what_was_said_and_worked_on(shop: ApiShop) -> None:
    number = shop.add_case("complaint 杯子碎了")
    shop.add_case("complaint 吹风机")
    found = shop.ask("GET", "cases", params={"q": "杯子"}).json()["items"]
    assert [each["number"] for each in found] == [number]
    both = shop.ask("GET", "cases", params={"q": "杯子", "is_open": True})
    problem(both, 400, "invalid")
    etag = shop.ask("GET", f"cases/{number}").headers["etag"]
    body = {"owner": "Zhang", "note": "called"}
    changed = shop.ask("PATCH", f"cases/{number}", json=body, headers={"If-Match": etag})
    assert changed.json()["owner"] == "Zhang"
    detail = shop.ask("GET", f"cases/{number}").json()
    assert [each["verb"] for each in detail["events"]] == ["opened", "assigned", "noted"]
    assert detail["events"][2]["body"] == {"note": "called"}
    hidden = shop.ask("GET", f"cases/{number}", *BLIND).json()
    assert hidden["events"][2]["body"] is None


def test_stale_version_is_refused_even_when_nothing_would_change(shop: ApiShop) -> None:
    paths = [f"customers/{shop.add_customer()['id']}", f"cases/{shop.add_case()}"]
    shop.add_order()
    paths += ["orders/A1", f"tasks/{shop.add_task()['id']}"]
    for path in paths:
        assert shop.ask("PATCH", path, json={}, headers={"If-Match": '"1"'}).status_code == 200
        stale = shop.ask("PATCH", path, json={}, headers={"If-Match": '"99"'})
        problem(stale, 412, "version_conflict")


def test_order_number_in_any_script_is_found_by_its_location(shop: ApiShop) -> None:
    body = {"placed_at": "2026-11-01T10:00:00+08:00", "lines": [
        {"product_id": "p1", "quantity": 1, "price_fen": 5}]}  # fmt: skip
    made = shop.ask("PUT", "orders/订单 1", json=body)
    assert made.headers["location"] == "/api/v1/orders/%E8%AE%A2%E5%8D%95%201"
    assert shop.ask("GET", made.headers["location"]).json()["number"] == "订单 1"


@pytest.mark.parametrize("year", ["0001", "1969", "2200", "9999"])
def test_time_that_no_shop_has_seen_is_refused(shop: ApiShop, year: str) -> None:
    # the first day of year 1 is no day any more in another time zone
    moment = f"{year}-01-01T00:00:00+14:00"
    task = shop.ask("POST", "tasks", json={"kind": "call", "note": "x", "due_at": moment})
    assert problem(task, 400, "invalid")["errors"][0]["field"] == "due_at"
    line = {"product_id": "p1", "quantity": 1, "price_fen": 5}
    order = shop.ask("PUT", "orders/A1", json={"placed_at": moment, "lines": [line]})
    assert problem(order, 400, "invalid")["errors"][0]["field"] == "placed_at"


def test_task_is_done_with_a_result(shop: ApiShop) -> None:
    task = shop.add_task(due_at="2026-11-23T09:00:00+08:00")
    path, any_version = f"tasks/{task['id']}", {"If-Match": "*"}
    bare = shop.ask("PATCH", path, json={"state": "done"}, headers=any_version)
    assert problem(bare, 400, "invalid")["errors"][0]["field"] == "result"
    done = shop.ask(
        "PATCH", path, json={"state": "done", "result": "reached"}, headers=any_version
    ).json()
    assert (done["state"], done["result"]) == ("done", "reached")
    assert shop.ask("GET", "tasks", params={"state": "open"}).json()["items"] == []


def test_products_are_those_of_the_folder(shop: ApiShop) -> None:
    listed = shop.ask("GET", "products", params={"limit": 200}).json()["items"]
    one = shop.ask("GET", f"products/{listed[0]['id']}").json()
    assert one == listed[0]
    assert one["price_fen"] > 0
    problem(shop.ask("GET", "products/none"), 404, "not_found")


# --- refusals ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", "body"),
        (b"{", "body"),
        (b"[]", "body"),
        (b'{"name": 5}', "name"),
        (b'{"name": "' + b"x" * 81 + b'"}', "name"),
        (b'{"colour": "red"}', "colour"),
        (b'{"name": "a\\u0000b"}', "body"),
        (b'{"name": "\xff"}', "body"),
        (b'{"household_size": 1' + b"0" * 400 + b"}", "household_size"),
        (b'{"birthday": "2026-02-30"}', "birthday"),
        (b'{"needs": ["power", "money"]}', "needs[1]"),
        (b'{"note": ' + b"[" * 5000 + b"]" * 5000 + b"}", "note"),
    ],
)
def test_body_that_makes_no_sense_names_its_field(shop: ApiShop, body: bytes, field: str) -> None:
    path = f"customers/{shop.add_customer()['id']}"
    headers = {"If-Match": "*", "Content-Type": "application/json"}
    told = problem(shop.ask("PATCH", path, content=body, headers=headers), 400, "invalid")
    assert [each["field"] for each in told["errors"]] in ([field], ["body"])
    assert shop.ask("GET", path).json()["customer"]["version"] == 1


def test_wrong_method_media_type_size_and_address_are_refused_in_the_same_shape(
    shop: ApiShop,
) -> None:
    problem(shop.ask("DELETE", "customers"), 405, "method_not_allowed")
    problem(
        shop.ask("POST", "tasks", content=b"{}", headers={"Content-Type": "text/plain"}),
        415,
        "unsupported_media_type",
    )
    large = b'{"note": "' + b"x" * (1024 * 1024) + b'"}'
    problem(
        shop.ask("POST", "tasks", content=large, headers={"Content-Type": "application/json"}),
        413,
        "body_too_large",
    )
    problem(shop.ask("GET", "customers/99"), 404, "not_found")
    problem(shop.ask("GET", f"customers/{10**9}"), 404, "not_found")


def test_database_that_is_gone_says_when_to_try_again_and_nothing_of_itself(
    shop: ApiShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.ask("GET", "customers", *BLIND)  # lets the token in

    async def gone(_: Any) -> Any:
        raise StorageUnavailableError("the database cannot be written: disk full at secret place")

    monkeypatch.setattr(shop.play.app.database, "write_async", gone)
    answer = shop.ask("POST", "customers", json={"phone": PHONE})
    told = problem(answer, 503, "storage_unavailable")
    assert answer.headers["retry-after"]
    assert "secret place" not in json.dumps(told)
