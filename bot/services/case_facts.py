"""What is known of a case, as its process, its clocks and a turn ask for it."""

from __future__ import annotations

from dataclasses import asdict, fields
from datetime import datetime, timedelta
from typing import Any

from bot.crm.promises import PromiseFilter
from bot.crm.proposals import GONE
from bot.crm.records import CaseRecord, ProposalRecord
from bot.crm.unit_of_work import UnitOfWork
from bot.dialogue import turn as t
from bot.dialogue.case_clocks import Clocks, Timekeeper
from bot.dialogue.case_process import CaseFacts, legal_moves
from bot.knowledge.case_rules import CaseProcess, Fact, load_case_process
from bot.services.shop import read_shop

BOT = "bot"
EARLIER_CASES = 5
TURNED_DOWN = ("rejected", "countered")
CLOCKS = tuple(each.name for each in fields(Clocks))


def clocks_of(case: CaseRecord) -> Clocks:
    """Return the clocks of a case."""
    return Clocks(**{name: getattr(case, name) for name in CLOCKS})


def columns_of(clocks: Clocks) -> dict[str, Any]:
    """Return the clocks as columns."""
    return asdict(clocks)


def timekeeper_of(uow: UnitOfWork, case_severity: Any) -> Timekeeper:
    """Return who counts time for cases of this severity, in this shop."""
    return Timekeeper(load_case_process(), read_shop(uow).hours, case_severity)


def facts_of(
    process: CaseProcess,
    case: CaseRecord,
    proposals: list[ProposalRecord],
    *,
    is_late: bool = False,
) -> CaseFacts:
    """Return what decides about a case's moves."""
    states = {each.state for each in proposals}
    is_running = case.paused_at is None and case.resolved_at is None
    known: dict[Fact, bool] = {
        "acknowledged": case.acknowledged_at is not None,
        "causes": any(each != "unknown" for each in case.causes),
        "finding": bool(case.finding),
        "decision": case.decision is not None,
        "approved": "waiting" not in states,
        "waiting": "waiting" in states,
        "told": case.told_at is not None,
        "accepted": case.customer_answer == "accepted",
        "ended": case.ended_at is not None,
        "owed": "accepted" in states,
        "remedied": "accepted" not in states,
        "level": case.cause_level is not None,
        "running": is_running,
        "paused": case.paused_at is not None,
        "unanswered": case.first_answered_at is None,
        "higher": case.escalation_level < len(process.escalation),
        "late": is_late,
    }
    given = frozenset(fact for fact, holds in known.items() if holds)
    return CaseFacts(case.stage, given, case.is_grave)


def view_of(uow: UnitOfWork, case: CaseRecord) -> t.CaseView:
    """Return what a turn may know of a case."""
    process = load_case_process()
    proposals = uow.proposals.of_case(case.id)
    facts = facts_of(process, case, proposals)
    moves = {
        *legal_moves(process, facts, "bot"),
        *legal_moves(process, facts, "customer"),
    }
    earlier = uow.cases.get(case.follows_id).number if case.follows_id else ""
    return t.CaseView(
        number=case.number,
        stage=case.stage,  # type: ignore[arg-type]
        causes=tuple(case.causes),
        severity=case.severity,
        opened_at=case.opened_at,
        deadline_at=case.deadline_at,
        owner=case.owner,
        known=tuple(sorted(facts.known)),
        moves=tuple(each for each in process.moves if each in moves),
        wish=case.wish or "",
        decision=case.decision or "",
        how=case.how or "",
        reason=case.reason or "",
        customer_answer=case.customer_answer or "",
        proposals=tuple(
            t.ProposalView(each.ordinal, each.kind, each.text, each.state, each.value_fen)
            for each in proposals
            if each.state not in GONE
        ),
        solution_due_at=case.solution_due_at,
        is_paused=case.paused_at is not None,
        promised_at=_promised_at(uow, case),
        follows=earlier,
        escalation_level=case.escalation_level,
        version=case.version,
        reaction=case.reaction,
        crisis=case.crisis,
        product_id=case.product_id,
        turned_down=tuple(each.text for each in proposals if each.state in TURNED_DOWN),
        is_with_people=case.decided_by not in (None, BOT),
    )


def earlier_cases(
    uow: UnitOfWork, customer_id: int, open_case: t.CaseView | None, now: datetime
) -> tuple[t.EarlierCase, ...]:
    """Return a customer's newest cases but the open one, as far back as the same trouble counts."""
    since = now - timedelta(days=load_case_process().same_trouble_days)
    number = open_case.number if open_case else ""
    return tuple(
        t.EarlierCase(
            number=each.number,
            stage=each.stage,  # type: ignore[arg-type]
            causes=tuple(each.causes),
            product_id=each.product_id,
            opened_at=each.opened_at,
        )
        for each in uow.cases.of_customer(customer_id, since)[:EARLIER_CASES]
        if each.number != number
    )


def _promised_at(uow: UnitOfWork, case: CaseRecord) -> datetime | None:
    """Return until when the next promise in a case is to be kept."""
    wanted = PromiseFilter(state="open", case_id=case.id)
    return min((each.due_at for each in uow.promises.page(wanted).items), default=None)
