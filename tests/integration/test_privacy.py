"""A person's copy and erasure, over every table that leads to a customer (promises 23 to 25)."""

from __future__ import annotations

import io
import json
import sqlite3
import zipfile
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    insert,
    select,
)

from bot.crm import privacy as crm_privacy
from bot.crm.cases import CaseFilter
from bot.crm.database import Database
from bot.crm.models import Base, Customer
from bot.crm.models.base import PERSONAL, SECRET, STAFF, UtcDateTime
from bot.crm.pictures import PictureFolder
from bot.crm.privacy import cannot_be_empty, empty_value, keys_to, personal_columns
from bot.dialogue.turn import AddToCase
from bot.errors import NotAllowedError, NotFoundError, UsageError
from bot.services.customers import merge_customers, recognise_visitor
from bot.services.privacy import PrivacyDesk
from bot.services.privacy_operations import OPERATIONS, CustomerShow
from bot.services.reception import Arrival, authenticate, hash_of
from bot.services.survey import SurveyAnswer
from bot.settings import Settings
from tests.conftest import Play
from tests.fakes import START, FakeClock

FIRST, OTHER = "zqfirst", "zqother"  # short, to fit all columns but the one for a letter
FITTING: dict[str, Any] = {  # where a constraint of the database or a rule decides
    "conversation.owner": "agent",
    "message.state": "held",
    "message.sender": "customer",
    "task.state": "open",
    "complaint_case.stage": "closed",
    "shop_order.state": "paid",
}


class Person(NamedTuple):
    """A customer with one row in every table that leads to them."""

    id: int
    rows: dict[str, dict[str, Any]]


def planted(table: Table, column: Column[Any], canary: str) -> Any:
    """Return what is planted in a column: the canary where it is personal, else a plain mark."""
    name = f"{table.name}.{column.name}"
    if name in FITTING:
        return FITTING[name]
    mark = canary if column.info["privacy"] in (PERSONAL, SECRET) else f"{canary[2:]}-{table.name}"
    if column.info["privacy"] == STAFF:
        mark = "staff-name"
    if isinstance(column.type, JSON):
        return [mark] if "list" in str(hint_of(table, column)) else {"said": mark}
    if isinstance(column.type, String):
        return mark[: column.type.length]
    values = {Boolean: False, Integer: 3, Float: 0.5, UtcDateTime: START}
    return next(value for type_, value in values.items() if isinstance(column.type, type_))


def hint_of(table: Table, column: Column[Any]) -> object:
    mapper = next(each for each in Base.registry.mappers if each.local_table is table)
    return mapper.class_.__annotations__[column.name]


def plant(database: Database, canary: str) -> Person:
    """Store a row in every table that leads to a customer, all of one person."""
    rows: dict[str, dict[str, Any]] = {}

    def write(uow: Any) -> None:
        for table in keys_to("customer"):
            values = {}
            for column in table.columns:
                others = (key.column.table for key in column.foreign_keys)
                parents = [rows[other.name] for other in others if other is not table]
                if column.foreign_keys and not parents:
                    continue  # to another row of its own table
                if parents:
                    values[column.name] = next(iter(parents))["id"]
                elif not (column.primary_key and isinstance(column.type, Integer)):
                    values[column.name] = planted(table, column, canary)
                elif len(table.primary_key.columns) > 1:
                    values[column.name] = 1
            done = uow._session.connection().execute(insert(table).values(values))
            for column, value in zip(table.primary_key, done.inserted_primary_key, strict=True):
                values[column.name] = value
            rows[table.name] = values
        customer_id = rows["customer"]["id"]
        uow.audit.append("cli", "customer.changed", ("customer", customer_id), {"n": canary}, START)

    database.write(write)
    return Person(rows["customer"]["id"], rows)


def stored(database: Database, table: Table) -> list[dict[str, Any]]:
    ordered = select(table).order_by(*table.primary_key)
    return database.read(
        lambda uow: [dict(row) for row in uow._session.execute(ordered).mappings()]
    )


def everything(database: Database) -> str:
    """Return all rows of all tables as one text."""
    rows = [row for table in Base.metadata.sorted_tables for row in stored(database, table)]
    return "\n".join(repr(row) for row in rows)


@pytest.fixture
def folder(settings: Settings) -> PictureFolder:
    return PictureFolder(settings.var_dir / "pictures")


@pytest.fixture
def desk(database: Database, folder: PictureFolder, clock: FakeClock) -> PrivacyDesk:
    return PrivacyDesk(database, folder, clock)


