"""Which remedy may be offered in a complaint, and who may grant it (D-CMP-4, 5, 6). Pure.

What the customer wants comes first, then what is natural for the cause, in the order in which the
shop's `remedies.yml` lists it; what a remedy costs decides who may grant it, never whether it is
offered. Grade and style of a customer are not known here (design decision 9). The planner only
proposes: `bot.services.case_remedies` refuses the bot whatever the shop does not let it grant.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from bot.dialogue.facts import say_money
from bot.knowledge.book import LanguageFacts, load_language
from bot.knowledge.complaint_rules import ComplaintBook
from bot.knowledge.remedy_rules import GRANTORS, MONEY, PRODUCT, Grantor, Remedy, causes_put_right
from bot.knowledge.shop import Limit, Policy

BODILY = "bodily"
NAMES_A_SUM = "compensation"  # what somebody wants who only names a sum


@dataclass(frozen=True)
class Claim:
    """What decides about remedies, and nothing else.

    Attributes:
        severity: slight, serious, bodily.
        wish: a `Wish`, '' while it is not known.
        asked_fen: the sum that the customer named.
        product: its name; `price_fen`: what it costs.
        days_since: since receipt.
        is_again: the same trouble for the second time.
        turned_down: texts of proposals that the customer did not want.
        granted_fen: what this customer was granted today, by limit.
    """

    causes: tuple[str, ...]
    severity: str
    is_crisis: bool = False
    wish: str = ""
    asked_fen: int | None = None
    product: str = ""
    price_fen: int | None = None
    days_since: int | None = None
    is_again: bool = False
    turned_down: tuple[str, ...] = ()
    granted_fen: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_grave(self) -> bool:
        """Whether it is never bargained over (D-CMP-4, 9)."""
        return self.severity == BODILY or self.is_crisis

    @property
    def for_causes(self) -> Collection[str]:
        """The causes whose remedies fit."""
        return causes_put_right(self.causes, is_grave=self.is_grave)

    @property
    def wants(self) -> str:
        """What is wanted, as far as it can be told."""
        return self.wish or (NAMES_A_SUM if self.asked_fen is not None else "")


@dataclass(frozen=True)
class Offer:
    """A remedy for one claim.

    Attributes:
        text: as it is offered.
        value_fen: what it costs, 0 while that is not known.
        reason: why it is granted, in the shop's words.
        approver: who may grant it; '' : the bot, at once.
    """

    remedy: Remedy
    text: str
    value_fen: int
    reason: str
    approver: str


@dataclass(frozen=True)
class RemedyPlan:
    """What may be offered.

    Attributes:
        at_once: the best that the bot may offer now.
        later: what a person may grant, best first.
        moral: what goes with either.
    """

    at_once: Offer | None
    later: tuple[Offer, ...]
    moral: Offer | None


class _Terms(NamedTuple):
    """The shop's limits and policies, and how a sum is said."""

    limits: Mapping[str, Limit]
    policies: Mapping[str, str]
    language: LanguageFacts


def plan_remedies(
    remedies: Sequence[Remedy],
    limits: Sequence[Limit],
    policies: Sequence[Policy],
    claim: Claim,
    language: LanguageFacts | None = None,
) -> RemedyPlan:
    """Return what may be offered now, by the bot and by people (D-CMP-6).

    Args:
        remedies: the shop's, best first.
        language: how a sum is said; None for the book's.
    """
    terms = _Terms(
        {each.id: each for each in limits},
        {each.topic: each.text for each in policies},
        language or load_language(),
    )
    fitting = sorted(
        (each for each in remedies if _fits(each, claim)), key=lambda each: _rank(each, claim)
    )
    offers = [offer for each in fitting if (offer := _offer(each, terms, claim)) is not None]
    answering = [each for each in offers if _answers(each.remedy, claim)]
    at_once = next((each for each in answering if not each.approver), None)
    later = tuple(each for each in answering if each.approver)
    first = at_once or next(iter(later), None)
    moral = [each for each in offers if each.remedy.kind == "moral" and each != first]
    if claim.is_again:  # the manager's own comes first
        moral.sort(key=lambda each: each.remedy.grants != GRANTORS[-1])
    return RemedyPlan(at_once, later, next(iter(moral), None))


