"""What a shop makes good with in complaint cases, and who may grant it (D-CMP-4, 5, 6).

`remedies.yml` of the shop's folder lists them best first: of two that fit a claim alike the first
is offered. `bot.dialogue.remedies` chooses among them; `bot.services.case_remedies` holds the bot
to them, whatever was chosen.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from string import Formatter
from typing import Annotated, Literal

from msgspec import Meta, Struct

from bot.knowledge.case_rules import CauseOf
from bot.knowledge.field_types import Fen, Id, Topic

Wish = Literal[
    "refund",
    "exchange",
    "repair",
    "compensation",
    "redelivery",
    "apology",
    "price_difference",
    "help",
    "coupon",
    "points",
    "shipping",
    "explanation",
    "care",
]
Grantor = Literal["bot", "front_line", "supervisor", "manager"]
GRANTORS: tuple[Grantor, ...] = ("bot", "front_line", "supervisor", "manager")
UNKNOWN, DEALER = "unknown", "dealer"  # causes
PRODUCT, MONEY = "product", "money"
FREE: tuple[Grantor, ...] = ("manager",)  # may spend without a limit
Clause = Annotated[str, Meta(min_length=1, max_length=200)]
STOPS = tuple("\u3002.!\uff01?\uff1f\uff1b;")


def causes_put_right(causes: Collection[str], *, is_grave: bool) -> Collection[str]:
    """Return the causes whose remedies fit: a dealer's sale is put right with the dealer (D-CMP-2).

    Args:
        is_grave: somebody was hurt, or threatens: then it is the shop's own, whoever sold it.
    """
    return (DEALER,) if DEALER in causes and not is_grave else causes


class Remedy(Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that may be offered.

    Attributes:
        meets: what a customer who wants this gets with it.
        causes: for which complaints; empty: any. It is the natural remedy of a cause named here.
        grants: who may grant it at once.
        limit: id in `limits.yml` that it counts against.
        value: what it costs: nothing, the product's price, `value_fen`, what the customer asks for.
        within_days: since receipt; None: always.
        needs_day: an unknown day of receipt is looked up by a person; else it counts as in time,
            for what is sent back, or checked, before it is granted anyway.
        grave: whether it is for bodily harm or a threat too; never by the bot.
        hurt_only: for bodily harm alone.
        text: as offered, one clause without a full stop; may use {product} and {money}.
        open_text: the same while product or sum is not known.
        policy: topic in `policies.yml` whose text is the reason; `reason`: one of its own.
    """

    id: Id
    kind: Literal["material", "moral"]
    meets: Annotated[list[Wish], Meta(min_length=1)]
    grants: Grantor
    text: Clause
    causes: list[CauseOf] = []
    limit: str = ""
    value: Literal["nothing", "price", "fixed", "asked"] = "nothing"
    value_fen: Fen = 0
    within_days: Annotated[int, Meta(ge=1, le=3660)] | None = None
    needs_day: bool = False
    grave: bool = False
    hurt_only: bool = False
    open_text: Annotated[str, Meta(max_length=200)] = ""
    policy: Topic | None = None
    reason: Annotated[str, Meta(max_length=400)] = ""

    def suits(self, causes: Collection[str]) -> bool:
        """Tell whether it is for a complaint of these causes."""
        return not self.causes or self.is_natural_for(causes)

    def is_natural_for(self, causes: Collection[str]) -> bool:
        """Tell whether it is named for one of these causes; none at all is an unknown one."""
        return bool(set(self.causes) & set(causes or (UNKNOWN,)))

    def filled(self, facts: Mapping[str, str]) -> str:
        """Return the text with these facts, the open one where it needs others; '' if none fits."""
        for text in (self.text, self.open_text):
            if text and placeholders(text) <= facts.keys():
                return text.format(**facts)
        return ""

    def is_worded_as(self, text: str, money: str = "") -> bool:
        """Tell whether an offer of this text was one of this remedy, for whatever product.

        Args:
            money: the sum that is offered now; another sum is another offer.
        """
        worded = (each for each in (self.text, self.open_text) if each)
        return any(_pattern(each, money).fullmatch(text) for each in worded)


def placeholders(text: str) -> set[str]:
    """Return the names in braces, with the format that may stand there wrongly.

    Raises:
        ValueError: a brace has no partner.
    """
    return {
        name + (f"!{conversion}" if conversion else "") + (f":{form}" if form else "")
        for _, name, form, conversion in Formatter().parse(text)
        if name is not None
    }


def _pattern(text: str, money: str) -> re.Pattern[str]:
    facts = {PRODUCT: ".+", MONEY: re.escape(money)}
    parts = [
        re.escape(said) + (facts.get(name, "") if name else "")
        for said, name, _, _ in Formatter().parse(text)
    ]
    return re.compile("".join(parts))


def problems_of(remedy: Remedy, caps: Mapping[str, int | None]) -> list[str]:
    """Return what single fields cannot show, each beginning with the field.

    Args:
        caps: the shop's limits in fen by id, None for one without.
    """
    problems = [*_problems_of_texts(remedy), *_problems_of_cost(remedy, caps)]
    if remedy.needs_day and remedy.within_days is None:
        problems.append("needs_day: only with within_days")
    if remedy.hurt_only and not remedy.grave:
        problems.append("hurt_only: only with grave")
    if len(set(remedy.causes)) < len(remedy.causes):
        problems.append("causes: one stands twice")
    return problems


def _problems_of_texts(remedy: Remedy) -> list[str]:
    problems = []
    for field, text in (("text", remedy.text), ("open_text", remedy.open_text)):
        try:
            names = placeholders(text)
        except ValueError as error:
            problems.append(f"{field}: {error}")
            continue
        for name in sorted(names - {PRODUCT, MONEY}):
            problems.append(f"{field}: there is no {{{name}}}; there are {{product}}, {{money}}")
        if MONEY in names and remedy.value == "nothing":
            problems.append(f"{field}: {{{MONEY}}} needs a value")
        if text.endswith(STOPS):
            problems.append(f"{field}: one clause, without a full stop at the end")
    return problems


def _problems_of_cost(remedy: Remedy, caps: Mapping[str, int | None]) -> list[str]:
    problems = []
    if remedy.limit and remedy.limit not in caps:
        problems.append(f"limit: limits.yml has no limit {remedy.limit!r}")
    if (remedy.value == "fixed") != (remedy.value_fen > 0):
        problems.append("value_fen: goes with value fixed, and with nothing else")
    if remedy.kind == "moral" and (remedy.limit or remedy.value != "nothing"):
        problems.append("kind: what costs something is material")
    if remedy.value != "nothing" and not remedy.limit and remedy.grants not in FREE:
        problems.append("limit: what costs something needs one, or the manager grants it")
    cap = caps.get(remedy.limit)
    if remedy.grants == "bot" and cap is None and remedy.value == "asked":
        problems.append("limit: the bot grants what is asked for up to a sum, or not at all")
    if remedy.grants == "bot" and cap is not None and remedy.value_fen > cap:
        problems.append(f"value_fen: {remedy.value_fen} lies above the limit of {cap}")
    return problems