@pytest.fixture
def two(database: Database, folder: PictureFolder) -> tuple[Person, Person]:
    """Two persons with a canary in every column, and a picture each."""
    first, other = plant(database, FIRST), plant(database, OTHER)
    for person, canary in ((first, FIRST), (other, OTHER)):
        folder.write(person.rows["picture"]["id"], f"picture of {canary}".encode())
    return first, other


def test_every_table_with_personal_columns_leads_to_a_customer() -> None:
    covered = set(keys_to("customer"))
    for table in Base.metadata.sorted_tables:
        labels = {column.info["privacy"] for column in table.columns}
        assert table in covered or PERSONAL not in labels, f"{table.name} leads to nobody"


def test_new_table_with_a_path_to_a_person_is_covered(monkeypatch: pytest.MonkeyPatch) -> None:
    metadata = MetaData()
    for table in Base.metadata.sorted_tables:
        table.to_metadata(metadata)
    gift = Table(
        "gift",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("order_id", ForeignKey("shop_order.id"), nullable=False),
    )
    monkeypatch.setattr(Base, "metadata", metadata)
    crm_privacy.keys_to.cache_clear()
    try:
        assert [each.name for each in keys_to("customer")[gift].others] == ["order_id"]
    finally:
        crm_privacy.keys_to.cache_clear()


