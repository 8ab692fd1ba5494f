"""Everything that belongs to a person, found by reflection: copied, or emptied (promise 24).

Whose a row is, is read off the foreign keys that lead to `customer`; what is to be copied and
emptied, off the privacy labels of the columns. So a new table or column is covered as soon as it is
declared. Nothing here removes files or asks whether an erasure is allowed: services do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, get_args, get_origin, get_type_hints

from sqlalchemy import (
    JSON,
    Column,
    Table,
    UniqueConstraint,
    and_,
    bindparam,
    delete,
    exists,
    func,
    null,
    select,
    text,
    update,
)
from sqlalchemy.orm import Session

from bot.crm.models import (
    FINAL,
    AuditSalt,
    Base,
    Case,
    Conversation,
    Customer,
    Message,
    Picture,
    Promise,
    Task,
)
from bot.crm.models.base import PERSONAL, SECRET, STAFF

CUSTOMER, CONVERSATION = "customer", "conversation"
CHUNK = 500  # values in one IN list
# By which name the audit trail calls a table's rows; nobody audits rows of the others.
AUDITED = {
    "customer": "customer",
    "conversation": "conversation",
    "complaint_case": "case",
    "shop_order": "order",
    "task": "task",
    "promise": "promise",
}
# Emptied: no token opens it, and nobody adds to it. The developer's conversations have no token
# either, and are none of a customer's.
IS_CLOSED = and_(Conversation.token_hash == "", Conversation.channel != "developer")
Row = dict[str, Any]


@dataclass
class Emptied:
    """What an erasure did: rows by table, and the pictures whose files have to go."""

    rows: dict[str, int] = field(default_factory=dict)
    pictures: list[str] = field(default_factory=list)

    def add(self, other: Emptied) -> None:
        """Count another erasure with this one."""
        for table, count in other.rows.items():
            self.rows[table] = self.rows.get(table, 0) + count
        self.pictures += other.pictures


@dataclass(frozen=True)
class Keys:
    """The foreign keys that say whose a row is: `direct` where filled, else any of `others`."""

    direct: Column[Any] | None
    others: tuple[Column[Any], ...]


@lru_cache(maxsize=8)
def keys_to(root: str) -> dict[Table, Keys]:
    """Return the tables with a path to `root`, parents first.

    Of several paths the first one that is always there decides; only where there is none, any does.
    """
    origin = Base.metadata.tables[root]
    found = {origin: Keys(None, ())}
    for table in Base.metadata.sorted_tables:
        leading = [c for c in table.columns if _target(c) in found and table is not origin]
        direct = next((each for each in leading if _target(each) is origin), None)
        others = [each for each in leading if each is not direct]
        if direct is not None and not direct.nullable:
            others = []
        always = [each for each in others if not each.nullable]
        if leading:
            found[table] = Keys(direct, tuple(always[:1] or others))
    return found


def _target(column: Column[Any]) -> Table | None:
    return next((key.column.table for key in column.foreign_keys), None)


def empty_value(column: Column[Any]) -> Any:
    """Return what an emptied column holds: nothing, an empty text, list or mapping."""
    if column.nullable:
        return None
    if not isinstance(column.type, JSON):
        return ""
    mapper = next(each for each in Base.registry.mappers if each.local_table is column.table)
    hint = get_args(get_type_hints(mapper.class_)[column.name])[0]
    return (get_origin(hint) or hint)()


def personal_columns(table: Table) -> list[Column[Any]]:
    """Return what an erasure empties."""
    return [each for each in table.columns if each.info["privacy"] in (PERSONAL, SECRET)]


def cannot_be_empty(table: Table) -> bool:
    """Tell whether a row must go as a whole: two with an empty key would be one."""
    constraints = [each for each in table.constraints if isinstance(each, UniqueConstraint)]
    unique = {column for each in (table.primary_key, *constraints) for column in each.columns}
    return any(column in unique and not column.nullable for column in personal_columns(table))


class PrivacyRepository:
    """Reads and writes of one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def export_rows(self, customer_id: int) -> dict[str, list[Row]]:
        """Return all rows of a person by table, without secrets and what is about staff."""
        return {
            table.name: [
                {c.name: row[c.name] for c in table.columns if _is_told(c)} for row in rows
            ]
            for table, rows in self._owned(CUSTOMER, customer_id).items()
        }

    def pictures_of(self, customer_id: int) -> list[str]:
        """Return the ids of a person's pictures, in the order in which they came."""
        return _pictures(self._owned(CUSTOMER, customer_id))

    def erase(self, root: str, key: int | str, now: datetime) -> Emptied:
        """Empty what is personal in all rows of a customer, or of one conversation.

        Rows stay where figures count them, and lead to nobody; identities and pictures go. A
        conversation is closed for good, what waits in it is not answered, what is to be done for
        the person is dropped, promises are withdrawn, and nobody calls them. What is empty already
        is left alone.
        """
        owned = self._owned(root, key)
        emptied = Emptied(pictures=_pictures(owned))
        for table, rows in owned.items():
            changed = [row for row in rows if _has_content(table, row)]
            if changed:
                emptied.rows[table.name] = len(changed)
                self._empty(table, changed)
        if emptied.rows:
            self._close(owned, now)
            self._destroy_salts(owned)
        self._session.expire_all()
        return emptied

    def forget_words(self) -> None:
        """Write the full-text index anew: SQLite's keeps words of changed texts for a while."""
        if self._session.get_bind().dialect.name == "sqlite":
            self._session.execute(text("INSERT INTO case_search(case_search) VALUES ('optimize')"))

    def stale_conversations(self, before: datetime, limit: int) -> Sequence[str]:
        """Return conversations silent since `before`, without an open case, not emptied yet."""
        open_case = exists().where(
            Case.conversation_id == Conversation.id, Case.stage.not_in(FINAL)
        )
        said_since = exists().where(
            Message.conversation_id == Conversation.id, Message.created_at >= before
        )
        statement = (
            select(Conversation.id)
            .where(
                Conversation.updated_at < before,
                Conversation.token_hash != "",
                ~open_case,
                ~said_since,
            )
            .limit(limit)
        )
        return self._session.execute(statement).scalars().all()

    def remove_unused_pictures(self, before: datetime, limit: int) -> list[str]:
        """Delete rows of pictures that no message uses; return their ids."""
        ids = list(
            self._session.execute(
                select(Picture.id)
                .where(Picture.message_id.is_(None), Picture.created_at < before)
                .limit(limit)
            ).scalars()
        )
        self._session.execute(delete(Picture).where(Picture.id.in_(ids)))
        return ids

    def without_row(self, picture_ids: Iterable[str]) -> list[str]:
        """Return those ids that are no picture's."""
        return [each for each in picture_ids if self._session.get(Picture, each) is None]

    def _owned(self, root: str, key: int | str) -> dict[Table, list[Row]]:
        """Return all rows that belong to one row of `root`, in the order of their keys."""
        origin = Base.metadata.tables[root]
        owned = {origin: self._rows(origin, [origin.primary_key.columns[0] == key])}
        for table, keys in keys_to(root).items():
            if table is origin:
                continue
            found = list(self._led_by(keys.direct, owned)) if keys.direct is not None else []
            is_free = [] if keys.direct is None else [keys.direct.is_(None)]
            for column in keys.others:  # another person's row stays theirs
                found += self._led_by(column, owned, is_free)
            names = [column.name for column in table.primary_key]
            unique = {tuple(row[name] for name in names): row for row in found}
            owned[table] = [unique[each] for each in sorted(unique)]
        return owned

    def _led_by(
        self, column: Column[Any], owned: dict[Table, list[Row]], conditions: Sequence[Any] = ()
    ) -> Iterator[Row]:
        """Yield the rows that a foreign key leads to what is owned already."""
        target = next(iter(column.foreign_keys)).column
        values = sorted({row[target.name] for row in owned[target.table]})
        for start in range(0, len(values), CHUNK):
            chosen = column.in_(values[start : start + CHUNK])
            yield from self._rows(column.table, [chosen, *conditions])

    def _rows(self, table: Any, conditions: Sequence[Any]) -> list[Row]:
        found = self._session.execute(select(table).where(*conditions)).mappings()
        return [dict(row) for row in found]

    def _empty(self, table: Table, rows: list[Row]) -> None:
        chosen = and_(*(column == bindparam(f"_{column.name}") for column in table.primary_key))
        keys = [{f"_{c.name}": row[c.name] for c in table.primary_key} for row in rows]
        if cannot_be_empty(table):
            self._session.connection().execute(delete(table).where(chosen), keys)
            return
        values = {column.name: empty_value(column) for column in personal_columns(table)}
        nothing = {name: null() if value is None else value for name, value in values.items()}
        self._session.connection().execute(update(table).where(chosen).values(nothing), keys)

    def _close(self, owned: dict[Table, list[Row]], now: datetime) -> None:
        """Let nobody answer, open or call what was emptied; `version` throws away running turns."""
        ended = func.coalesce(Conversation.ended_at, now)
        next_task = {"version": Task.version + 1, "updated_at": now}
        next_customer = {"version": Customer.version + 1, "updated_at": now}
        talk = {"owner": "bot", "agent_name": None, "queued_at": None, "ended_at": ended}
        self._set(Conversation, owned, {**talk, "version": Conversation.version + 1})
        self._set(Message, owned, {"state": "history"}, Message.state.in_(("pending", "held")))
        self._set(Task, owned, {"state": "dropped", **next_task}, Task.state == "open")
        next_promise = {"version": Promise.version + 1, "updated_at": now, "remind_at": None}
        withdrawn = {"state": "withdrawn", **next_promise}
        self._set(Promise, owned, withdrawn, Promise.state == "open")
        self._set(Customer, owned, {"contact_refused_at": now, **next_customer})

    def _set(
        self,
        model: type[Base],
        owned: dict[Table, list[Row]],
        values: dict[str, Any],
        *conditions: Any,
    ) -> None:
        table: Any = model.__table__
        ids = [row["id"] for row in owned.get(table, ())]
        for start in range(0, len(ids), CHUNK):
            chosen = table.c.id.in_(ids[start : start + CHUNK])
            self._session.connection().execute(
                update(table).where(chosen, *conditions).values(values)
            )

    def _destroy_salts(self, owned: dict[Table, list[Row]]) -> None:
        for table, kind in AUDITED.items():
            ids = [str(row["id"]) for row in owned.get(Base.metadata.tables[table], ())]
            for start in range(0, len(ids), CHUNK):
                chosen = AuditSalt.subject_id.in_(ids[start : start + CHUNK])
                self._session.execute(
                    delete(AuditSalt).where(AuditSalt.subject_kind == kind, chosen)
                )


def _is_told(column: Column[Any]) -> bool:
    return column.info["privacy"] not in (SECRET, STAFF)


def _has_content(table: Table, row: Row) -> bool:
    """Tell whether an erasure has something to empty; its own sign does not count."""
    return any(
        row[column.name] != empty_value(column)
        for column in personal_columns(table)
        if column is not Customer.__table__.c.contact_refused_at
    )


def _pictures(owned: dict[Table, list[Row]]) -> list[str]:
    rows = owned[Base.metadata.tables["picture"]]
    return [row["id"] for row in sorted(rows, key=lambda row: row["created_at"])]
