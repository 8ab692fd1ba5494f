"""Who a customer is: recognised, written, merged, shown."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from bot.crm.customers import CustomerFilter
from bot.crm.database import Database
from bot.crm.unit_of_work import UnitOfWork
from bot.errors import UsageError, VersionConflictError
from bot.services import reception
from bot.services.customers import (
    CustomerChange,
    change_customer,
    merge_customers,
    put_customer,
    read_card,
)
from bot.services.identity import Customer
from bot.services.orders import OrderChange, OrderLineValue, put_order
from bot.services.tasks import NewTask, add_task
from tests.fakes import START, FakeClock

LATER = START + timedelta(hours=1)


def begin(database: Database, token: str, login: str = "", name: str = "") -> int | None:
    """Open a conversation, log in if a login is given; return whose it is."""

    def work(uow: UnitOfWork) -> int | None:
        talk = reception.begin(uow, "web", token, START)
        customer = Customer(login, name) if login else None
        reception.welcome(uow, talk.id, customer, None, START)
        return uow.conversations.get(talk.id).customer_id

    return database.write(work)


def put(database: Database, phone: str, **values: Any) -> Any:
    return database.write(
        lambda uow: put_customer(
            uow,
            [("phone", phone)],
            CustomerChange(**values),
            actor="cli",
            source="import",
            now=START,
        )
    )


def change(database: Database, customer_id: int, now: datetime = LATER, **values: Any) -> Any:
    expected = values.pop("expected", None)
    return database.write(
        lambda uow: change_customer(
            uow, customer_id, CustomerChange(**values), actor="cli", now=now, expected=expected
        )
    )


def kinds(database: Database, customer_id: int) -> list[str]:
    identities = database.read(lambda uow: uow.customers.identities(customer_id))
    return [each.kind for each in identities]


# --- recognised -------------------------------------------------------------------------------


def test_visitor_who_comes_back_is_the_same_customer(database: Database) -> None:
    assert begin(database, "token a") == begin(database, "token a") != begin(database, "token b")


def test_visitor_who_logs_in_becomes_the_customer_of_that_login(database: Database) -> None:
    visitor = begin(database, "token a")
    assert begin(database, "token a", "u1", "Wang") == visitor
    assert visitor is not None
    assert database.read(lambda uow: uow.customers.get(visitor)).name == "Wang"


def test_login_known_from_elsewhere_takes_over_what_the_visitor_did(database: Database) -> None:
    known = begin(database, "token a", "u1")
    visitor = begin(database, "token b")
    assert visitor != known
    assert begin(database, "token b", "u1") == known
    assert known is not None
    talks = database.read(lambda uow: uow.customers.talks(known))
    assert len(talks) == 3


def test_token_alone_never_leads_to_somebody_who_has_logged_in(database: Database) -> None:
    """A browser may have many users: whoever comes after must not get the first one's record."""
    known = begin(database, "token a", "u1")
    assert begin(database, "token a") != known
    assert begin(database, "token a", "u2") not in (known, None)
    assert known is not None
    assert kinds(database, known) == ["login"]


def test_who_wanted_no_offers_is_remembered_in_the_next_talk(database: Database) -> None:
    customer_id = begin(database, "token a")
    assert customer_id is not None
    change(database, customer_id, do_not_contact=True)
    talk = database.write(lambda uow: reception.begin(uow, "web", "token a", LATER))
    assert talk.contact_refused


# --- written ----------------------------------------------------------------------------------


def test_put_is_new_then_unchanged_then_changed(database: Database) -> None:
    first = put(database, "138 0013 8000", name="Li", city="Wuhan")
    assert first.outcome == "new"
    again = put(database, "+86 13800138000", name="Li", city="Wuhan")
    assert (again.id, again.outcome) == (first.id, "unchanged")
    moved = put(database, "13800138000", city="Xi'an")
    assert (moved.id, moved.outcome, moved.fields) == (first.id, "changed", ("city",))
    assert database.read(lambda uow: uow.customers.get(first.id)).name == "Li"


def test_identities_of_two_customers_are_refused(database: Database) -> None:
    put(database, "13800138000")
    begin(database, "token a", "u1")
    with pytest.raises(UsageError, match="two customers"):
        database.write(
            lambda uow: put_customer(
                uow,
                [("phone", "13800138000"), ("login", "u1")],
                CustomerChange(),
                actor="cli",
                source="import",
                now=START,
            )
        )


@pytest.mark.parametrize("phone", ["", "abc", "12345"])
def test_what_is_no_number_is_refused_by_name(database: Database, phone: str) -> None:
    with pytest.raises(UsageError, match="^phone: "):
        put(database, phone)


