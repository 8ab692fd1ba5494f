"""What was offered in complaint cases, and what of it counts against the shop's limits."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from bot.crm.models import Case, CaseProposal, Promise
from bot.crm.records import ProposalRecord
from bot.crm.rows import record_of

GONE = ("refused", "dropped", "rejected", "countered")  # cost nothing
OWED = "accepted"


class ProposalRepository:
    """Reads and writes of one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def of_case(self, case_id: int) -> list[ProposalRecord]:
        """Return the proposals of a case, oldest first."""
        rows = self._session.execute(
            select(CaseProposal)
            .where(CaseProposal.case_id == case_id)
            .order_by(CaseProposal.ordinal)
        ).scalars()
        return [record_of(ProposalRecord, row) for row in rows]

    def owed_by(self, promise_id: int) -> ProposalRecord | None:
        """Return the accepted proposal that a promise is to keep, if it is one's."""
        return next(iter(self._owed(CaseProposal.promise_id == promise_id)), None)

    def owed_of_task(self, task_id: int) -> list[ProposalRecord]:
        """Return the accepted proposals whose promise a task is to keep."""
        promises = select(Promise.id).where(Promise.task_id == task_id)
        return self._owed(CaseProposal.promise_id.in_(promises))

    def _owed(self, condition: ColumnElement[bool]) -> list[ProposalRecord]:
        rows = self._session.execute(
            select(CaseProposal).where(condition, CaseProposal.state == OWED)
        ).scalars()
        return [record_of(ProposalRecord, row) for row in rows]

    def add(self, case_id: int, now: datetime, **values: Any) -> ProposalRecord:
        """Store one under the next number of its case."""
        known = select(func.count()).where(CaseProposal.case_id == case_id)
        ordinal = self._session.execute(known).scalar_one() + 1
        row = CaseProposal(
            case_id=case_id, ordinal=ordinal, created_at=now, updated_at=now, **values
        )
        self._session.add(row)
        self._session.flush()
        return record_of(ProposalRecord, row)

    def change(self, proposal_id: int, now: datetime, **values: Any) -> None:
        """Set columns."""
        row = self._session.get_one(CaseProposal, proposal_id)
        for name, value in {**values, "updated_at": now}.items():
            setattr(row, name, value)
        self._session.flush()

    def values_since(
        self, conversation_id: str, customer_id: int | None, since: datetime
    ) -> dict[str, int]:
        """Return fen offered by limit since a moment, in this conversation and to this customer."""
        theirs = Case.conversation_id == conversation_id
        if customer_id is not None:
            theirs |= Case.customer_id == customer_id
        rows = self._session.execute(
            select(CaseProposal.limit_id, func.sum(CaseProposal.value_fen))
            .join(Case, Case.id == CaseProposal.case_id)
            .where(theirs, CaseProposal.state.not_in(GONE), CaseProposal.created_at >= since)
            .group_by(CaseProposal.limit_id)
        )
        return {limit_id: int(total) for limit_id, total in rows if limit_id}
