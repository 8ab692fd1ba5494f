"""Facts as they are said: of the shop, of the product in talk, of promotions and policies.

A fact that is unknown is absent, and so is a fact of a product past its `valid_until`.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.clock import SHOP_TIME_ZONE
from bot.knowledge.book import LanguageFacts
from bot.knowledge.opening_hours import LONGEST_CLOSED_DAYS
from bot.knowledge.products import Product
from bot.knowledge.selling_material import STORY
from bot.knowledge.selling_rules import load_selling_rules
from bot.knowledge.shop import Shop
from bot.language.normalise import clean

DAYS_A_YEAR = 365
MAX_CHARS = 2_000
LIGHTER_SHARE = 0.85
POLICY_OF_KIND = {
    "product": "genuine",
    "company": "genuine",
    "service": "warranty",
    "finance": "payment",
    "price": "price_protection",
}


@dataclass(frozen=True)
class Topics:
    """What a message is about: words of the catalogue that tell of it, policies that settle it."""

    words: frozenset[str]
    policies: frozenset[str]

    def tell(self, text: str) -> bool:
        """Tell whether a text is about the same."""
        return any(word in text for word in self.words)


def topics_of(text: str, product: Product | None = None) -> Topics:
    """Return the aspects and needs that a message names (D-SEL-5: the connection is heard).

    Args:
        product: the product in talk, whose own name says nothing.
    """
    rules, text = load_selling_rules(), clean(text, MAX_CHARS).lower()
    for name in (product.name, *product.aliases) if product else ():
        text = text.replace(name.lower(), " ")
    aspects = [each for each in rules.aspects if any(word in text for word in each.asks)]
    words = {word for each in aspects for word in (*each.asks, *each.shows)}
    words |= {word for each in rules.needs for word in each.says if word in text}
    return Topics(frozenset(words), frozenset(each.policy for each in aspects if each.policy))


def say_money(language: LanguageFacts, fen: int) -> str:
    """Return an amount as it is said: whole yuan without decimals."""
    yuan = f"{fen // 100}" if fen % 100 == 0 else f"{fen / 100:.2f}"
    return language.money_format.format(yuan=yuan)


def shop_facts(shop: Shop) -> dict[str, str]:
    """Return what is always known."""
    facts = {"shop_name": shop.profile.name, "phone": shop.profile.phone}
    if shop.profile.decision_kit:
        facts["decision_kit"] = shop.profile.decision_kit
    return facts


def product_facts(
    shop: Shop, language: LanguageFacts, product: Product, now: datetime, rng: random.Random
) -> dict[str, str]:
    """Return what may be said of a product today; one aligned FAB triple (D-SEL-6)."""
    if not product.is_current(now.astimezone(SHOP_TIME_ZONE).date()):
        return {"product": product.name}
    triple = rng.randrange(len(product.features))
    per_day_fen = product.price_fen / (product.life_years * DAYS_A_YEAR)
    facts = {
        "product": product.name,
        "price": say_money(language, product.price_fen),
        "price_per_day": language.money_format.format(yuan=f"{per_day_fen / 100:.2f}"),
        "life_years": f"{product.life_years:g}",
        "feature": product.features[triple],
        "advantage": product.advantages[triple],
        "benefit": product.benefits[triple],
        "comparison": product.compared_with,
        "related": next(
            (other.name for each in product.related if (other := shop.product(each))), ""
        ),
    }
    if product.warranty_months:
        facts["warranty"] = language.months_format.format(months=product.warranty_months)
    return {name: value for name, value in facts.items() if value}


def offer_facts(shop: Shop, product_id: str | None, kind: str, now: datetime) -> dict[str, str]:
    """Return the promotion that applies today, to this product alone, and the kind's policy."""
    today = now.astimezone(SHOP_TIME_ZONE).date()
    product = shop.product(product_id)
    promotion = next(
        (
            each.text
            for each in shop.promotions
            if each.applies(product_id, today)
            and (product is None or product.price_fen >= each.min_spend_fen)
        ),
        "",
    )
    policy = shop.policy(POLICY_OF_KIND.get(kind, ""))
    facts = {"promotion": promotion, "policy": policy}
    return {name: value for name, value in facts.items() if value}


def proof_facts(
    shop: Shop,
    product_id: str | None,
    kind: str,
    now: datetime,
    *,
    about: str = "",
    just_said: str = "",
) -> dict[str, str]:
    """Return the shop's proofs against a kind of objection, its story, and what backs the buyer.

    A policy is proof, too, after what was recorded (D-SEL-8).

    Args:
        about: what the customer said; a proof that tells of the same goes first.
        just_said: what we said a moment ago; no proof is told twice running.
    """
    today = now.astimezone(SHOP_TIME_ZONE).date()
    topics = topics_of(about, shop.product(product_id))
    topic = POLICY_OF_KIND.get(kind, "")
    fitting = shop.material.proofs_for(kind, product_id, today)
    fitting.sort(key=lambda proof: not topics.tell(proof.text))
    texts = [proof.text for proof in fitting if proof.form != STORY]
    if policy := shop.policy(topic):
        texts.insert(0 if topic in topics.policies else len(texts), policy)
    texts = [each for each in texts if each not in just_said] or texts
    concern = shop.material.concern_of(product_id)
    facts = {
        "proof": texts[0] if texts else "",
        "second_proof": texts[1] if len(texts) > 1 else "",
        "story": next((proof.text for proof in fitting if proof.form == STORY), ""),
        "returns": shop.policy("returns"),
        "instalment": shop.material.instalment,
        "usual_concern": concern.text if concern else "",
    }
    return {name: value for name, value in facts.items() if value}


def lighter_facts(
    shop: Shop, language: LanguageFacts, product: Product, now: datetime
) -> dict[str, str]:
    """Return the dearest product for the same work that is clearly cheaper, and in stock."""
    today = now.astimezone(SHOP_TIME_ZONE).date()
    same_work = shop.material.alternatives_of(product.id)
    cheaper = [
        other
        for other in shop.products
        if other.id in same_work
        and other.stock
        and other.is_current(today)
        and other.price_fen <= product.price_fen * LIGHTER_SHARE
    ]
    if not cheaper:
        return {}
    lighter = max(cheaper, key=lambda other: (other.price_fen, other.id))
    return {"lighter": lighter.name, "lighter_price": say_money(language, lighter.price_fen)}


def say_hours(shop: Shop, language: LanguageFacts, now: datetime) -> str:
    """Return when people are there next, as it is said: today, tomorrow or on a day."""
    local = now.astimezone(SHOP_TIME_ZONE)
    for days in range(LONGEST_CLOSED_DAYS):
        day = local.date() + timedelta(days=days)
        clock = local.strftime("%H:%M") if days == 0 else ""
        spans = [span for span in shop.hours.of_day(day) if span.split("-")[1] > clock]
        if spans:
            said = language.list_separator.join(spans)
            template = (language.hours_today, language.hours_tomorrow, language.hours_on)[
                min(days, 2)
            ]
            return template.format(spans=said, month=day.month, day=day.day)
    return language.hours_unknown