def is_meant(
    remedies: Sequence[Remedy], offered: str, wish: str, text: str, book: ComplaintBook
) -> bool:
    """Tell whether an answer names just what is offered, and takes nothing of it back.

    Args:
        offered: the offer's text.
        wish: what the answer names.
    """
    for words in book.cues.gives_in:
        text = text.replace(words, "")
    takes_back = any(word in text for word in (*book.cues.but, *book.cues.refuses))
    meant = [each for each in remedies if each.is_worded_as(offered, "")]
    return not takes_back and any(wish in each.meets for each in meant)


def _fits(remedy: Remedy, claim: Claim) -> bool:
    """Tell whether a remedy is for such a claim at all."""
    if claim.is_grave and not remedy.grave:
        return False
    if remedy.hurt_only and claim.severity != BODILY:
        return False
    if not remedy.suits(claim.for_causes):
        return False
    within, days = remedy.within_days, claim.days_since
    return within is None or days is None or days <= within


def _answers(remedy: Remedy, claim: Claim) -> bool:
    """Tell whether a remedy can stand alone; a moral one where that is wanted, or natural."""
    is_wanted = claim.wants in remedy.meets
    return is_wanted or remedy.kind == "material" or remedy.is_natural_for(claim.for_causes)


def _rank(remedy: Remedy, claim: Claim) -> tuple[bool, bool, bool]:
    """Return how well a remedy fits, best first; alike ones stay as the shop lists them."""
    is_wanted = claim.wants in remedy.meets
    is_the_sum = is_wanted and remedy.value == "asked" and claim.asked_fen is not None
    return (not is_wanted, not is_the_sum, not remedy.is_natural_for(claim.for_causes))


def _offer(remedy: Remedy, terms: _Terms, claim: Claim) -> Offer | None:
    """Return a remedy as it is offered; None if it cannot be said, or was turned down."""
    cost = _cost(remedy, claim)
    money = say_money(terms.language, cost) if cost else ""
    facts = {PRODUCT: claim.product, MONEY: money}
    text = remedy.filled({name: value for name, value in facts.items() if value})
    if not text or any(remedy.is_worded_as(each, money) for each in claim.turned_down):
        return None
    grantor = _grantor(remedy, terms, claim, cost)
    approver = "" if grantor == GRANTORS[0] else grantor
    return Offer(remedy, text, cost or 0, _reason(remedy, terms), approver)


def _cost(remedy: Remedy, claim: Claim) -> int | None:
    """Return fen, None while it is not known."""
    if remedy.value == "price":
        return claim.price_fen
    if remedy.value == "asked":
        return claim.asked_fen
    return remedy.value_fen


def _grantor(remedy: Remedy, terms: _Terms, claim: Claim, cost: int | None) -> Grantor:
    """Return who may grant it: the highest that anything about it asks for."""
    asks: list[Grantor] = [remedy.grants, *_beyond_limit(remedy, terms, claim, cost)]
    if remedy.needs_day and claim.days_since is None:
        asks.append("front_line")
    if claim.is_grave:  # decided by nobody below (case_process.yml)
        asks.append("supervisor")
    rank = max(map(GRANTORS.index, asks))
    return GRANTORS[min(rank + claim.is_again, len(GRANTORS) - 1)]


def _beyond_limit(
    remedy: Remedy, terms: _Terms, claim: Claim, cost: int | None
) -> Sequence[Grantor]:
    """Return who approves what is above the limit, or has none, or cannot be counted yet."""
    if not remedy.limit:
        return () if remedy.value == "nothing" else ("manager",)
    limit = terms.limits.get(remedy.limit)
    if limit is None:
        return ("manager",)
    if limit.max_fen is None:
        return ()
    if cost is None:  # whoever grants it finds that out first
        return ("front_line",)
    is_within = claim.granted_fen.get(limit.id, 0) + cost <= limit.max_fen
    return () if is_within else (limit.approver_above,)


def _reason(remedy: Remedy, terms: _Terms) -> str:
    """Return why it is granted: what the shop says of it, its policy, its limit, itself."""
    limit = terms.limits.get(remedy.limit)
    said = (remedy.reason, terms.policies.get(remedy.policy or "", ""), limit.text if limit else "")
    return next((each for each in said if each), remedy.text)