def test_copy_holds_all_of_the_person_and_nothing_of_another(
    desk: PrivacyDesk, two: tuple[Person, Person], database: Database
) -> None:
    first, _ = two
    copy = desk.copy(first.id, "cli")
    with zipfile.ZipFile(io.BytesIO(copy.archive)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    assert all(OTHER.encode() not in data and b"staff-name" not in data for data in files.values())
    for table in keys_to("customer"):
        (told,) = json.loads(files[f"{table.name}.json"])
        for column in table.columns:
            if column.info["privacy"] in (SECRET, STAFF):
                assert column.name not in told
            elif isinstance(column.type, (String, JSON)):
                planted_value = first.rows[table.name][column.name]
                assert told[column.name] == planted_value, f"{table.name}.{column.name}"
        assert copy.receipt.rows[table.name] == 1
    assert files["pictures/001.bin"] == b"picture of zqfirst"
    readme = files["README.txt"].decode()
    assert "message.json" in readme and "2026-11-22 11:00" in readme
    newest = database.read(lambda uow: uow.audit.newest(limit=1))[0]
    details = {"rows": copy.receipt.rows, "sha256": copy.receipt.sha256}
    assert newest.verb == "customer.exported"
    assert database.read(lambda uow: uow.audit.is_about(newest.id, details))


def test_erasure_leaves_nothing_personal_and_another_person_alone(
    desk: PrivacyDesk, two: tuple[Person, Person], database: Database, settings: Settings
) -> None:
    first, other = two
    before = {table: len(stored(database, table)) for table in keys_to("customer")}
    receipt = desk.erase(first.id, "cli")
    assert FIRST not in everything(database)
    for table in keys_to("customer"):
        rows = stored(database, table)
        key = [column.name for column in table.primary_key]
        kept = {tuple(row[name] for name in key): row for row in rows}
        theirs = kept[tuple(other.rows[table.name][name] for name in key)]
        for column in personal_columns(table):
            assert theirs[column.name] == other.rows[table.name][column.name]
        mine = kept.get(tuple(first.rows[table.name][name] for name in key))
        assert len(rows) == before[table] - cannot_be_empty(table)
        for column in personal_columns(table) if mine else ():
            if column is not Customer.__table__.c.contact_refused_at:
                assert mine[column.name] == empty_value(column), f"{table.name}.{column.name}"
    personal = {table.name for table in keys_to("customer") if personal_columns(table)}
    assert receipt.rows == dict.fromkeys(receipt.rows, 1) and set(receipt.rows) == personal
    assert receipt.backups_gone_on == date(2027, 2, 20)
    names = [path.read_bytes() for path in (settings.var_dir / "pictures").glob("*/*")]
    assert names == [b"picture of zqother"]


def test_erased_words_are_not_found_any_more(
    desk: PrivacyDesk, two: tuple[Person, Person], database: Database
) -> None:
    def found(word: str) -> int:
        return len(database.read(lambda uow: uow.cases.search(word)).items)

    assert (found(FIRST), found(OTHER)) == (1, 1)
    desk.erase(two[0].id, "cli")
    assert (found(FIRST), found(OTHER)) == (0, 1)


def test_no_page_of_the_file_holds_what_was_erased(
    desk: PrivacyDesk, two: tuple[Person, Person], database: Database, settings: Settings
) -> None:
    """The words of a case were changed once before, which leaves them in the index's old parts."""
    case_id = two[0].rows["complaint_case"]["id"]
    database.write(lambda uow: add_words(uow, case_id, f"{FIRST} said again"))
    receipt = desk.erase(two[0].id, "cli")
    assert receipt.is_log_empty
    files = [settings.var_dir / f"prelude.db{suffix}" for suffix in ("", "-wal")]
    assert all(FIRST.encode() not in path.read_bytes() for path in files if path.exists())
    assert OTHER.encode() in files[0].read_bytes()
    database.close()
    with sqlite3.connect(files[0]) as connection:
        connection.execute("VACUUM")
    assert FIRST.encode() not in files[0].read_bytes()
    assert OTHER.encode() in files[0].read_bytes()


def add_words(uow: Any, case_id: int, words: str) -> None:
    from bot.crm.models import CaseText

    uow._session.get(CaseText, case_id).tokens = words
    uow._session.flush()


def test_audit_chain_verifies_after_an_erasure_and_tells_nothing(
    desk: PrivacyDesk, two: tuple[Person, Person], database: Database
) -> None:
    assert database.read(lambda uow: uow.audit.verify()) == 2
    assert database.read(lambda uow: uow.audit.is_about(1, {"n": FIRST}))
    desk.erase(two[0].id, "cli")
    assert database.read(lambda uow: uow.audit.verify()) == 3
    assert not database.read(lambda uow: uow.audit.is_about(1, {"n": FIRST}))
    assert database.read(lambda uow: uow.audit.is_about(2, {"n": OTHER}))


def test_digests_of_a_merged_record_mean_nothing_any_more(
    two: tuple[Person, Person], database: Database
) -> None:
    """Nobody could find them when the record that was kept is erased."""
    database.write(lambda uow: merge_customers(uow, two[1].id, two[0].id, "cli", START))
    assert not database.read(lambda uow: uow.audit.is_about(1, {"n": FIRST}))
    database.read(lambda uow: uow.audit.verify())


def test_erasing_twice_does_nothing_the_second_time(
    desk: PrivacyDesk, two: tuple[Person, Person], database: Database
) -> None:
    desk.erase(two[0].id, "cli")
    before = everything(database)
    again = desk.erase(two[0].id, "cli")
    assert (again.rows, again.pictures) == ({}, 0)
    assert everything(database) == before


def test_row_of_another_person_stays_although_it_hangs_on_ones_own(
    desk: PrivacyDesk, two: tuple[Person, Person], database: Database
) -> None:
    """A task about the other person, made in the first one's conversation."""
    first, other = two

    def move(uow: Any) -> None:
        task = Base.metadata.tables["task"]
        row = {**first.rows["task"], "customer_id": other.id, "contact": OTHER}
        row |= {"origin": "moved", "turn_id": None}
        del row["id"]
        uow._session.connection().execute(insert(task).values(row))

    database.write(move)
    desk.erase(first.id, "cli")
    contacts = [row["contact"] for row in stored(database, Base.metadata.tables["task"])]
    assert sorted(contacts) == ["", OTHER, OTHER]


def test_unknown_customer_is_neither_copied_nor_erased(desk: PrivacyDesk) -> None:
    for work in (desk.copy, desk.erase):
        with pytest.raises(NotFoundError, match="no customer 404"):
            work(404, "cli")


def customer_of(play: Play, conversation_id: str) -> int:
    found = play.app.database.read(lambda uow: uow.conversations.get(conversation_id).customer_id)
    assert found is not None
    return found


def test_open_complaint_warns_before_it_loses_its_words(play: Play, desk: PrivacyDesk) -> None:
    conversation = play.start()
    play.say(conversation, "complaint about zqfirst")
    customer = customer_of(play, conversation)
    with pytest.raises(UsageError, match="open complaint: P2611"):
        desk.erase(customer, "cli")
    assert "zqfirst" in everything(play.app.database)
    receipt = desk.erase(customer, "cli", despite_open_cases=True)
    assert len(receipt.open_cases) == 1
    assert "zqfirst" not in everything(play.app.database)
    wanted = CaseFilter(customer_id=customer, is_open=True)
    assert play.app.database.read(lambda uow: uow.cases.page(wanted)).items


def test_figures_still_equal_a_recount(play: Play, desk: PrivacyDesk) -> None:
    conversation = play.start()
    play.say(conversation, "hello", "complaint", "options")
    play.run(lambda: play.app.rate(conversation, SurveyAnswer(score=2, comment="bad")))
    desk.erase(customer_of(play, conversation), "cli", despite_open_cases=True)
    figures = play.app.database.read(lambda uow: uow.counts.between("0000", "9999"))
    assert figures == play.app.database.read(lambda uow: uow.counts.recount())
    assert figures["2026-11-22", "turns"] == 3


def test_running_conversation_is_ended_and_takes_nothing_any_more(
    play: Play, desk: PrivacyDesk
) -> None:
    """Its page may still be open: whatever comes from there is refused, not stored."""
    admission = play.run(lambda: play.app.arrive(Arrival("test")))
    conversation, token = admission.conversation.id, admission.token
    play.say(conversation, "human")
    desk.erase(customer_of(play, conversation), "cli")
    record = play.app.database.read(lambda uow: uow.conversations.get(conversation))
    assert (record.owner, record.queued_at) == ("bot", None) and record.ended_at is not None
    for key in (token, "", " "):
        with pytest.raises(NotAllowedError):
            play.app.database.read(lambda uow, key=key: authenticate(uow, conversation, key))
    before = everything(play.app.database)
    answer = SurveyAnswer(score=5, comment="zqlate")
    late = [
        lambda: play.send(conversation, "zqlate"),
        lambda: play.app.rate(conversation, answer),
        lambda: play.app.end(conversation),
    ]
    for work in late:
        with pytest.raises(NotFoundError):
            play.run(work)
    assert everything(play.app.database) == before


def test_pending_message_is_not_answered_after_the_erasure(play: Play, desk: PrivacyDesk) -> None:
    """Nor by a turn that is being computed meanwhile: its version has gone on."""
    conversation = play.start()
    customer = customer_of(play, conversation)
    computed = play.engine.computer.turn

    def erase_meanwhile(request: Any) -> Any:
        result = computed(request)
        desk.erase(customer, "cli")
        return result

    play.engine.computer.turn = erase_meanwhile
    play.say(conversation, "zqfirst")
    assert play.log(conversation) == [("customer", "history", "")]


def test_visitor_who_comes_back_is_somebody_new(play: Play, desk: PrivacyDesk) -> None:
    token = hash_of("a visitor's token")
    database = play.app.database
    was = database.write(lambda uow: recognise_visitor(uow, token, "web", START))
    desk.erase(was, "cli")
    now = database.write(lambda uow: recognise_visitor(uow, token, "web", START))
    assert now != was


def test_erased_person_is_never_contacted(
    desk: PrivacyDesk, two: tuple[Person, Person], database: Database
) -> None:
    desk.erase(two[0].id, "cli")
    row = database.read(lambda uow: uow.customers.get(two[0].id))
    assert row.contact_refused_at == START
    assert [row["state"] for row in stored(database, Base.metadata.tables["task"])] == [
        "dropped",
        "open",
    ]


def test_card_is_masked_until_somebody_asks_on_purpose(
    play: Play, two: tuple[Person, Person]
) -> None:
    type_, work = OPERATIONS["customer.show"]
    assert type_ is CustomerShow
    note = {"note": "ring 13800138000 at night"}
    play.app.database.write(lambda uow: uow.customers.change(two[0].id, note, START))
    masked = play.run(lambda: work(play.app, CustomerShow(id=two[0].id)))
    assert masked["customer"]["name"] == masked["customer"]["city"] == "z***"
    assert masked["customer"]["note"] == "ring 138****8000 at night"
    assert masked["identities"][0]["value"] == "z***"
    assert masked["tasks"][0]["contact"] == "z***"
    told = play.run(lambda: work(play.app, CustomerShow(id=two[0].id, is_revealed=True)))
    assert told["customer"]["name"] == FIRST
    newest = play.app.database.read(lambda uow: uow.audit.newest(("customer", str(two[0].id))))
    assert [each.verb for each in newest] == ["customer.revealed", "customer.changed"]


def test_erasing_empties_words_added_to_a_case_later(play: Play, desk: PrivacyDesk) -> None:
    conversation = play.start()
    play.say(conversation, "complaint one")
    database = play.app.database

    def add(uow: Any) -> None:
        number = uow.cases.of_conversation(conversation)[0].number
        said = uow.messages.add(
            conversation, sender="customer", text="zqlater", state="done", now=START
        )
        uow.cases.add_to_case(
            AddToCase(number=number, source_message_id=said.id, verb="customer_said"),
            actor="customer",
            now=START,
        )

    database.write(add)
    assert database.read(lambda uow: uow.cases.search("zqlater")).items
    desk.erase(customer_of(play, conversation), "cli", despite_open_cases=True)
    assert not database.read(lambda uow: uow.cases.search("zqlater")).items
    if database.is_sqlite:
        file = Path(database.url.removeprefix("sqlite:///"))
        assert b"zqlater" not in file.read_bytes()
