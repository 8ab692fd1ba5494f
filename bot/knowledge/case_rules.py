"""The way of a complaint case as data: stages, moves, clocks, escalation (D-CMP-4 to 11).

`book/case_process.yml` says which moves of a case are legal: who may, from where to where, what
must be known. What a move writes is code (`bot.services.case_moves`); how a talk about a complaint
goes is not said here at all.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal, get_args

from msgspec import Meta, Struct

from bot.errors import ShopDataError
from bot.knowledge.loader import line_of, read_yaml

PROCESS = Path(__file__).parent / "book" / "case_process.yml"
Role = Literal["bot", "customer", "agent", "supervisor", "manager", "program", "server"]
Clock = Literal["first_answer", "solution"]
Severity = Literal["slight", "serious", "bodily"]
CauseOf = Literal["product", "service", "policy", "dealer", "communication", "logistics", "unknown"]
Fact = Literal[
    "acknowledged",
    "causes",
    "finding",
    "decision",
    "approved",
    "waiting",
    "told",
    "accepted",
    "ended",
    "owed",
    "remedied",
    "level",
    "running",
    "paused",
    "unanswered",
    "higher",
    "late",
]
Cause = Literal["overdue", "again", "reopened", "asked"]
Minutes = Annotated[int, Meta(gt=0, le=60_000)]
Days = Annotated[int, Meta(gt=0, le=3660)]
Name = Annotated[str, Meta(pattern=r"^[a-z][a-z_]{0,19}$")]


class Move(Struct, frozen=True, forbid_unknown_fields=True, rename={"from_": "from"}):
    """One move of a case.

    Attributes:
        from_: stages in which it is legal; `to`: where it leads, empty: the case stays.
        by: who may; `by_grave`: who may with bodily harm or a threat, empty: the same.
        needs: what must be known; `a|b` is met by either.
        gives: what its own body may tell of that.
        verb: the event that it writes; `shown`: whether the customer sees it.
    """

    from_: list[Name]
    by: list[Role]
    verb: Name
    to: Name | None = None
    by_grave: list[Role] = []
    needs: list[str] = []
    gives: list[Fact] = []
    shown: bool = False
    stops: list[Clock] = []
    pauses: list[Literal["solution"]] = []
    resumes: list[Literal["solution"]] = []
    starts: list[Clock] = []

    def may(self, is_grave: bool) -> list[Role]:
        """Return the roles that may do it."""
        return self.by_grave if is_grave and self.by_grave else self.by


class ClockRule(Struct, frozen=True, forbid_unknown_fields=True):
    """How long a clock runs, and when it does."""

    minutes: Minutes
    counts: Literal["business", "always"] = "business"


class Level(Struct, frozen=True, forbid_unknown_fields=True):
    """Who hears of a case that is so late, and what their task says ({number}, {why})."""

    to: Name
    after_minutes: Annotated[int, Meta(ge=0, le=60_000)]
    task: Annotated[str, Meta(min_length=1, max_length=400)]


class SmallComplaints(Struct, frozen=True, forbid_unknown_fields=True):
    """How many slight complaints of one customer lift the priority (D-CMP-10)."""

    count: Annotated[int, Meta(ge=2, le=100)]
    within_days: Days


class CaseProcess(Struct, frozen=True, forbid_unknown_fields=True):
    """`case_process.yml`."""

    stages: list[Name]
    final: list[Name]
    facts: dict[Fact, str]
    approvers: dict[Literal["front_line", "supervisor", "manager"], list[Role]]
    enters: list[Role]
    moves: dict[Name, Move]
    clocks: dict[Clock, dict[Severity, ClockRule]]
    first_answer_by: list[Role]
    longest_pause_minutes: Minutes
    escalation: list[Level]
    escalated_because: dict[Cause, str]
    same_trouble_days: Days
    small_complaints: SmallComplaints
    recourse: dict[Name, str]

    @property
    def shown_verbs(self) -> frozenset[str]:
        """The events that a customer sees."""
        return frozenset(move.verb for move in self.moves.values() if move.shown)

    def is_open(self, stage: str) -> bool:
        """Tell whether a case of this stage is still worked on."""
        return stage not in self.final

    def problems(self) -> Iterator[tuple[tuple[str, ...], str]]:
        """Yield what is wrong: where it stands, and what it is."""
        for stage in self.final:
            if stage not in self.stages:
                yield ("final",), f"there is no stage {stage!r}"
        for keys, table, names in self._complete():
            for name in names:
                if name not in table:
                    yield keys, f"{name!r} is missing"
        yield from self._problems_of_escalation()
        for name, move in self.moves.items():
            for place, problem in self._problems_of(move):
                yield ("moves", name, place), problem

    def _complete(self) -> Iterator[tuple[tuple[str, ...], Collection[str], tuple[str, ...]]]:
        """Yield the tables that need every name there is."""
        yield ("facts",), self.facts, get_args(Fact)
        yield ("escalated_because",), self.escalated_because, get_args(Cause)
        yield ("approvers",), self.approvers, ("front_line", "supervisor", "manager")
        for clock in get_args(Clock):
            yield ("clocks", clock), self.clocks.get(clock, {}), get_args(Severity)

    def _problems_of_escalation(self) -> Iterator[tuple[tuple[str, ...], str]]:
        lateness = [level.after_minutes for level in self.escalation]
        if lateness != sorted(set(lateness)):
            yield ("escalation",), "every level must be later than the one before"
        for index, level in enumerate(self.escalation):
            try:
                level.task.format(number="", why="")
            except (KeyError, ValueError, IndexError):
                yield ("escalation",), f"[{index}].task: may use {{number}} and {{why}} alone"

    def _problems_of(self, move: Move) -> Iterator[tuple[str, str]]:
        for place, stages in (("from", move.from_), ("to", [move.to] if move.to else [])):
            for stage in stages:
                if stage not in self.stages:
                    yield place, f"there is no stage {stage!r}"
        for need in move.needs:
            for fact in need.split("|"):
                if fact not in self.facts:
                    yield "needs", f"there is no fact {fact!r}"
        for role in move.by_grave:
            if role not in move.by:
                yield "by_grave", f"{role!r} may not do it otherwise"


@lru_cache(maxsize=1)
def load_case_process() -> CaseProcess:
    """Return the process, read and checked once.

    Raises:
        ShopDataError: every problem, with file, line and field.
    """
    return read_case_process(PROCESS)


def read_case_process(path: Path) -> CaseProcess:
    """Read and check a process.

    Raises:
        ShopDataError: every problem, with file, line and field.
    """
    process = read_yaml(path, CaseProcess)
    problems = [
        f"{path}:{line_of(path, *keys)}: {'.'.join(keys)}: {problem}"
        for keys, problem in process.problems()
    ]
    if problems:
        raise ShopDataError(problems)
    return process
