"""How a talk about a complaint goes, as data: `book/complaints.yml` (D-CMP-2 to 6, 13).

What it says is how long a customer is listened to, which facts a cause needs, and by which words
a wish or a barrier is known. Which moves of the *case* are legal says `case_process.yml`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Annotated, Literal, get_args

from msgspec import Meta, Struct
from msgspec.structs import asdict

from bot.knowledge.loader import read_yaml
from bot.knowledge.remedy_rules import Wish

FactName = Literal["case_subject", "case_dealer", "case_detail", "case_since"]
AccountName = Literal[FactName, "case_wish"]
Barrier = Literal["no_use", "too_much", "embarrassed", "leaving"]
Words = list[Annotated[str, Meta(min_length=1, max_length=30)]]
REACTIONS = ("resigned", "reasoning", "angry", "grumbling", "calm")


class Severity(Struct, frozen=True, forbid_unknown_fields=True):
    """What follows from a case's severity (D-CMP-4)."""

    next_step: str


class Pace(Struct, frozen=True, forbid_unknown_fields=True):
    """How long a customer of a reaction is listened to before anything is asked (D-CMP-3, 5).

    Attributes:
        least: so many of their complaining messages after the first are listened to.
        most: after so many the talk goes on, however angry they still are.
    """

    least: Annotated[int, Meta(ge=0, le=5)]
    most: Annotated[int, Meta(ge=0, le=10)]


class ComplaintCues(Struct, frozen=True, forbid_unknown_fields=True):
    """`complaint_cues.yml`: what customers say.

    Attributes:
        serious_harm: by which words a harm is serious; `serious_fen`: from which sum on.
        wishes: by which words a wish is known that is no entity; `loose_wishes`: only of who was
            asked; `no_wishes`: what names a remedy and wants none; `any_wish`: of who leaves the
            choice to us; `implied_wishes`: what happened that calls for one remedy.
        barriers: by which words it is known why somebody would rather not complain (D-CMP-13).
        unknown_values: answers that say that the customer does not know.
        dealer: by which words it is known that somebody else sold or repaired it (D-CMP-2).
        agrees: what an answer begins with that is a yes; `but`: what takes it back;
            `refuses`: what an answer holds that does not agree; `gives_in`: what only seems so.
        only_asks: words of a question about a remedy that wants none.
        outbursts: what lets out anger and tells nothing.
        takes_back: clauses after which what was said before them is said anew.
        received: what stands before how long ago it was that the goods came.
        times: what a text holds that says when, in whatever words.
        used_beside: what stands before a thing that is no part of the trouble.
        no_names: what no name of goods or of a shop holds.
        dealer_names: patterns of a message that says a dealer's name (`name`) and no more.
        bought: by which words, beside a dealer, it is known that it is no doubt before buying.
    """

    serious_harm: dict[Literal["bodily", "mental", "economic"], Words]
    serious_fen: Annotated[int, Meta(gt=0)]
    wishes: dict[Wish, Words]
    loose_wishes: dict[Wish, Words]
    no_wishes: Words
    any_wish: Words
    implied_wishes: dict[Wish, Words]
    barriers: dict[Barrier, Words]
    unknown_values: Words
    dealer: Words
    agrees: Words
    but: Words
    refuses: Words
    gives_in: Words
    only_asks: Words
    outbursts: Words
    takes_back: Words
    received: Words
    times: Words
    used_beside: Words
    no_names: Words
    dealer_names: list[Annotated[str, Meta(min_length=1, max_length=200)]]
    bought: Words


class ComplaintTalk(Struct, frozen=True, forbid_unknown_fields=True):
    """`complaints.yml`.

    Attributes:
        facts: what has to be known of a cause before it is repeated back.
        detail_chars: from this length on what was said tells what happened.
        account: how each fact is said when it is repeated back ({value}); `account_ago`: how
            a time is said of which only the length is known.
        teams: how a team is named to a customer.
    """

    causes: dict[str, str]
    cause_names: dict[str, str]
    stage_names: dict[str, str]
    severities: dict[Literal["slight", "serious", "bodily"], Severity]
    deadline_format: str
    urgent_reactions: list[str]
    pace: dict[str, Pace]
    facts: dict[str, list[FactName]]
    detail_chars: Annotated[int, Meta(ge=1, le=100)]
    longest_detail_chars: Annotated[int, Meta(ge=20, le=200)]
    account: dict[AccountName, str]
    account_separator: str
    account_ago: str
    wish_names: dict[Wish, str]
    teams: dict[str, str]

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield what is wrong: the field, and what it is."""
        causes = {*self.causes.values(), "dealer"}
        yield from _missing("cause_names", self.cause_names, causes)
        yield from _missing("facts", self.facts, causes)
        yield from _missing("pace", self.pace, REACTIONS)
        yield from _missing("wish_names", self.wish_names, get_args(Wish))
        for name, text in self.account.items():
            if "{value}" not in text:
                yield "account", f"{name}: must say {{value}}"


class ComplaintBook(ComplaintTalk, frozen=True):
    """How the talk goes, with the words by which a customer is understood."""

    cues: ComplaintCues


def read_complaints(folder: Path) -> ComplaintBook:
    """Read both files.

    Raises:
        ShopDataError: what cannot be read, with file, line and field.
    """
    talk = read_yaml(folder / "complaints.yml", ComplaintTalk)
    cues = read_yaml(folder / "complaint_cues.yml", ComplaintCues)
    return ComplaintBook(**asdict(talk), cues=cues)


def _missing(
    field: str, table: Collection[str], names: Collection[str]
) -> Iterator[tuple[str, str]]:
    for name in sorted(names):
        if name not in table:
            yield field, f"{name!r} is missing"
