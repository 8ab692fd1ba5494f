"""Which moves of a complaint case are legal, and what one that is not lacks. Pure.

The rules lie in `bot/knowledge/book/case_process.yml`; `bot.services.cases` asks here before it
writes anything, and so can a page or a conversation that wants to know what may come next.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from bot.knowledge.case_rules import CaseProcess, Fact, Move, Role, Severity

RANKS: tuple[Severity, ...] = ("slight", "serious", "bodily")
FORMAL = ("authority", "media", "legal")  # a complaint that was carried there is a formal one


@dataclass(frozen=True)
class CaseFacts:
    """What decides about the moves of one case.

    Attributes:
        is_grave: bodily harm or a threat (D-CMP-4, 9).
    """

    stage: str
    known: frozenset[Fact]
    is_grave: bool = False


class Obstacle(NamedTuple):
    """Why a move is not legal; `is_role`: somebody else might do it."""

    text: str
    is_role: bool = False


def legal_moves(process: CaseProcess, facts: CaseFacts, role: Role) -> tuple[str, ...]:
    """Return the moves that this role may do now, in the order of the process.

    What a move's own body can tell counts as told.
    """
    return tuple(
        name
        for name, move in process.moves.items()
        if obstacle_to(process, name, facts, role, move.gives) is None
    )


def obstacle_to(
    process: CaseProcess,
    name: str,
    facts: CaseFacts,
    role: Role,
    told: Collection[Fact] = (),
) -> Obstacle | None:
    """Return why a move is not legal, and how to mend it; None: it is.

    Args:
        told: what its body tells.
    """
    move = process.moves.get(name)
    if move is None:
        return Obstacle(f"move: there is no {name!r}; there are {', '.join(process.moves)}")
    if facts.stage not in move.from_:
        return Obstacle(f"{name}: not from the stage {facts.stage}, but from {_list(move.from_)}")
    may = move.may(facts.is_grave)
    if role not in may:
        why = " with bodily harm or a threat" if facts.is_grave and move.by_grave else ""
        return Obstacle(f"{name}{why}: not for {role}, but for {_list(may)}", is_role=True)
    missing = _missing(move, facts.known | set(told))
    if missing:
        needs = "; ".join(process.facts[fact] for fact in missing)
        return Obstacle(f"{name}: {needs}")
    return None


def _missing(move: Move, known: frozenset[Fact]) -> list[Fact]:
    """Return what is not known: of 'this or that' the first."""
    missing: list[Fact] = []
    for need in move.needs:
        either: list[Fact] = need.split("|")  # type: ignore[assignment]
        if not known.intersection(either):
            missing.append(either[0])
    return missing


def _list(names: Collection[str]) -> str:
    return ", ".join(names)


def severity_of(degrees: Mapping[str, str], *, is_crisis: bool, is_angry: bool = False) -> Severity:
    """Return the severity that degrees of harm make (D-CMP-4).

    Args:
        degrees: none, slight or serious by kind of harm; what is missing was not assessed.
    """
    if degrees.get("bodily", "none") != "none":
        return "bodily"
    serious = "serious" in degrees.values() or degrees.get("mental", "none") != "none"
    return "serious" if serious or is_crisis or is_angry else "slight"


def priority_of(severity: str, *, is_crisis: bool, is_angry: bool, small_ones: bool) -> int:
    """Return 0, or how much a case goes before others: 1, 2 (D-CMP-3, 4, 9, 10).

    Args:
        small_ones: whether it is the third small complaint of its customer, or a later one.
    """
    if severity == "bodily" or is_crisis:
        return 2
    return 1 if severity == "serious" or is_angry or small_ones else 0


def complaint_level(outlets: Mapping[str, str]) -> str:
    """Return `formal` for what was told to media, an authority or a court, else `complaint`.

    Args:
        outlets: `threatened` or `used` by outlet (D-CMP-15).
    """
    return "formal" if any(outlets.get(each) == "used" for each in FORMAL) else "complaint"


def is_same_trouble(causes: Collection[str], earlier: Collection[str]) -> bool:
    """Tell whether two complaints share a named cause."""
    return bool((set(causes) & set(earlier)) - {"unknown"})
