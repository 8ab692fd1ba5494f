"""Turns and the objection ledger."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from msgspec import convert, to_builtins
from sqlalchemy import Table, bindparam, insert, select
from sqlalchemy.orm import Session

from bot.crm.counts import count
from bot.crm.models import Message, Objection, TechniqueUse, Turn
from bot.crm.records import TurnRecord
from bot.dialogue.turn import Belief, Evidence, LedgerEntry
from bot.errors import NotFoundError

_turn_table = cast(Table, Turn.__table__)
_INSERT_TURN = insert(_turn_table).returning(_turn_table.c.id)

_objection = cast(Table, Objection.__table__)
_LEDGER = (
    select(_objection, Message.__table__.c.text)
    .join(Message.__table__, Message.__table__.c.id == _objection.c.source_message_id)
    .where(_objection.c.conversation_id == bindparam("conversation_id"))
    .order_by(_objection.c.number.desc())
    .limit(bindparam("limit"))
)
_use = cast(Table, TechniqueUse.__table__)
_USES = (
    select(_use.c.objection_id, _use.c.technique, _use.c.outcome)
    .join(_objection, _objection.c.id == _use.c.objection_id)
    .where(
        _objection.c.conversation_id == bindparam("conversation_id"),
        _objection.c.number >= bindparam("first_number"),
    )
    .order_by(_use.c.turn_id)
)


class TurnRepository:
    """Reads and writes of one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(
        self,
        conversation_id: str,
        *,
        number: int,
        kind: str,
        seqs: tuple[int, int],
        steps: list[Any],
        reasons: list[Any],
        model_id: str,
        now: datetime,
    ) -> int:
        """Store a turn; return its id."""
        values = {
            "conversation_id": conversation_id,
            "number": number,
            "kind": kind,
            "first_seq": seqs[0],
            "last_seq": seqs[1],
            "steps": steps,
            "reasons": reasons,
            "model_id": model_id,
            "created_at": now,
        }
        turn_id: int = self._session.connection().execute(_INSERT_TURN, values).scalar_one()
        count(self._session, now, turns=1, turns__failed=int(kind == "failed"))
        return turn_id

    def of_conversation(self, conversation_id: str) -> list[TurnRecord]:
        """Return all turns, oldest first."""
        rows = self._session.execute(
            select(Turn).where(Turn.conversation_id == conversation_id).order_by(Turn.number)
        ).scalars()
        return [_turn(row) for row in rows]

    def ledger(self, conversation_id: str, limit: int = 10_000) -> tuple[LedgerEntry, ...]:
        """Return the newest `limit` objections of a conversation, oldest first."""
        connection = self._session.connection()
        keys = {"conversation_id": conversation_id, "limit": limit}
        rows = connection.execute(_LEDGER, keys).all()[::-1]
        if not rows:
            return ()
        used: dict[int, list[str]] = {}
        last_outcome: dict[int, str | None] = {}
        oldest = {"conversation_id": conversation_id, "first_number": rows[0].number}
        uses = connection.execute(_USES, oldest).all()
        for objection_id, technique, outcome in uses:
            used.setdefault(objection_id, []).append(technique)
            last_outcome[objection_id] = outcome
        return tuple(
            LedgerEntry(
                number=row.number,
                kind=row.kind,
                state=row.state,
                belief=Belief(
                    true=row.belief_true,
                    false=row.belief_false,
                    hidden=row.belief_hidden,
                    label=row.truth,
                    unseen=row.belief_unseen,
                    evidence=convert(row.evidence, tuple[Evidence, ...]),
                ),
                source_message_id=row.source_message_id,
                text=row.text,
                linked_to=row.linked_to,
                techniques=tuple(used.get(row.id, ())),
                feedback=row.feedback,
                reason=row.reason,
                until=row.until,
                day=row.day,
                awaits_outcome=last_outcome.get(row.id, "none") in (None, "moved_forward"),
            )
            for row in rows
        )

    def add_objection(self, conversation_id: str, entry: LedgerEntry, now: datetime) -> None:
        """Add a ledger entry."""
        self._session.add(
            Objection(
                conversation_id=conversation_id,
                number=entry.number,
                kind=entry.kind,
                feedback=entry.feedback,
                source_message_id=entry.source_message_id,
                created_at=now,
                updated_at=now,
                **_changeable_columns(entry),
            )
        )
        self._session.flush()
        count(self._session, now, **{f"objections__{entry.kind}": 1})

    def _objection(self, conversation_id: str, number: int) -> Objection:
        row = self._session.execute(
            select(Objection).where(
                Objection.conversation_id == conversation_id, Objection.number == number
            )
        ).scalar_one_or_none()
        if row is None:
            raise NotFoundError(f"conversation {conversation_id} has no objection {number}")
        return row

    def update_objection(
        self,
        conversation_id: str,
        entry: LedgerEntry,
        now: datetime,
    ) -> None:
        """Store a ledger entry as it has become."""
        row = self._objection(conversation_id, entry.number)
        row.updated_at = now
        for column, value in _changeable_columns(entry).items():
            setattr(row, column, value)
        self._session.flush()


def _changeable_columns(entry: LedgerEntry) -> dict[str, Any]:
    belief = entry.belief
    return {
        "state": entry.state,
        "linked_to": entry.linked_to,
        "belief_true": belief.true,
        "belief_false": belief.false,
        "belief_unseen": belief.unseen,
        "belief_hidden": belief.hidden,
        "truth": belief.label,
        "evidence": to_builtins(belief.evidence),
        "reason": entry.reason,
        "until": entry.until,
        "day": entry.day,
    }


def _turn(row: Turn) -> TurnRecord:
    return TurnRecord(
        id=row.id,
        number=row.number,
        kind=row.kind,
        first_seq=row.first_seq,
        last_seq=row.last_seq,
        steps=row.steps,
        reasons=row.reasons,
        model_id=row.model_id,
        created_at=row.created_at,
    )
