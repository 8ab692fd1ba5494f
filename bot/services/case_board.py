"""Cases as staff look at them: the board by stage, and all about one case."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.crm.records import CaseEventRecord, CaseRecord, ProposalRecord
from bot.crm.unit_of_work import UnitOfWork
from bot.dialogue.case_clocks import is_overdue
from bot.dialogue.case_process import complaint_level, legal_moves
from bot.knowledge.book import load_book
from bot.knowledge.case_rules import load_case_process
from bot.services.case_alarms import plan_of
from bot.services.case_facts import clocks_of, facts_of

SHOWN = 20  # cases of a stage


@dataclass(frozen=True)
class StageColumn:
    """The open cases of one stage: figures over all, of the cases the most urgent."""

    stage: str
    name: str
    count: int
    overdue: int
    paused: int
    cases: list[CaseRecord]


@dataclass(frozen=True)
class CaseFile:
    """All about one case.

    Attributes:
        level: `complaint`, or `formal` once media, an authority or a court have it (D-CMP-15).
        moves: what the asker's role may do now.
        follows, merged_into: numbers of other cases.
        plan: what the shop has prepared for harm and threats; empty where there is neither.
    """

    case: CaseRecord
    events: list[CaseEventRecord]
    proposals: list[ProposalRecord]
    moves: tuple[str, ...]
    is_overdue: bool
    level: str
    follows: str | None
    merged_into: str | None
    plan: str


def board_of(uow: UnitOfWork, now: datetime) -> list[StageColumn]:
    """Return a column for every stage in which a case may be open."""
    process, names = load_case_process(), load_book().complaints.stage_names
    figures = uow.cases.figures(now)
    return [
        StageColumn(
            stage,
            names[stage],
            *figures.get(stage, (0, 0, 0)),
            uow.cases.urgent(stage, now, SHOWN),
        )
        for stage in process.stages
        if process.is_open(stage)
    ]


def read_file(uow: UnitOfWork, number: str, role: Any, now: datetime) -> CaseFile:
    """Return all about a case.

    Args:
        role: of whoever asks.

    Raises:
        NotFoundError: there is no such case.
    """
    process, case = load_case_process(), uow.cases.find(number)
    proposals = uow.proposals.of_case(case.id)

    def number_of(case_id: int | None) -> str | None:
        return None if case_id is None else uow.cases.get(case_id).number

    return CaseFile(
        case=case,
        events=uow.cases.events_of(number),
        proposals=proposals,
        moves=legal_moves(process, facts_of(process, case, proposals), role),
        is_overdue=process.is_open(case.stage) and is_overdue(clocks_of(case), now),
        level=complaint_level(case.outlets),
        follows=number_of(case.follows_id),
        merged_into=number_of(case.merged_into_id),
        plan=plan_of(uow, case),
    )
