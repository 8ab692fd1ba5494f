"""What goes with an order that was agreed (D-SEL-10). Pure.

Never before the order, with an open complaint, after a refusal, or twice in a conversation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.clock import SHOP_TIME_ZONE
from bot.dialogue.facts import say_money
from bot.dialogue.turn import ConversationFacts, LedgerEntry
from bot.knowledge.book import LanguageFacts
from bot.knowledge.products import Product
from bot.knowledge.shop import Promotion, Shop

REFUSED_KINDS = frozenset({"excuse", "need"})


@dataclass(frozen=True)
class RelatedOffer:
    """One product that goes with it, or with a bundle all of them at one price."""

    product: Product
    bundle: Promotion | None = None


def may_offer(
    facts: ConversationFacts, ledger: Sequence[LedgerEntry], *, has_case: bool, was_refused: bool
) -> bool:
    """Tell whether something more may be named in this conversation."""
    turned_away = any(e.kind in REFUSED_KINDS and e.state == "left" for e in ledger)
    is_free = not (has_case or was_refused or turned_away)
    return is_free and not facts.contact_refused and not facts.related_offered


def related_offer(shop: Shop, product: Product, now: datetime) -> RelatedOffer | None:
    """Return what goes with a product and may be sold now: a bundle first, then related goods."""
    today = now.astimezone(SHOP_TIME_ZONE).date()
    for promotion in shop.promotions:
        if promotion.kind == "bundle" and _is_bundle_of(promotion, product.id):
            others = _goods(shop, [i for i in promotion.products if i != product.id], now)
            if promotion.applies(product.id, today) and len(others) + 1 == len(promotion.products):
                return RelatedOffer(others[0], promotion)
    goods = _goods(shop, product.related, now)
    return RelatedOffer(goods[0]) if goods else None


def offer_words(
    shop: Shop, language: LanguageFacts, product: Product, offer: RelatedOffer
) -> dict[str, str]:
    """Return the facts of an offer: a bundle is one thing with one price (D-SEL-10)."""
    extra = offer.product
    facts = {
        "product": product.name,
        "extra": extra.name,
        "extra_price": say_money(language, extra.price_fen),
        "extra_benefit": extra.benefits[0],
    }
    if offer.bundle is None:
        return facts
    goods = [each for i in offer.bundle.products if (each := shop.product(i)) is not None]
    total_fen = sum(each.price_fen for each in goods) - offer.bundle.value_fen
    return {
        **facts,
        "bundle": offer.bundle.title,
        "bundle_price": say_money(language, total_fen),
        "bundle_terms": offer.bundle.text,
    }


def _is_bundle_of(promotion: Promotion, product_id: str) -> bool:
    return product_id in promotion.products and len(promotion.products) > 1


def _goods(shop: Shop, ids: Sequence[str], now: datetime) -> list[Product]:
    today = now.astimezone(SHOP_TIME_ZONE).date()
    found = [shop.product(each) for each in dict.fromkeys(ids)]
    return [each for each in found if each and each.stock and each.is_current(today)]
