"""What the front line may give way on now: for a reason, against something, within a limit.

Pure. Nothing depends on who the customer is: only goods, day and what was granted already count
(design decision 9).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from bot.clock import SHOP_TIME_ZONE
from bot.dialogue.turn import GrantConcession
from bot.knowledge.products import Product
from bot.knowledge.selling_material import Concession
from bot.knowledge.shop import Shop


def possible_concession(
    shop: Shop,
    product: Product | None,
    now: datetime,
    *,
    offered: Sequence[str],
    granted_fen: Mapping[str, int],
) -> Concession | None:
    """Return the cheapest concession that may still be offered, or None (D-OBJ-9).

    Args:
        offered: ids of those already offered in this conversation.
        granted_fen: what this customer was granted today, by limit.
    """
    if product is None:
        return None
    today = now.astimezone(SHOP_TIME_ZONE).date()
    possible = [
        each
        for each in shop.material.concessions
        if each.id not in offered
        and each.applies(product.id, product.price_fen, today)
        and _fits(shop, each, granted_fen)
    ]
    return min(possible, key=lambda each: (each.value_fen, each.id), default=None)


def grant(shop: Shop, concession: Concession) -> GrantConcession:
    """Return the command that records a concession; T2 keeps the limit."""
    return GrantConcession(
        concession.id, concession.limit, concession.value_fen, _cap(shop, concession.limit)
    )


def _fits(shop: Shop, concession: Concession, granted_fen: Mapping[str, int]) -> bool:
    cap = _cap(shop, concession.limit)
    return cap is None or granted_fen.get(concession.limit, 0) + concession.value_fen <= cap


def _cap(shop: Shop, limit_id: str) -> int | None:
    """Return what a customer's day may sum up to; also a limit an order holds for the day."""
    return next((limit.max_fen for limit in shop.limits if limit.id == limit_id), 0)
