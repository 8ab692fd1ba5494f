"""What goes into a turn and what comes out of it: plain, typed, serialisable.

These structs cross the process border between the web process and the engine worker as
MessagePack; decoding them checks every field, so a worker that returns nonsense is found at
the border. Nothing here reads or writes anything.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, Union

from msgspec import Struct

ObjectionKind = Literal[
    "need",
    "price",
    "authority",
    "service",
    "excuse",
    "product",
    "company",
    "time",
    "finance",
]
ObjectionState = Literal["open", "probed", "answered", "settled", "reopened", "left"]
Truth = Literal["unclear", "true", "false", "unseen", "hidden"]
Owner = Literal["bot", "queue", "agent"]
ComplaintStage = Literal["receipt", "closed"]
Refusal = Literal["none", "plain", "stop"]


class Evidence(Struct, frozen=True):
    """One piece of evidence for a belief: which, from which message, and how much it weighed.

    Attributes:
        likelihoods: of the piece, when the objection is true, a pretext, an unseen need, hidden.
    """

    name: str
    message_id: int
    likelihoods: tuple[float, float, float, float]


class Belief(Struct, frozen=True):
    """How likely an objection is true, false or hidden (D-OBJ-2); the three sum to 1.

    Attributes:
        label: the truth it is sure enough of; `unseen` is false, too: a need that the customer
            does not see (D-OBJ-3).
        unseen: the part of `false` that is an unseen need.
    """

    true: float
    false: float
    hidden: float
    label: Truth
    unseen: float = 0.0
    evidence: tuple[Evidence, ...] = ()


class OptionMeaning(Struct, frozen=True):
    """What a button stands for: an intent with entities, or an operation on the conversation."""

    intent: str = ""
    entities: dict[str, str] = {}
    operation: Literal["", "resume_bot"] = ""


class Option(Struct, frozen=True):
    """A button as offered to the customer; `option_id` is looked up on the server."""

    option_id: str
    label: str
    meaning: OptionMeaning
    aliases: tuple[str, ...] = ()


class InboundMessage(Struct, frozen=True):
    """One stored message of the customer that a turn covers."""

    message_id: int
    seq: int
    text: str
    received_at: datetime
    meaning: OptionMeaning | None = None


class LedgerEntry(Struct, frozen=True):
    """One objection of a conversation (D-OBJ-1, 2, 3, 4, 8).

    Attributes:
        text: the message that raised it.
        linked_to: number of the objection that it was a pretext for.
        feedback: kind of negative feedback.
        reason: the customer's own words for it.
        until: what would change their mind, in their words.
    """

    number: int
    kind: ObjectionKind
    state: ObjectionState
    belief: Belief
    source_message_id: int
    text: str
    linked_to: int | None = None
    techniques: tuple[str, ...] = ()
    feedback: str | None = None
    reason: str = ""
    until: str = ""


class CaseView(Struct, frozen=True):
    """What a turn may know of the conversation's open case."""

    number: str
    stage: ComplaintStage
    causes: tuple[str, ...]
    severity: str
    opened_at: datetime
    deadline_at: datetime
    owner: str


class PastTurn(Struct, frozen=True):
    """A stored turn, enough to rebuild a snapshot that a new model cannot read."""

    text: str
    intent: str
    entities: list[dict[str, Any]]
    steps: tuple[str, ...]


class ConversationFacts(Struct, frozen=True):
    """What only the database knows; read in the same transaction as the version.

    Attributes:
        style: of the customer as staff have set it (D-CUS-2); goes before the cues.
        style_cues: in the customer's latest messages.
    """

    conversation_id: str
    owner: Owner = "bot"
    ledger: tuple[LedgerEntry, ...] = ()
    open_case: CaseView | None = None
    product_id: str | None = None
    used_wordings: tuple[str, ...] = ()
    missed_last_turn: bool = False
    staff_present: bool = False
    queue_position: int = 1
    contact_refused: bool = False
    last_technique: str | None = None
    style: str | None = None
    style_cues: tuple[str, ...] = ()
    turn_count: int = 0
    has_ended: bool = False


class TurnRequest(Struct, frozen=True):
    """Everything a turn is computed from, but for the read-only catalogue."""

    conversation_id: str
    version: int
    now: datetime
    messages: tuple[InboundMessage, ...]
    facts: ConversationFacts
    snapshot: str | None = None
    history: tuple[PastTurn, ...] = ()


