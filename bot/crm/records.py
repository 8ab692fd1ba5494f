"""Plain records that the repositories hand out; no ORM object leaves `bot.crm`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from bot.dialogue.turn import Option, Owner
from bot.knowledge.case_rules import Severity

T = TypeVar("T")


@dataclass(frozen=True)
class ConversationRecord:
    """A conversation's row."""

    id: str
    token_hash: str
    owner: Owner
    agent_name: str | None
    queued_at: datetime | None
    version: int
    last_seq: int
    turn_count: int
    snapshot: str | None
    product_id: str | None
    contact_refused: bool
    identity_sub: str | None
    customer_id: int | None
    ended_at: datetime | None
    created_at: datetime


@dataclass(frozen=True)
class WaitingConversation:
    """A conversation as the people's queue lists it; the case is the newest open one."""

    conversation_id: str
    owner: Owner
    agent_name: str | None
    waiting_since: datetime | None
    last_text: str
    case_number: str | None


@dataclass(frozen=True)
class MessageRecord:
    """A stored message, whoever sent it."""

    id: int
    conversation_id: str
    seq: int
    sender: str
    sender_name: str | None
    client_id: str | None
    content_hash: str | None
    text: str
    option_id: str | None
    state: str
    attempts: int
    turn_id: int | None
    reply_to_turn_id: int | None
    response: str | None
    wording: str | None
    analysis: dict[str, Any] | None
    extras: dict[str, Any] | None
    created_at: datetime
    options: tuple[Option, ...] = ()


@dataclass(frozen=True)
class RatingRecord:
    """The answer to the survey of a conversation (D-CUS-9)."""

    score: int
    expectation: str
    again: str
    comment: str
    created_at: datetime


@dataclass(frozen=True)
class Inbox:
    """What T1 must know of a conversation before it stores a message.

    `newest_offer` is the newest message that offered buttons; `known` is the message that came
    before under the same client id.
    """

    owner: Owner
    version: int
    newest_offer: int | None
    known: MessageRecord | None


@dataclass(frozen=True)
class TalkHead:
    """A conversation with what its next turn must know at once."""

    conversation: ConversationRecord
    last_steps: tuple[str, ...]
    last_technique: str | None
    has_objections: bool
    has_open_case: bool
    staff_present: bool
    queue_length: int
    has_open_promises: bool = False
    related_offered: bool = False


@dataclass(frozen=True)
class TurnRecord:
    """A stored turn with the reasons of its steps."""

    id: int
    number: int
    kind: str
    first_seq: int
    last_seq: int
    steps: list[Any]
    reasons: list[Any]
    model_id: str
    created_at: datetime


@dataclass(frozen=True)
class Page(Generic[T]):
    """Some rows of a list; `next_id` is where the next page begins, None at the end."""

    items: list[T]
    next_id: int | None


@dataclass(frozen=True)
class CaseRecord:
    """A complaint case; the columns of `complaint_case`."""

    id: int
    number: str
    conversation_id: str
    customer_id: int | None
    channel: str
    stage: str
    causes: list[str]
    severity: Severity
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
    follows_id: int | None
    merged_into_id: int | None
    owner: str
    escalation_level: int
    overdue_count: int
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
    watch_at: datetime | None
    opened_at: datetime
    version: int
    updated_at: datetime

    @property
    def is_grave(self) -> bool:
        """Tell whether there is bodily harm or a threat (D-CMP-4, 9)."""
        return self.severity == "bodily" or self.crisis


@dataclass(frozen=True)
class ProposalRecord:
    """Something offered in a case (D-CMP-6)."""

    id: int
    case_id: int
    ordinal: int
    made_by: str
    kind: str
    text: str
    limit_id: str
    value_fen: int
    approver: str
    state: str
    approved_by: str | None
    answer: str
    promise_id: int | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class CaseEventRecord:
    """Something that happened to a case."""

    ordinal: int
    actor: str
    verb: str
    body: dict[str, Any]
    created_at: datetime


@dataclass(frozen=True)
class TaskRecord:
    """A task for a person."""

    id: int
    conversation_id: str | None
    customer_id: int | None
    order_id: int | None
    case_id: int | None
    origin: str | None
    kind: str
    contact: str
    due: str
    due_at: datetime | None
    note: str
    owner: str
    state: str
    result: str
    version: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class PromiseRecord:
    """A promise as listed (D-CUS-11)."""

    id: int
    conversation_id: str
    customer_id: int | None
    case_id: int | None
    turn_id: int | None
    kind: str
    ordinal: int
    renewal: int
    made_by: str
    about: str
    text: str
    owner: str
    due_at: datetime
    remind_at: datetime | None
    broken_after: datetime
    state: str
    kept_at: datetime | None
    why: str
    task_id: int | None
    message_id: int | None
    evidence: list[int]
    version: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class CustomerRecord:
    """A customer's row (D-CUS-7)."""

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


@dataclass(frozen=True)
class IdentityRecord:
    """One thing by which a customer is known: `visitor`, `login` or `phone`."""

    kind: str
    value: str
    created_at: datetime


@dataclass(frozen=True)
class GradeRecord:
    """A change of a customer's grade."""

    grade: str | None
    buys_now: int | None
    could_buy: int | None
    rule: str
    evidence: dict[str, Any]
    actor: str
    created_at: datetime


@dataclass(frozen=True)
class OrderLineRecord:
    """One product of an order."""

    position: int
    product_id: str
    product_name: str
    quantity: int
    price_fen: int


@dataclass(frozen=True)
class OrderRecord:
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
    lines: tuple[OrderLineRecord, ...] = ()


@dataclass(frozen=True)
class PictureRecord:
    """An uploaded picture; its bytes lie in a `PictureFolder`."""

    id: str
    conversation_id: str
    message_id: int | None
    sha256: str
    media_type: str
    width: int
    height: int
    byte_size: int
    created_at: datetime


@dataclass(frozen=True)
class StaffRecord:
    """A person or program of the shop. `code` stands for the name where no name may stand."""

    name: str
    code: str
    role: str
    disabled_at: datetime | None
    last_seen_at: datetime | None
    created_at: datetime


@dataclass(frozen=True)
class TokenRecord:
    """A token of the REST API, without its secret."""

    id: str
    secret_hash: str
    staff_name: str
    label: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