def test_birthday_that_no_calendar_has_is_refused(database: Database) -> None:
    with pytest.raises(UsageError, match="^birthday: "):
        put(database, "13800138000", birthday="02-30")
    assert put(database, "13800138000", birthday="02-29").outcome == "new"


def test_stale_version_is_refused_and_nothing_is_written(database: Database) -> None:
    customer_id = put(database, "13800138000", name="Li").id
    change(database, customer_id, city="Wuhan", expected=1)
    with pytest.raises(VersionConflictError):
        change(database, customer_id, city="Xi'an", expected=1)
    with pytest.raises(VersionConflictError):
        change(database, customer_id, city="Wuhan", expected=1)  # even if it is so already
    assert database.read(lambda uow: uow.customers.get(customer_id)).city == "Wuhan"


def test_grade_set_by_a_person_is_pinned_and_in_the_history(database: Database) -> None:
    customer_id = put(database, "13800138000").id
    change(database, customer_id, grade="vip")
    row = database.read(lambda uow: uow.customers.get(customer_id))
    assert (row.grade, row.grade_is_pinned) == ("vip", True)
    history = database.read(lambda uow: uow.customers.grades(customer_id))
    assert [(each.grade, each.rule) for each in history] == [("vip", "pinned")]
    change(database, customer_id, grade=None)
    assert not database.read(lambda uow: uow.customers.get(customer_id)).grade_is_pinned


def test_merge_keeps_what_is_known_and_fills_what_is_not(database: Database) -> None:
    kept = put(database, "13800138000", name="Li").id
    gone = begin(database, "token a", "u1", "Li Lei")
    assert gone is not None
    change(database, gone, city="Wuhan")
    database.write(lambda uow: merge_customers(uow, kept, gone, "cli", LATER))
    row = database.read(lambda uow: uow.customers.get(kept))
    assert (row.name, row.city) == ("Li", "Wuhan")
    assert kinds(database, kept) == ["phone", "login"]
    assert begin(database, "token b", "u1") == kept
    with pytest.raises(UsageError):
        database.write(lambda uow: merge_customers(uow, kept, kept, "cli", LATER))


def test_list_finds_by_number_grade_and_name_newest_first(database: Database) -> None:
    ids = [put(database, f"1380013800{n}", name=f"N{n}").id for n in range(5)]
    change(database, ids[2], grade="vip")

    def found(**wanted: Any) -> list[int]:
        page = database.read(lambda uow: uow.customers.page(CustomerFilter(**wanted)))
        return [row.id for row in page.items]

    assert found() == ids[::-1]
    assert found(phone="13800138001") == [ids[1]]
    assert found(grade="vip") == [ids[2]]
    assert found(name="N4") == [ids[4]]
    assert found(updated_since=LATER) == [ids[2]]
    first = database.read(lambda uow: uow.customers.page(CustomerFilter(), limit=2))
    put(database, "13800138009")  # a row that comes meanwhile moves no page
    rest = database.read(
        lambda uow: uow.customers.page(CustomerFilter(), before_id=first.next_id, limit=9)
    )
    assert [row.id for row in (*first.items, *rest.items)] == ids[::-1]


# --- shown ------------------------------------------------------------------------------------


def test_card_shows_orders_tasks_and_who_else_it_may_be(database: Database) -> None:
    proven = put(database, "13800138000", name="Li").id
    visitor = begin(database, "token a")
    assert visitor is not None
    database.write(
        lambda uow: add_task(
            uow,
            NewTask("call_back", "call", customer_id=visitor, contact="13800138000"),
            actor="cli",
            now=START,
        )
    )
    order = OrderChange(
        phone="13800138000", placed_at=START, lines=[OrderLineValue("kettle", 1, 9900)]
    )
    database.write(lambda uow: put_order(uow, "A1", order, actor="cli", now=START))
    card = database.read(lambda uow: read_card(uow, visitor))
    assert card.may_be == [proven]
    assert ([task.kind for task in card.tasks], card.orders) == (["call_back"], [])
    assert [row.number for row in database.read(lambda uow: read_card(uow, proven)).orders] == [
        "A1"
    ]


def test_number_typed_in_a_chat_is_no_identity(database: Database, clock: FakeClock) -> None:
    """Else whoever types somebody's number would be taken for them."""
    visitor = begin(database, "token a")
    assert visitor is not None
    database.write(
        lambda uow: uow.tasks.add(
            "call_back", clock.now(), customer_id=visitor, contact="13800138000"
        )
    )
    assert put(database, "13800138000").id != visitor
