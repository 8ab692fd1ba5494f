"""Records as the API shows them to one caller."""

from __future__ import annotations

import msgspec

from bot.crm.records import (
    CaseEventRecord,
    CaseRecord,
    CustomerRecord,
    OrderRecord,
    PromiseRecord,
    ProposalRecord,
    TaskRecord,
)
from bot.services.api_tokens import Caller
from bot.services.customers import VISITOR, CustomerCard
from bot.web.api import schemas
from bot.web.api.masking import view_of


def show_customer(row: CustomerRecord, caller: Caller) -> schemas.CustomerView:
    """Return a customer as shown."""
    return view_of(
        schemas.CustomerView,
        "customer",
        row,
        sees_personal=caller.sees_personal,
        do_not_contact=row.contact_refused_at is not None,
    )


def show_order(row: OrderRecord) -> schemas.OrderView:
    """Return an order; nothing in it is personal."""
    return msgspec.convert(row, schemas.OrderView, from_attributes=True)


def show_case(row: CaseRecord, caller: Caller) -> schemas.CaseView:
    """Return a case as shown."""
    return view_of(schemas.CaseView, "complaint_case", row, sees_personal=caller.sees_personal)


def show_case_event(row: CaseEventRecord, caller: Caller) -> schemas.CaseEventView:
    """Return an event of a case as shown."""
    return view_of(schemas.CaseEventView, "case_event", row, sees_personal=caller.sees_personal)


def show_proposal(row: ProposalRecord, caller: Caller) -> schemas.ProposalView:
    """Return something offered in a case as shown."""
    return view_of(schemas.ProposalView, "case_proposal", row, sees_personal=caller.sees_personal)


def show_task(row: TaskRecord, caller: Caller) -> schemas.TaskView:
    """Return a task as shown."""
    return view_of(schemas.TaskView, "task", row, sees_personal=caller.sees_personal)


def show_promise(row: PromiseRecord, caller: Caller) -> schemas.PromiseView:
    """Return a promise as shown."""
    return view_of(schemas.PromiseView, "promise", row, sees_personal=caller.sees_personal)


def show_card(card: CustomerCard, caller: Caller) -> schemas.CustomerCard:
    """Return a card with the parts that the caller may read."""
    sees_personal = caller.sees_personal
    identities = [
        view_of(schemas.IdentityView, "customer_identity", row, sees_personal=sees_personal)
        for row in card.identities
    ]
    return schemas.CustomerCard(
        customer=show_customer(card.customer, caller),
        identities=[
            msgspec.structs.replace(each, value=None) if each.kind == VISITOR else each
            for each in identities
        ],
        grades=[
            view_of(schemas.GradeView, "customer_grade", row, sees_personal=sees_personal)
            for row in card.grades
        ],
        orders=(
            [show_order(row) for row in card.orders] if "orders:read" in caller.scopes else None
        ),
        cases=(
            [show_case(row, caller) for row in card.cases]
            if "cases:read" in caller.scopes
            else None
        ),
        tasks=(
            [show_task(row, caller) for row in card.tasks]
            if "tasks:read" in caller.scopes
            else None
        ),
        talks=[
            view_of(
                schemas.TalkView, "conversation", row, sees_personal=sees_personal, score=row.score
            )
            for row in card.talks
        ],
        estimated_style=card.estimated_style if sees_personal else None,
        may_be=card.may_be,
        strategy=card.strategy,
        warnings=list(card.warnings) if sees_personal else None,
    )
