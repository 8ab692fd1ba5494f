"""The shapes that the API hands out, and the bodies that are its own.

Fields are those of `bot.crm.records`; personal ones may be null or shortened (`masking`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from bot.services.customers import CustomerChange


class NewCustomer(CustomerChange, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A customer, by phone number, login or both. Who is known by them already is changed."""

    phone: Annotated[str, Meta(max_length=40)] | UnsetType = UNSET
    login: Annotated[str, Meta(max_length=128)] | UnsetType = UNSET


class CustomerView(Struct, frozen=True):
    """A customer. `do_not_contact` is shown to everybody, so that nobody calls by mistake."""

    id: int
    name: str
    source: str
    grade: str | None
    grade_is_pinned: bool
    buys_now: int | None
    could_buy: int | None
    style: str | None
    needs: list[str] | None
    credit: str | None
    preferred_contact: str | None
    do_not_contact: bool
    contact_refused_at: datetime | None
    city: str | None
    work: str | None
    household_size: int | None
    payday: int | None
    birthday: str | None
    note: str | None
    version: int
    created_at: datetime
    updated_at: datetime


class IdentityView(Struct, frozen=True):
    """By what a customer is known. The value of a `visitor` is never shown."""

    kind: str
    value: str | None
    created_at: datetime


class GradeView(Struct, frozen=True):
    """A change of a customer's grade, with the rule that decided."""

    grade: str | None
    buys_now: int | None
    could_buy: int | None
    rule: str
    evidence: dict[str, Any]
    actor: str
    created_at: datetime


class TalkView(Struct, frozen=True):
    """A conversation with its rating, 1 to 5."""

    id: str
    owner: str
    created_at: datetime
    updated_at: datetime
    score: int | None


class OrderLineView(Struct, frozen=True):
    """One product of an order; the price of one, in fen."""

    position: int
    product_id: str
    product_name: str
    quantity: int
    price_fen: int


class OrderView(Struct, frozen=True):
    """An order with its lines."""

    id: int
    number: str
    customer_id: int | None
    state: str
    placed_at: datetime
    dispatch_promised_on: str | None
    dispatched_at: datetime | None
    delivered_at: datetime | None
    total_fen: int
    profit_fen: int | None
    version: int
    created_at: datetime
    updated_at: datetime
    lines: list[OrderLineView]


class CaseView(Struct, frozen=True):
    """A complaint case. Texts (`wish`, `finding`, `how` …) count as personal."""

    id: int
    number: str
    conversation_id: str
    customer_id: int | None
    channel: str
    stage: str
    causes: list[str]
    severity: str
    priority: int
    reaction: str | None
    harm: list[str]
    harm_degrees: dict[str, str]
    crisis: bool
    outlets: dict[str, str]
    dealer: str | None
    product_id: str | None
    wish: str | None
    finding: str | None
    decision: str | None
    is_reasonable: bool | None
    is_our_duty: bool | None
    is_possible: bool | None
    how: str | None
    reason: str | None
    decided_by: str | None
    customer_answer: str | None
    recourse: list[str]
    cause_level: str | None
    end_reason: str | None
    close_reason: str | None
    owner: str
    escalation_level: int
    deadline_at: datetime
    solution_due_at: datetime | None
    acknowledged_at: datetime | None
    first_answered_at: datetime | None
    paused_at: datetime | None
    resume_by: datetime | None
    told_at: datetime | None
    ended_at: datetime | None
    resolved_at: datetime | None
    closed_at: datetime | None
    opened_at: datetime
    version: int
    updated_at: datetime


class CaseEventView(Struct, frozen=True):
    """Something that happened to a case. `body` may hold words, and counts as personal."""

    ordinal: int
    actor: str
    verb: str
    body: dict[str, Any] | None
    created_at: datetime


class ProposalView(Struct, frozen=True):
    """Something offered in a case, and what the customer said."""

    ordinal: int
    made_by: str
    kind: str
    text: str | None
    limit_id: str
    value_fen: int
    approver: str
    state: str
    approved_by: str | None
    answer: str | None
    promise_id: int | None
    created_at: datetime
    updated_at: datetime