class MessageAnalysis(Struct, frozen=True):
    """How one message was understood; stored with it (design decision 5).

    Attributes:
        clarity: whether the ranking's first place is meant, two are close, or none is known;
            `intent` is the fallback unless it is clear.
        also: other intents that are plainly there too.
        reaction, harm: of a complaint (D-CMP-3, D-CMP-4).
        threats: the outlets a complainer threatens with (D-CMP-9, D-CMP-15).
        feedback: the kind of negative feedback of an objection (D-OBJ-8).
        buying_signals: D-CUS-4.
        style_cues: D-CUS-2.
    """

    message_id: int
    intent: str
    confidence: float
    ranking: list[tuple[str, float]] = []
    clarity: Literal["clear", "close", "unknown"] = "clear"
    also: list[str] = []
    entities: list[dict[str, Any]] = []
    reaction: str | None = None
    harm: list[str] = []
    threats: list[str] = []
    refusal: Refusal = "none"
    feedback: str | None = None
    buying_signals: list[str] = []
    style_cues: list[str] = []
    concepts: list[str] = []


class Step(Struct, frozen=True):
    """One executed action and who predicted it: the rule's or story's name."""

    action: str
    policy: str
    source: tuple[str, ...] = ()
    confidence: float = 0.0


class ProductCard(Struct, frozen=True):
    """A product as a customer's page shows it; the first button of its reply belongs to it."""

    id: str
    name: str
    price_fen: int
    tagline: str
    kind: Literal["product"] = "product"


class Reply(Struct, frozen=True):
    """One text to the customer, with the wording it was made from."""

    text: str
    response: str
    wording: str
    options: tuple[Option, ...] = ()
    shows_product: bool = False
    card: ProductCard | None = None
    asks_personal: bool = False


class OpenObjection(Struct, frozen=True, tag=True):
    """Add a ledger entry."""

    entry: LedgerEntry


class UpdateObjection(Struct, frozen=True, tag=True):
    """Store a ledger entry as it has become."""

    entry: LedgerEntry


class RecordTechnique(Struct, frozen=True, tag=True):
    """Record that a technique answered an objection (D-OBJ-9)."""

    objection: int
    technique: str
    alternatives: tuple[str, ...] = ()


class OpenCase(Struct, frozen=True, tag=True):
    """Open a complaint case for one message (D-CMP-5)."""

    source_message_id: int
    number: str
    causes: tuple[str, ...]
    severity: str
    deadline_at: datetime
    reaction: str | None = None
    harm: tuple[str, ...] = ()
    crisis: bool = False
    escalated: bool = False
    product_id: str | None = None


class AddToCase(Struct, frozen=True, tag=True):
    """Append what the customer said to the open case; may add causes and raise its severity."""

    number: str
    source_message_id: int
    verb: str
    causes: tuple[str, ...] = ()
    severity: str | None = None
    crisis: bool = False
    harm: tuple[str, ...] = ()
    deadline_at: datetime | None = None


class HandOver(Struct, frozen=True, tag=True):
    """Give the conversation to the people's queue."""

    reason: str


class CreateTask(Struct, frozen=True, tag=True):
    """A task for a person, such as a call-back."""

    kind: str
    contact: str
    due: str
    note: str
    due_at: datetime | None = None


class SetProduct(Struct, frozen=True, tag=True):
    """Remember which product the talk is about."""

    product_id: str


class RefuseContact(Struct, frozen=True, tag=True):
    """The customer wants no more offers; remembered (D-OBJ-11)."""

    source_message_id: int


Command = Union[
    OpenObjection,
    UpdateObjection,
    RecordTechnique,
    OpenCase,
    AddToCase,
    HandOver,
    CreateTask,
    SetProduct,
    RefuseContact,
]


class TurnResult(Struct, frozen=True):
    """A whole turn, applied in one transaction (T2) or not at all."""

    conversation_id: str
    version: int
    first_seq: int
    last_seq: int
    message_ids: tuple[int, ...]
    analyses: tuple[MessageAnalysis, ...]
    steps: tuple[Step, ...]
    commands: tuple[Command, ...]
    replies: tuple[Reply, ...]
    snapshot: str | None
    reasons: tuple[dict[str, Any], ...] = ()
    model_id: str = ""
