"""What a customer was granted today: conceded in selling, and offered in complaints (D-OBJ-9).

One sum for both, so that neither passes a limit of the shop beside the other.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from bot.clock import start_of_day
from bot.crm.unit_of_work import UnitOfWork


def granted_today(
    uow: UnitOfWork, conversation_id: str, customer_id: int | None, now: datetime
) -> dict[str, int]:
    """Return fen by limit since midnight, in this conversation and to this customer."""
    since = start_of_day(now)
    total = Counter(uow.concessions.granted_since(conversation_id, customer_id, since))
    total.update(uow.proposals.values_since(conversation_id, customer_id, since))
    return dict(total)