class CaseDetail(Struct, frozen=True):
    """A case with all that happened to it.

    `moves` are those that the caller may make now; `follows` is the earlier case of the same
    trouble, `merged_into` the case in which this one goes on; `plan` is what the shop has prepared
    for harm and threats, empty where there is neither.
    """

    case: CaseView
    events: list[CaseEventView]
    proposals: list[ProposalView]
    moves: list[str]
    is_overdue: bool
    follows: str | None
    merged_into: str | None
    plan: str


class CaseMove(Struct, frozen=True, forbid_unknown_fields=True):
    """A move by its name, with what it takes: docs/api.md."""

    move: Annotated[str, Meta(min_length=1, max_length=20)]
    body: dict[str, Any] = {}


class CaseStage(Struct, frozen=True):
    """The open cases of one stage; `cases` are the most urgent, the figures count all."""

    stage: str
    name: str
    count: int
    overdue: int
    paused: int
    cases: list[CaseView]


class CaseBoard(Struct, frozen=True):
    """The stages in their order."""

    stages: list[CaseStage]


class TaskView(Struct, frozen=True):
    """A task for a person."""

    id: int
    conversation_id: str | None
    customer_id: int | None
    order_id: int | None
    case_id: int | None
    kind: str
    contact: str | None
    due: str | None
    due_at: datetime | None
    note: str | None
    owner: str
    state: str
    result: str | None
    version: int
    created_at: datetime
    updated_at: datetime


class FollowUpList(Struct, frozen=True):
    """Open calls; the script is `note`, earlier attempts are lines of `result`."""

    items: list[TaskView]


class FollowUpResult(Struct, frozen=True):
    """A call that was recorded.

    `follow_up_task` is the supervisor's, made by a bad answer; `is_reopened`: so is the case.
    """

    task: TaskView
    follow_up_task: int | None
    case_number: str | None
    is_reopened: bool


class PromiseView(Struct, frozen=True):
    """A promise of bot or staff. `text` is what is owed, `why` the reason of a withdrawal."""

    id: int
    conversation_id: str
    customer_id: int | None
    case_id: int | None
    task_id: int | None
    kind: str
    about: str
    text: str | None
    made_by: str
    owner: str
    due_at: datetime
    broken_after: datetime
    state: str
    kept_at: datetime | None
    why: str | None
    renewal: int
    version: int
    created_at: datetime
    updated_at: datetime


class CustomerCard(Struct, frozen=True):
    """A customer at a glance: the newest few of everything.

    `orders`, `cases` and `tasks` are null for a token that may not read these. `may_be` are
    customers who are known by a number that this one has typed. `strategy` is how a customer of
    this grade is served, `warnings` why to look twice; they may rest on what is personal.
    """

    customer: CustomerView
    identities: list[IdentityView]
    grades: list[GradeView]
    orders: list[OrderView] | None
    cases: list[CaseView] | None
    tasks: list[TaskView] | None
    talks: list[TalkView]
    estimated_style: str | None
    may_be: list[int]
    strategy: str
    warnings: list[str] | None


class ProductView(Struct, frozen=True):
    """A product of the shop's folder, with feature, advantage, benefit in step."""

    id: str
    name: str
    category: str
    aliases: list[str]
    price_fen: int
    life_years: float
    warranty_months: int
    stock: int
    features: list[str]
    advantages: list[str]
    benefits: list[str]
    content_units: float
    daily_use_per_person: float
    related: list[str]
    compared_with: str
    valid_until: str


class CustomerPage(Struct, frozen=True):
    """Some customers, newest first."""

    items: list[CustomerView]
    next_cursor: str | None


class OrderPage(Struct, frozen=True):
    """Some orders, newest first."""

    items: list[OrderView]
    next_cursor: str | None


class CasePage(Struct, frozen=True):
    """Some cases, newest first."""

    items: list[CaseView]
    next_cursor: str | None


class TaskPage(Struct, frozen=True):
    """Some tasks, newest first."""

    items: list[TaskView]
    next_cursor: str | None


class PromisePage(Struct, frozen=True):
    """Some promises, newest first."""

    items: list[PromiseView]
    next_cursor: str | None


class ProductPage(Struct, frozen=True):
    """Some products, in the owner's order."""

    items: list[ProductView]
    next_cursor: str | None
