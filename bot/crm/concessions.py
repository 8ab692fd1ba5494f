"""What was conceded, and how much of it to whom on a day."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from bot.crm.models import GrantedConcession


class ConcessionRepository:
    """Reads and writes of one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def granted_since(
        self, conversation_id: str, customer_id: int | None, since: datetime
    ) -> dict[str, int]:
        """Return fen granted by limit since a moment, in this conversation and to this customer."""
        is_theirs = [GrantedConcession.conversation_id == conversation_id]
        if customer_id is not None:
            is_theirs.append(GrantedConcession.customer_id == customer_id)
        rows = self._session.execute(
            select(GrantedConcession.limit_id, func.sum(GrantedConcession.value_fen))
            .where(or_(*is_theirs), GrantedConcession.created_at >= since)
            .group_by(GrantedConcession.limit_id)
        )
        return {limit_id: int(total) for limit_id, total in rows}

    def of_conversation(self, conversation_id: str) -> tuple[str, ...]:
        """Return the ids of what was offered in a conversation, oldest first."""
        return tuple(
            self._session.execute(
                select(GrantedConcession.concession)
                .where(GrantedConcession.conversation_id == conversation_id)
                .order_by(GrantedConcession.turn_id)
            ).scalars()
        )

    def add(
        self,
        conversation_id: str,
        customer_id: int | None,
        *,
        turn_id: int,
        concession: str,
        limit_id: str,
        value_fen: int,
        now: datetime,
    ) -> None:
        """Record that something was conceded."""
        self._session.add(
            GrantedConcession(
                turn_id=turn_id,
                conversation_id=conversation_id,
                customer_id=customer_id,
                concession=concession,
                limit_id=limit_id,
                value_fen=value_fen,
                created_at=now,
            )
        )
        self._session.flush()
