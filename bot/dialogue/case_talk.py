"""What a talk about a complaint may know of its case, and what it does to it. Pure.

The case's own process (`case_process.yml`) says which moves are legal; what is asked for here is
legal when it is asked, and T2 checks it again.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec.structs import replace

from bot.dialogue.case_process import CaseFacts, is_same_trouble, obstacle_to
from bot.dialogue.turn import CaseView, EarlierCase, ProposalView
from bot.knowledge.case_rules import Role, load_case_process

NONE, OFFERED, ACCEPTED = "none", "offered", "accepted"
SELLING, COMPLAINT = "selling", "complaint"
REVIEW = "review"  # by the shop itself
GIVES = {
    "acknowledge": "acknowledged",
    "investigate": "finding",
    "decide": "decision",
    "communicate": "told",
    "accept": "accepted",
}
NEW = ("approved", "higher", "remedied", "running", "unanswered")  # known of every new case


def projected_case(case: CaseView | None) -> dict[str, Any]:
    """Return the slots that mirror a case; without one they say so."""
    if case is None:
        none = {"complaint_stage": NONE, "proposal": NONE, "complaint_grave": False}
        return {"talk_stage": SELLING, **none}
    return {
        "talk_stage": COMPLAINT,
        "complaint_stage": case.stage,
        "proposal": proposal_state(case),
        "complaint_grave": case.is_grave,
    }


def proposal_state(case: CaseView) -> str:
    """Return whether something is offered to the customer, or accepted by them."""
    if case.customer_answer == ACCEPTED:
        return ACCEPTED
    if case.is_grave and not case.is_with_people:  # what the bot has offered before is off
        return NONE
    is_told = case.stage == "communication"
    is_declined = case.decision == "decline" and not case.customer_answer
    return OFFERED if is_told and (offered(case) or is_declined) else NONE


def offered(case: CaseView) -> list[ProposalView]:
    """Return what is on the table."""
    return [each for each in case.proposals if each.state == OFFERED]


def accepted(case: CaseView) -> list[ProposalView]:
    """Return what was agreed on."""
    return [each for each in case.proposals if each.state in (ACCEPTED, "done")]


def obstacle(case: CaseView, move: str, role: Role) -> str:
    """Return why a move is not legal now, '' when it is."""
    facts = CaseFacts(case.stage, frozenset(case.known), case.is_grave)  # type: ignore[arg-type]
    found = obstacle_to(load_case_process(), move, facts, role)
    return found.text if found else ""


def after_move(case: CaseView, move: str) -> CaseView:
    """Return a case as it is after a legal move, as far as the next move asks for it."""
    rule = load_case_process().moves[move]
    known = {*case.known, *([GIVES[move]] if move in GIVES else [])}
    stage = rule.to or case.stage
    answer = {"accept": ACCEPTED, "reject": "rejected", "counter": "countered"}.get(move)
    return replace(
        case,
        stage=stage,
        known=tuple(sorted(known)),
        customer_answer=answer or case.customer_answer,
    )


def due_of(case: CaseView, now: datetime) -> datetime:
    """Return until when the customer hears of it, as it may be told now.

    A promised remedy's day, else that of the first answer, else that of the solution.
    """
    moments = [case.promised_at, case.deadline_at, case.solution_due_at]
    ahead = [each for each in moments if each is not None and each > now]
    return ahead[0] if ahead else case.deadline_at


def same_trouble(
    earlier: tuple[EarlierCase, ...], causes: tuple[str, ...], product_id: str | None
) -> EarlierCase | None:
    """Return the newest case of the same trouble before (D-CMP-10)."""
    if product_id is None:
        return None
    return next(
        (
            each
            for each in earlier
            if each.product_id == product_id and is_same_trouble(causes, each.causes)
        ),
        None,
    )


def recourse_outside() -> list[str]:
    """Return where a customer may turn outside the shop, as it is said."""
    ways = load_case_process().recourse
    return [text for name, text in ways.items() if name != REVIEW]
