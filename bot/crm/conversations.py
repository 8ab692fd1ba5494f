"""Conversations, messages and offered options."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from bot.crm.models import Conversation, Installation, Message, OfferedOption
from bot.crm.records import ConversationRecord, MessageRecord
from bot.dialogue.turn import Option, OptionMeaning, Owner
from bot.errors import NotFoundError


class ConversationRepository:
    """Reads and writes of one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def epoch(self) -> str:
        """Return the id of this database; a client with another one starts anew."""
        return self._session.execute(select(Installation.epoch)).scalar_one()

    def create(self, conversation_id: str, token_hash: str, channel: str, now: datetime) -> None:
        """Add a conversation that the bot owns."""
        self._session.add(
            Conversation(
                id=conversation_id,
                token_hash=token_hash,
                channel=channel,
                created_at=now,
                updated_at=now,
            )
        )
        self._session.flush()

    def get(self, conversation_id: str) -> ConversationRecord:
        """Return one conversation.

        Raises:
            NotFoundError: there is none with this id.
        """
        row = self._session.get(Conversation, conversation_id)
        if row is None:
            raise NotFoundError(f"there is no conversation {conversation_id!r}")
        return ConversationRecord(
            id=row.id,
            token_hash=row.token_hash,
            owner=row.owner,  # type: ignore[arg-type]
            agent_name=row.agent_name,
            queued_at=row.queued_at,
            version=row.version,
            last_seq=row.next_seq - 1,
            turn_count=row.turn_count,
            snapshot=row.snapshot,
            product_id=row.product_id,
            contact_refused=row.contact_refused_at is not None,
            created_at=row.created_at,
        )

    def find_by_owner(self, owners: Sequence[Owner]) -> list[ConversationRecord]:
        """List conversations by owner, longest waiting first."""
        statement = (
            select(Conversation.id)
            .where(Conversation.owner.in_(owners))
            .order_by(Conversation.queued_at, Conversation.id)
        )
        return [self.get(each) for each in self._session.execute(statement).scalars()]

    def queue_length_before(self, moment: datetime | None) -> int:
        """Count the conversations that have waited longer than since `moment`."""
        statement = (
            select(func.count()).select_from(Conversation).where(Conversation.owner == "queue")
        )
        if moment is not None:
            statement = statement.where(Conversation.queued_at < moment)
        return self._session.execute(statement).scalar_one()

    def take_version(
        self, conversation_id: str, version: int, owner: Owner, now: datetime, **values: object
    ) -> bool:
        """Raise the version, and set columns, if it and the owner are as expected (T2's guard)."""
        statement = (
            update(Conversation)
            .where(
                Conversation.id == conversation_id,
                Conversation.version == version,
                Conversation.owner == owner,
            )
            .values(version=Conversation.version + 1, updated_at=now, **values)
            .execution_options(synchronize_session=False)
        )
        touched: int = self._session.execute(statement).rowcount  # type: ignore[attr-defined]
        self._session.expire_all()
        return touched == 1

    def update_fields(self, conversation_id: str, **values: object) -> None:
        """Set columns of one conversation."""
        self._session.execute(
            update(Conversation)
            .where(Conversation.id == conversation_id)
            .values(**values)
            .execution_options(synchronize_session=False)
        )
        self._session.expire_all()

    def _take_seq(self, conversation_id: str, count: int = 1) -> int:
        statement = (
            update(Conversation)
            .where(Conversation.id == conversation_id)
            .values(next_seq=Conversation.next_seq + count)
            .returning(Conversation.next_seq)
            .execution_options(synchronize_session=False)
        )
        after = self._session.execute(statement).scalar_one_or_none()
        if after is None:
            raise NotFoundError(f"there is no conversation {conversation_id!r}")
        return after - count

    def add_message(
        self,
        conversation_id: str,
        *,
        sender: str,
        text: str,
        state: str,
        now: datetime,
        **more: object,
    ) -> MessageRecord:
        """Append a message under the next `seq`."""
        row = Message(
            conversation_id=conversation_id,
            seq=self._take_seq(conversation_id),
            sender=sender,
            text=text,
            state=state,
            created_at=now,
            **more,
        )
        self._session.add(row)
        self._session.flush()
        return _record(row)

    def add_messages(
        self, conversation_id: str, rows: list[dict[str, object]], now: datetime
    ) -> list[MessageRecord]:
        """Append messages under the next numbers, in one statement each."""
        if not rows:
            return []
        first = self._take_seq(conversation_id, len(rows))
        added = [
            Message(conversation_id=conversation_id, seq=first + index, created_at=now, **values)
            for index, values in enumerate(rows)
        ]
        self._session.add_all(added)
        self._session.flush()
        return [_record(row) for row in added]

    def find_by_client_id(self, conversation_id: str, client_id: str) -> MessageRecord | None:
        """Find a customer's message by the id the widget gave it."""
        row = self._session.execute(
            select(Message).where(
                Message.conversation_id == conversation_id, Message.client_id == client_id
            )
        ).scalar_one_or_none()
        return None if row is None else _record(row)

    def pending(self, conversation_id: str) -> list[MessageRecord]:
        """Return the messages that wait for the bot, in order."""
        rows = self._session.execute(
            select(Message)
            .where(Message.conversation_id == conversation_id, Message.state == "pending")
            .order_by(Message.seq)
        ).scalars()
        return [_record(row) for row in rows]

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
        self._session.execute(
            update(Message)
            .where(Message.id.in_(message_ids), Message.state == "pending")
            .values(attempts=Message.attempts + by)
            .execution_options(synchronize_session=False)
        )

    def update_message(self, message_id: int, **values: object) -> None:
        """Set columns of one message."""
        self._session.execute(
            update(Message)
            .where(Message.id == message_id)
            .values(**values)
            .execution_options(synchronize_session=False)
        )

    def events_after(self, conversation_id: str, seq: int, limit: int = 500) -> list[MessageRecord]:
        """Return messages with a higher `seq`, in order, with the options they offered."""
        rows = list(
            self._session.execute(
                select(Message)
                .where(Message.conversation_id == conversation_id, Message.seq > seq)
                .order_by(Message.seq)
                .limit(limit)
            ).scalars()
        )
        options: dict[int, list[Option]] = {}
        ids = [row.id for row in rows if row.sender != "customer"]
        if ids:
            offered = self._session.execute(
                select(OfferedOption)
                .where(OfferedOption.message_id.in_(ids))
                .order_by(OfferedOption.option_id)
            ).scalars()
            for each in offered:
                options.setdefault(each.message_id, []).append(_option(each))
        return [_record(row, tuple(options.get(row.id, ()))) for row in rows]

    def used_wordings(self, conversation_id: str, limit: int = 200) -> tuple[str, ...]:
        """Return the ids of the wordings said most lately, newest first."""
        statement = (
            select(Message.wording)
            .where(Message.conversation_id == conversation_id, Message.wording.is_not(None))
            .order_by(Message.seq.desc())
            .limit(limit)
        )
        return tuple(each for each in self._session.execute(statement).scalars() if each)

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
        return None if row is None else _option(row)

    def latest_options(self, conversation_id: str) -> list[Option]:
        """Return the buttons of the newest message that offered any."""
        newest = (
            select(func.max(OfferedOption.message_id))
            .where(OfferedOption.conversation_id == conversation_id)
            .scalar_subquery()
        )
        rows = self._session.execute(
            select(OfferedOption).where(OfferedOption.message_id == newest)
        ).scalars()
        return [_option(row) for row in rows]


def _option(row: OfferedOption) -> Option:
    meaning = msgspec.convert(row.meaning, OptionMeaning)
    return Option(row.option_id, row.label, meaning, tuple(row.aliases))


def _record(row: Message, options: tuple[Option, ...] = ()) -> MessageRecord:
    return MessageRecord(
        id=row.id,
        conversation_id=row.conversation_id,
        seq=row.seq,
        sender=row.sender,
        sender_name=row.sender_name,
        client_id=row.client_id,
        content_hash=row.content_hash,
        text=row.text,
        option_id=row.option_id,
        state=row.state,
        attempts=row.attempts,
        turn_id=row.turn_id,
        reply_to_turn_id=row.reply_to_turn_id,
        response=row.response,
        wording=row.wording,
        analysis=row.analysis,
        created_at=row.created_at,
        options=options,
    )
