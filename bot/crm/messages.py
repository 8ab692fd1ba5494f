"""Messages in the order of their `seq`, and the buttons that they offered."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import fields, replace
from datetime import datetime
from typing import Any, cast

import msgspec
from sqlalchemy import JSON, Table, and_, bindparam, exists, func, insert, or_, select, update
from sqlalchemy.orm import Session

from bot.crm.models import Conversation, Message, OfferedOption, Turn
from bot.crm.privacy import IS_CLOSED
from bot.crm.records import Inbox, MessageRecord
from bot.dialogue.turn import Option, OptionMeaning
from bot.errors import NotFoundError
from bot.knowledge.loader import convert

TELLING_AT_ONCE = 200

_conversation = cast(Table, Conversation.__table__)
_message = cast(Table, Message.__table__)
_option = cast(Table, OfferedOption.__table__)
_FIELDS = tuple(each.name for each in fields(MessageRecord) if each.name != "options")
_SELECT = select(*(_message.c[name] for name in _FIELDS))
_UNSET: dict[str, Any] = {  # the same columns in every insert: one statement for the cache
    column.name: 0 if column.name == "attempts" else None
    for column in _message.columns
    if column.name != "id" and not isinstance(column.type, JSON)
}

_INBOX = (
    select(
        _conversation.c.owner,
        _conversation.c.version,
        select(func.max(_option.c.message_id))
        .where(_option.c.conversation_id == _conversation.c.id)
        .scalar_subquery()
        .label("newest_offer"),
        select(_message.c.id)
        .where(
            _message.c.conversation_id == _conversation.c.id,
            _message.c.client_id == bindparam("client_id"),
        )
        .scalar_subquery()
        .label("known_id"),
    )
    .where(_conversation.c.id == bindparam("conversation_id"), ~IS_CLOSED)
    .select_from(_conversation)
)
_TAKE_SEQ = (
    update(_conversation)
    .where(_conversation.c.id == bindparam("conversation_id"))
    .values(next_seq=_conversation.c.next_seq + bindparam("count"))
    .returning(_conversation.c.next_seq)
)
_INSERT = insert(_message).returning(_message.c.id)
_PENDING = _SELECT.where(
    _message.c.conversation_id == bindparam("conversation_id"), _message.c.state == "pending"
).order_by(_message.c.seq)
_WORDINGS = (
    select(_message.c.wording)
    .where(
        _message.c.conversation_id == bindparam("conversation_id"), _message.c.wording.is_not(None)
    )
    .order_by(_message.c.seq.desc())
    .limit(bindparam("limit"))
)
_LAST_SAID = _SELECT.where(
    _message.c.reply_to_turn_id
    == select(Turn.id)
    .where(Turn.conversation_id == bindparam("conversation_id"))
    .order_by(Turn.number.desc())
    .limit(1)
    .scalar_subquery()
).order_by(_message.c.ordinal)
_COUNT = (
    update(_message)
    .where(_message.c.id == bindparam("message_id"), _message.c.state == "pending")
    .values(attempts=_message.c.attempts + bindparam("by"))
)
_COVER = (
    update(_message)
    .where(_message.c.id == bindparam("message_id"))
    .values(
        state=bindparam("new_state"),
        turn_id=bindparam("new_turn"),
        analysis=bindparam("new_analysis", type_=_message.c.analysis.type),
    )
)
_HEARD = (
    select(_message.c.text, _message.c.analysis)
    .where(
        _message.c.conversation_id == bindparam("conversation_id"), _message.c.sender == "customer"
    )
    .order_by(_message.c.seq.desc())
    .limit(bindparam("limit"))
)


class MessageRepository:
    """Reads and writes of one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def inbox(self, conversation_id: str, client_id: str) -> Inbox:
        """Return what T1 must know before it stores a message.

        Raises:
            NotFoundError: there is no such conversation, or it was emptied.
        """
        row = self._execute(
            _INBOX, {"conversation_id": conversation_id, "client_id": client_id}
        ).one_or_none()
        if row is None:
            raise NotFoundError(f"there is no conversation {conversation_id!r}")
        known = None
        if row.known_id is not None:
            known = _record(self._execute(_SELECT.where(_message.c.id == row.known_id)).one())
        return Inbox(row.owner, row.version, row.newest_offer, known)

    def _take_seq(self, conversation_id: str, count: int = 1) -> int:
        after = self._execute(
            _TAKE_SEQ, {"conversation_id": conversation_id, "count": count}
        ).scalar_one_or_none()
        if after is None:
            raise NotFoundError(f"there is no conversation {conversation_id!r}")
        return int(after) - count

    def add(
        self,
        conversation_id: str,
        *,
        sender: str,
        text: str,
        state: str,
        now: datetime,
        **more: Any,
    ) -> MessageRecord:
        """Append a message under the next `seq`."""
        values = {"sender": sender, "text": text, "state": state, **more}
        return self.add_many(conversation_id, [values], now)[0]

    def add_many(
        self, conversation_id: str, rows: list[dict[str, Any]], now: datetime
    ) -> list[MessageRecord]:
        """Append messages under the next numbers."""
        if not rows:
            return []
        first = self._take_seq(conversation_id, len(rows))
        return self.insert_from(conversation_id, first, rows, now)

    def insert_from(
        self, conversation_id: str, first: int, rows: list[dict[str, Any]], now: datetime
    ) -> list[MessageRecord]:
        """Append messages under numbers that were taken before, from `first` on."""
        added = []
        for seq, row in enumerate(rows, first):
            values = {**row, "conversation_id": conversation_id, "seq": seq, "created_at": now}
            values["id"] = self._execute(_INSERT, {**_UNSET, **values}).scalar_one()
            added.append(_record(values.get(name, _UNSET.get(name)) for name in _FIELDS))
        return added

    def pending(self, conversation_id: str) -> list[MessageRecord]:
        """Return the messages that wait for the bot, in order."""
        return _records(self._execute(_PENDING, {"conversation_id": conversation_id}))

    def conversations_with_pending(self) -> list[str]:
        """List the conversations that have pending messages."""
        statement = select(Message.conversation_id).where(Message.state == "pending").distinct()
        return list(self._session.execute(statement).scalars())

    def change_state(self, conversation_id: str, old: str, new: str) -> int:
        """Move all messages of one state to another; return how many."""
        statement = (
            update(Message)
            .where(Message.conversation_id == conversation_id, Message.state == old)
            .values(state=new)
            .execution_options(synchronize_session=False)
        )
        return self._session.execute(statement).rowcount  # type: ignore[attr-defined,no-any-return]

    def count_attempt(self, message_ids: Sequence[int], by: int = 1) -> None:
        """Raise the attempt counter of pending messages."""
        for message_id in message_ids:
            self._execute(_COUNT, {"message_id": message_id, "by": by})

    def cover(
        self, message_id: int, *, state: str, turn_id: int, analysis: dict[str, Any] | None
    ) -> None:
        """Say that a turn covers a customer's message."""
        self._execute(
            _COVER,
            {
                "message_id": message_id,
                "new_state": state,
                "new_turn": turn_id,
                "new_analysis": analysis,
            },
        )

    def events_after(self, conversation_id: str, seq: int, limit: int = 500) -> list[MessageRecord]:
        """Return messages with a higher `seq`, in order, with the options they offered."""
        statement = (
            _SELECT.where(_message.c.conversation_id == conversation_id, _message.c.seq > seq)
            .order_by(_message.c.seq)
            .limit(limit)
        )
        return self._with_options(_records(self._execute(statement)))

    def _with_options(self, records: list[MessageRecord]) -> list[MessageRecord]:
        ids = [record.id for record in records if record.sender != "customer"]
        if not ids:
            return records
        offered: dict[int, list[Option]] = {}
        statement = (
            select(OfferedOption)
            .where(OfferedOption.message_id.in_(ids))
            .order_by(OfferedOption.option_id)
        )
        for each in self._session.execute(statement).scalars():
            offered.setdefault(each.message_id, []).append(_option_of(each))
        return [
            replace(record, options=tuple(offered[record.id])) if record.id in offered else record
            for record in records
        ]

    def used_wordings(self, conversation_id: str, limit: int = 200) -> tuple[str, ...]:
        """Return the ids of the wordings said most lately, newest first."""
        rows = self._execute(_WORDINGS, {"conversation_id": conversation_id, "limit": limit})
        return tuple(each for each in rows.scalars() if each)

    def last_said(self, conversation_id: str) -> list[MessageRecord]:
        """Return the replies of the newest turn, in order, with the options they offered."""
        rows = self._execute(_LAST_SAID, {"conversation_id": conversation_id})
        return self._with_options(_records(rows))

    def style_cues(self, customer_id: int, limit: int) -> list[str]:
        """Return the cues of style in a customer's newest messages (D-CUS-2)."""
        analyses = self._session.execute(
            select(Message.analysis)
            .join(Conversation, Conversation.id == Message.conversation_id)
            .where(
                Conversation.customer_id == customer_id,
                Message.sender == "customer",
                Message.analysis.is_not(None),
            )
            .order_by(Message.id.desc())
            .limit(limit)
        ).scalars()
        return [cue for each in analyses if each for cue in each.get("style_cues", [])]

    def heard(self, conversation_id: str, limit: int) -> list[tuple[str, dict[str, Any]]]:
        """Return text and analysis of the customer's newest messages that were understood."""
        values = {"conversation_id": conversation_id, "limit": limit}
        rows = self._execute(_HEARD, values)
        return [(row.text, row.analysis) for row in rows if row.analysis]

    def said_at(self, message_id: int) -> datetime:
        """Return when a message was stored."""
        statement = select(Message.created_at).where(Message.id == message_id)
        return self._session.execute(statement).scalar_one()

    def was_said(self, conversation_id: str, response: str, since: datetime) -> bool:
        """Tell whether a response was said after a moment."""
        statement = (
            select(Message.id)
            .where(
                Message.conversation_id == conversation_id,
                Message.response == response,
                Message.created_at >= since,
            )
            .limit(1)
        )
        return self._session.execute(statement).first() is not None

    def was_any_said(self, conversation_id: str, responses: Collection[str]) -> bool:
        """Tell whether one of these responses was ever said."""
        statement = select(Message.id).where(
            Message.conversation_id == conversation_id, Message.response.in_(responses)
        )
        return self._session.execute(statement.limit(1)).first() is not None

    def telling(
        self,
        since: datetime,
        *,
        reactions: Collection[str],
        intents: Collection[str],
        unless_said: Collection[str],
    ) -> list[str]:
        """Return the bot's conversations in which a customer has lately said one of these.

        Read from the newest message back, so that no more is looked through than was said since.

        Args:
            unless_said: leave out conversations in which one of these responses was said.
        """
        said = Message.__table__.alias("said")
        is_telling = and_(
            Message.sender == "customer",
            or_(
                Message.analysis["reaction"].as_string().in_(reactions),
                Message.analysis["intent"].as_string().in_(intents),
            ),
            exists().where(
                Conversation.id == Message.conversation_id, Conversation.owner == "bot", ~IS_CLOSED
            ),
            ~exists().where(
                said.c.conversation_id == Message.conversation_id, said.c.response.in_(unless_said)
            ),
        )
        statement = (
            select(Message.id, Message.conversation_id, Message.created_at)
            .where(or_(Message.created_at < since, is_telling))
            .order_by(Message.id.desc())
            .limit(TELLING_AT_ONCE)
        )
        found: dict[str, None] = {}
        before_id: int | None = None
        while True:
            page = statement if before_id is None else statement.where(Message.id < before_id)
            rows = self._session.execute(page).all()
            for row in rows:
                if row.created_at < since:
                    return list(found)
                found[row.conversation_id] = None
            if len(rows) < TELLING_AT_ONCE:
                return list(found)
            before_id = rows[-1].id

    def understood(self, conversation_id: str, limit: int) -> list[MessageRecord]:
        """Return the customer's newest messages that were understood, oldest first."""
        statement = (
            _SELECT.where(
                _message.c.conversation_id == conversation_id,
                _message.c.sender == "customer",
                _message.c.turn_id.is_not(None),
            )
            .order_by(_message.c.seq.desc())
            .limit(limit)
        )
        return [each for each in _records(self._execute(statement))[::-1] if each.analysis]

    def spoke_since(self, conversation_id: str, since: datetime) -> bool:
        """Tell whether the customer has written anything after this moment."""
        statement = select(Message.id).where(
            Message.conversation_id == conversation_id,
            Message.sender == "customer",
            Message.created_at > since,
        )
        return self._session.execute(statement.limit(1)).first() is not None

    def events_before(self, conversation_id: str, seq: int, limit: int) -> list[MessageRecord]:
        """Return the `limit` messages before a `seq`, in order, with the options they offered."""
        statement = (
            _SELECT.where(_message.c.conversation_id == conversation_id, _message.c.seq < seq)
            .order_by(_message.c.seq.desc())
            .limit(limit)
        )
        return self._with_options(_records(self._execute(statement))[::-1])

    def offer_option(self, conversation_id: str, message_id: int, option: Option) -> None:
        """Remember a button that is shown."""
        self._session.add(
            OfferedOption(
                conversation_id=conversation_id,
                option_id=option.option_id,
                message_id=message_id,
                label=option.label,
                meaning=msgspec.to_builtins(option.meaning),
                aliases=list(option.aliases),
            )
        )

    def find_option(self, conversation_id: str, option_id: str) -> Option | None:
        """Look up a button by its id among those offered in this conversation."""
        row = self._session.get(OfferedOption, (conversation_id, option_id))
        return None if row is None else _option_of(row)

    def options_of(self, message_id: int) -> list[Option]:
        """Return the buttons that a message offered."""
        statement = select(OfferedOption).where(OfferedOption.message_id == message_id)
        return [_option_of(row) for row in self._session.execute(statement).scalars()]

    def _execute(self, statement: Any, values: dict[str, Any] | None = None) -> Any:
        """Run a Core statement in this transaction, past the ORM's own bookkeeping."""
        return self._session.connection().execute(statement, values)


def _option_of(row: OfferedOption) -> Option:
    meaning = convert(row.meaning, OptionMeaning)
    return Option(row.option_id, row.label, meaning, tuple(row.aliases))


def _records(rows: Iterable[Any]) -> list[MessageRecord]:
    return [_record(row) for row in rows]


def _record(row: Any) -> MessageRecord:
    return MessageRecord(*row)
