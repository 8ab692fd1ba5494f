"""Conversations: who has them, at which version.

Statements of the way of a message are Core statements built once: a turn runs about a dozen, and
building them anew costs more than running them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    Table,
    and_,
    bindparam,
    exists,
    func,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session

from bot.crm.counts import count
from bot.crm.models import (
    Case,
    Conversation,
    Installation,
    Message,
    Objection,
    Promise,
    Satisfaction,
    StaffUser,
    TechniqueUse,
    Turn,
)
from bot.crm.privacy import IS_CLOSED
from bot.crm.records import ConversationRecord, RatingRecord, TalkHead, WaitingConversation
from bot.crm.rows import record_of
from bot.dialogue.turn import Owner
from bot.errors import NotFoundError

OFFERS_RELATED = ("utter_offer_bundle", "utter_offer_related")
_conversation = cast(Table, Conversation.__table__)
_waiting = Conversation.__table__.alias("waiting")
_OF_CONVERSATION: Any = bindparam("conversation_id")


def _not_bots(owner: Any) -> ColumnElement[bool]:
    """Say it in the words of the partial index, or it is not used."""
    return cast(ColumnElement[bool], owner != literal_column("'bot'"))


def _newest_turn(column: Any) -> Any:
    return (
        select(column)
        .where(Turn.conversation_id == _OF_CONVERSATION)
        .order_by(Turn.number.desc())
        .limit(1)
        .scalar_subquery()
    )


_HEAD = select(
    _conversation,
    _newest_turn(Turn.__table__.c.steps).label("last_steps"),
    select(TechniqueUse.technique)
    .join(Objection, Objection.id == TechniqueUse.objection_id)
    .where(Objection.conversation_id == _OF_CONVERSATION)
    .order_by(TechniqueUse.turn_id.desc())
    .limit(1)
    .scalar_subquery()
    .label("last_technique"),
    exists().where(Objection.conversation_id == _OF_CONVERSATION).label("has_objections"),
    exists()
    .where(Case.conversation_id == _OF_CONVERSATION, Case.stage != "closed")
    .label("has_open_case"),
    exists()
    .where(Promise.conversation_id == _OF_CONVERSATION, Promise.state == "open")
    .label("has_open_promises"),
    exists()
    .where(Message.conversation_id == _OF_CONVERSATION, Message.response.in_(OFFERS_RELATED))
    .label("related_offered"),
    exists().where(StaffUser.last_seen_at >= bindparam("present_since")).label("staff_present"),
    select(func.count())
    .select_from(_waiting)
    .where(_waiting.c.owner == "queue", _not_bots(_waiting.c.owner))
    .scalar_subquery()
    .label("queue_length"),
).where(_conversation.c.id == _OF_CONVERSATION)
_TAKE_VERSION = (
    update(_conversation)
    .where(
        _conversation.c.id == _OF_CONVERSATION,
        _conversation.c.version == bindparam("old_version"),
        _conversation.c.owner == bindparam("old_owner"),
    )
    .values(
        version=_conversation.c.version + 1,
        next_seq=_conversation.c.next_seq + bindparam("reserved"),
    )
    .returning(_conversation.c.next_seq)
)
_message = Message.__table__.alias("said")
_WAITING = (
    select(
        _conversation.c.id,
        _conversation.c.owner,
        _conversation.c.agent_name,
        _conversation.c.queued_at,
        func.coalesce(
            select(_message.c.text)
            .where(
                _message.c.conversation_id == _conversation.c.id, _message.c.sender == "customer"
            )
            .order_by(_message.c.seq.desc())
            .limit(1)
            .scalar_subquery(),
            "",
        ),
        select(Case.number)
        .where(Case.conversation_id == _conversation.c.id, Case.stage != "closed")
        .order_by(Case.id.desc())
        .limit(1)
        .scalar_subquery(),
    )
    .where(_conversation.c.owner == bindparam("owner"), _not_bots(_conversation.c.owner))
    .order_by(_conversation.c.queued_at, _conversation.c.id)
    .limit(bindparam("limit"))
)


class ConversationRepository:
    """Reads and writes of one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def epoch(self) -> str:
        """Return the id of this database; a client with another one starts anew."""
        return self._session.execute(select(Installation.epoch)).scalar_one()

    def create(
        self,
        conversation_id: str,
        token_hash: str,
        channel: str,
        now: datetime,
        customer_id: int | None = None,
    ) -> None:
        """Add a conversation that the bot owns."""
        self._session.add(
            Conversation(
                id=conversation_id,
                token_hash=token_hash,
                channel=channel,
                customer_id=customer_id,
                created_at=now,
                updated_at=now,
            )
        )
        self._session.flush()
        count(self._session, now, conversations=1)

    def get(self, conversation_id: str) -> ConversationRecord:
        """Return one conversation.

        Raises:
            NotFoundError: there is none with this id.
        """
        row = self._session.get(Conversation, conversation_id)
        if row is None:
            raise NotFoundError(f"there is no conversation {conversation_id!r}")
        return _record(row)

    def head(self, conversation_id: str, present_since: datetime) -> TalkHead:
        """Return a conversation with what its next turn must know, in one statement.

        Args:
            present_since: somebody of the shop seen after this moment counts as there.

        Raises:
            NotFoundError: there is none with this id.
        """
        row = (
            self._session.connection()
            .execute(_HEAD, {"conversation_id": conversation_id, "present_since": present_since})
            .one_or_none()
        )
        if row is None:
            raise NotFoundError(f"there is no conversation {conversation_id!r}")
        return TalkHead(
            conversation=_record(row),
            last_steps=tuple(step["action"] for step in row.last_steps or ()),
            last_technique=row.last_technique,
            has_objections=bool(row.has_objections),
            has_open_case=bool(row.has_open_case),
            staff_present=bool(row.staff_present),
            queue_length=row.queue_length,
            has_open_promises=bool(row.has_open_promises),
            related_offered=bool(row.related_offered),
        )

    def waiting(self, owner: Owner, limit: int) -> list[WaitingConversation]:
        """Return conversations that wait for a person or that one has, longest waiting first."""
        rows = self._session.connection().execute(_WAITING, {"owner": owner, "limit": limit})
        return [WaitingConversation(*row) for row in rows]

    def queued(self) -> list[str]:
        """Return who waits for a person, longest waiting first."""
        statement = (
            select(Conversation.id)
            .where(Conversation.owner == "queue", _not_bots(Conversation.owner))
            .order_by(Conversation.queued_at, Conversation.id)
        )
        return list(self._session.execute(statement).scalars())

    def of_agent(self, name: str) -> list[tuple[str, int]]:
        """Return id and version of the conversations that this person has."""
        rows = self._session.execute(
            select(Conversation.id, Conversation.version).where(
                Conversation.owner == "agent",
                _not_bots(Conversation.owner),
                Conversation.agent_name == name,
            )
        )
        return [(row.id, row.version) for row in rows]

    def queue_length_before(self, moment: datetime, conversation_id: str) -> int:
        """Count who waits for longer than since `moment`; ties are broken by id."""
        statement = (
            select(func.count())
            .select_from(Conversation)
            .where(
                Conversation.owner == "queue",
                _not_bots(Conversation.owner),
                or_(
                    Conversation.queued_at < moment,
                    and_(Conversation.queued_at == moment, Conversation.id < conversation_id),
                ),
            )
        )
        return self._session.execute(statement).scalar_one()

    def has_satisfaction(self, conversation_id: str) -> bool:
        """Tell whether the survey was answered."""
        return self._session.get(Satisfaction, conversation_id) is not None

    def satisfaction(self, conversation_id: str) -> RatingRecord | None:
        """Return the answer to the survey, if there is one."""
        row = self._session.get(Satisfaction, conversation_id)
        return None if row is None else record_of(RatingRecord, row)

    def add_satisfaction(self, conversation_id: str, **values: Any) -> None:
        """Store the answer to the survey.

        Raises:
            NotFoundError: there is no such conversation, or it was emptied.
        """
        is_open = select(Conversation.id).where(Conversation.id == conversation_id, ~IS_CLOSED)
        if self._session.execute(is_open).first() is None:
            raise NotFoundError(f"there is no conversation {conversation_id!r}")
        row = Satisfaction(conversation_id=conversation_id, **values)
        self._session.add(row)
        self._session.flush()
        count(self._session, row.created_at, ratings=1, ratings__sum=row.score)

    def take_version(
        self,
        conversation_id: str,
        version: int,
        owner: Owner,
        now: datetime,
        *,
        reserve: int = 0,
        **values: Any,
    ) -> int | None:
        """Raise the version, and set columns, if it and the owner are as expected (T2's guard).

        Args:
            reserve: so many numbers are taken for messages.

        Returns:
            The first of these numbers, or None if version or owner were not as expected.
        """
        statement = _TAKE_VERSION.values(updated_at=now, **values)
        keys = {"conversation_id": conversation_id, "old_version": version, "old_owner": owner}
        after: int | None = (
            self._session.connection()
            .execute(statement, {**keys, "reserved": reserve})
            .scalar_one_or_none()
        )
        self._session.expire_all()
        return None if after is None else after - reserve

    def update_fields(self, conversation_id: str, **values: object) -> None:
        """Set columns of one conversation.

        Raises:
            NotFoundError: there is none with this id, or it was emptied and takes nothing any more.
        """
        done: Any = self._session.execute(
            update(Conversation)
            .where(Conversation.id == conversation_id, ~IS_CLOSED)
            .values(**values)
            .execution_options(synchronize_session=False)
        )
        if done.rowcount == 0:
            raise NotFoundError(f"there is no conversation {conversation_id!r}")
        self._session.expire_all()


def _record(row: Any) -> ConversationRecord:
    """Return the record of a row, whether it came from the ORM or from a Core statement."""
    return ConversationRecord(
        id=row.id,
        token_hash=row.token_hash,
        owner=row.owner,
        agent_name=row.agent_name,
        queued_at=row.queued_at,
        version=row.version,
        last_seq=row.next_seq - 1,
        turn_count=row.turn_count,
        snapshot=row.snapshot,
        product_id=row.product_id,
        contact_refused=row.contact_refused_at is not None,
        identity_sub=row.identity_sub,
        customer_id=row.customer_id,
        ended_at=row.ended_at,
        created_at=row.created_at,
    )
