"""What each move of a case takes, as a program or the command line sends it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from bot.errors import UsageError
from bot.knowledge.case_rules import CauseOf as CauseOf
from bot.knowledge.case_rules import Severity

Text = Annotated[str, Meta(min_length=1, max_length=2000)]
Maybe = Annotated[str, Meta(max_length=2000)]
Name = Annotated[str, Meta(min_length=1, max_length=80)]
Number = Annotated[int, Meta(ge=1, le=1000)]
Fen = Annotated[int, Meta(ge=0, le=100_000_000)]
CaseNumber = Annotated[str, Meta(min_length=1, max_length=24)]
Harm = Literal["bodily", "mental", "economic"]
Degree = Literal["none", "slight", "serious"]
Outlet = Literal["authority", "media", "legal", "spread"]
Reaction = Literal["resigned", "reasoning", "angry", "grumbling", "calm"]
CauseLevel = Literal["policy", "system", "person"]
Channel = Literal["widget", "phone", "shop", "dealer", "repair_station", "link", "survey", "other"]


class Body(Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing."""


class Noted(Body, frozen=True):
    """A word about it, which need not be."""

    note: Maybe = ""


class Assign(Body, frozen=True):
    """To whom it goes: a person or a team."""

    owner: Name


class Note(Body, frozen=True):
    """What is noted."""

    note: Text


class Assess(Body, frozen=True):
    """What is known of it now; what is left out stays (D-CMP-2, 3, 4, 15).

    `account`: what the customer has told and confirmed; it stays in the event.
    """

    causes: Annotated[list[CauseOf], Meta(min_length=1, max_length=7)] | None = None
    harm: dict[Harm, Degree] = {}
    severity: Severity | None = None
    reaction: Reaction | None = None
    outlets: dict[Outlet, Literal["threatened", "used"]] = {}
    dealer: Annotated[str, Meta(max_length=120)] | None = None
    product_id: Annotated[str, Meta(max_length=64)] | None = None
    wish: Text | None = None
    account: Maybe = ""


class Investigate(Body, frozen=True):
    """What was found out; empty: it has begun."""

    finding: Maybe = ""


class Decide(Body, frozen=True):
    """Reasonable? must we? are we able? how? and why (D-CMP-5)."""

    outcome: Literal["accept", "partly", "decline"]
    reasonable: bool
    must: bool
    able: bool
    reason: Text
    how: Maybe = ""


class Propose(Body, frozen=True):
    """What is offered; what costs something names its limit, or a manager approves it.

    `remedy`: its id in the shop's `remedies.yml`; the bot offers nothing else.
    """

    kind: Literal["material", "moral"]
    text: Text
    limit: Annotated[str, Meta(max_length=40)] = ""
    value_fen: Fen = 0
    remedy: Annotated[str, Meta(max_length=64)] = ""


class Choose(Body, frozen=True):
    """Which proposal, by its number in the case; need not be said of the only one."""

    proposal: Number | None = None
    note: Maybe = ""


class Refuse(Body, frozen=True):
    """Which proposal is not approved, and why."""

    reason: Text
    proposal: Number | None = None


class Communicate(Body, frozen=True):
    """What the customer was told, and where else they may turn."""

    note: Maybe = ""
    recourse: list[Name] = []


class Answer(Body, frozen=True):
    """The customer's answer to one proposal, or to the decision, in their words."""

    proposal: Number | None = None
    words: Maybe = ""


class Reject(Answer, frozen=True):
    """A no; it names where else they may turn, all there is if nothing is said."""

    recourse: list[Name] = []


class Counter(Body, frozen=True):
    """What the customer wants instead."""

    words: Text
    proposal: Number | None = None


class Why(Body, frozen=True):
    """A reason."""

    why: Text


class Close(Body, frozen=True):
    """Why it is closed, and on which level the cause lies (D-CMP-11)."""

    reason: Text
    cause_level: CauseLevel | None = None


class Merge(Body, frozen=True):
    """The case in which this one goes on."""

    into: CaseNumber


class Link(Body, frozen=True):
    """The earlier case of the same trouble."""

    to: CaseNumber


BODIES: dict[str, type[Body]] = {
    "acknowledge": Noted,
    "assess": Assess,
    "investigate": Investigate,
    "decide": Decide,
    "propose": Propose,
    "approve": Choose,
    "refuse": Refuse,
    "drop": Choose,
    "communicate": Communicate,
    "accept": Answer,
    "reject": Reject,
    "counter": Counter,
    "carry_out": Choose,
    "wait": Why,
    "resume": Noted,
    "speak": Body,
    "end_contact": Why,
    "close": Close,
    "reopen": Why,
    "assign": Assign,
    "take": Body,
    "note": Note,
    "escalate": Why,
    "overdue": Body,
    "merge": Merge,
    "link": Link,
}


def read_body(move: str, values: dict[str, Any]) -> Body:
    """Return what a move takes, checked.

    Raises:
        UsageError: it names the field.
    """
    try:
        return msgspec.convert(values, BODIES[move])
    except msgspec.ValidationError as error:
        reason, _, place = str(error).partition(" - at `$.")
        field = f"{place.rstrip('`')}: " if place else ""
        raise UsageError(f"{field}{move}: {reason}") from error
