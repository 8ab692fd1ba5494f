"""What goes into a turn and what comes out of it: plain, typed, serialisable.

These structs cross the process border between the web process and the engine worker as
MessagePack; decoding them checks every field, so a worker that returns nonsense is found at
the border. Nothing here reads or writes anything.
"""

from __future__ import annotations

from datetime import date, datetime
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
ComplaintStage = Literal[
    "receipt",
    "acknowledgement",
    "assessment",
    "investigation",
    "response",
    "communication",
    "closed",
    "merged",
]
Refusal = Literal["none", "plain", "stop"]
CellTruth = Literal["unclear", "true", "false", "hidden"]
Policy = Literal["rule", "prior", "learned", "explored", "pinned"]
Outcome = Literal["settled", "moved_forward", "repeated", "left", "complained"]


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
        day: proposed for a reminder, an ISO date, '' without one.
        awaits_outcome: whether it is not known for good what came of the last technique.
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
    day: str = ""
    awaits_outcome: bool = False


class CellCounts(Struct, frozen=True):
    """What came of a technique in a cell, kind × truth (`bot.dialogue.technique_values`)."""

    technique: str
    kind: str
    truth: CellTruth
    successes: int
    failures: int


class CellSetting(Struct, frozen=True):
    """What the shop has decided for a technique in a cell."""

    technique: str
    kind: str
    truth: CellTruth
    mode: Literal["pin", "ban"]


class ProposalView(Struct, frozen=True):
    """What a turn may know of something offered in a case (D-CMP-6)."""

    ordinal: int
    kind: str
    text: str
    state: str
    value_fen: int = 0


class CaseView(Struct, frozen=True):
    """What a turn may know of the conversation's open case.

    Attributes:
        known: facts of the process that are given (`bot/knowledge/book/case_process.yml`).
        moves: those that `bot` or `customer` may make now.
        wish: what the customer wants, as confirmed.
        decision: accept, partly or decline; `how` and `reason` as staff have written them.
        proposals: those that were not dropped or refused.
        promised_at: until when the next promise in this case is to be kept.
        follows: number of the earlier case of the same trouble.
        turned_down: texts of the proposals that the customer did not want.
        is_with_people: whether a person has decided it.
    """

    number: str
    stage: ComplaintStage
    causes: tuple[str, ...]
    severity: str
    opened_at: datetime
    deadline_at: datetime
    owner: str
    known: tuple[str, ...] = ()
    moves: tuple[str, ...] = ()
    wish: str = ""
    decision: str = ""
    how: str = ""
    reason: str = ""
    customer_answer: str = ""
    proposals: tuple[ProposalView, ...] = ()
    solution_due_at: datetime | None = None
    is_paused: bool = False
    promised_at: datetime | None = None
    follows: str = ""
    escalation_level: int = 0
    version: int = 0
    reaction: str | None = None
    crisis: bool = False
    product_id: str | None = None
    turned_down: tuple[str, ...] = ()
    is_with_people: bool = False

    @property
    def is_grave(self) -> bool:
        """Tell whether it is never bargained over: bodily harm or a threat (D-CMP-4, 9)."""
        return self.severity == "bodily" or self.crisis


class EarlierCase(Struct, frozen=True):
    """What a turn may know of a case before: for 'how does it stand?' and for the same again."""

    number: str
    stage: ComplaintStage
    causes: tuple[str, ...]
    product_id: str | None
    opened_at: datetime


class OrderView(Struct, frozen=True):
    """What a turn may know of one of the customer's newest orders."""

    number: str
    state: str
    placed_on: date
    delivered_on: date | None
    product_ids: tuple[str, ...]
    product_names: tuple[str, ...]


class PromiseView(Struct, frozen=True):
    """What a turn may know of an open promise (D-CUS-11)."""

    kind: str
    about: str
    due_at: datetime


class Said(Struct, frozen=True):
    """One reply of the last turn: the wording it was made from, its text, its buttons' labels."""

    wording: str
    text: str
    labels: tuple[str, ...] = ()


class ConversationFacts(Struct, frozen=True):
    """What only the database knows; read in the same transaction as the version.

    Attributes:
        last_steps, last_replies, last_said_at: of the newest turn.
        promises: the open promises of this talk.
        style: of the customer as staff have set it (D-CUS-2); goes before the cues.
        style_cues: in the customer's latest messages.
        conceded: ids of the concessions offered in this conversation.
        conceded_today_fen: what this customer was granted today, by limit.
        told: the customer's latest messages before this turn, newest first.
        budget_fen: the latest that they have named.
        asks_by_spin: whether a need is asked for by SPIN (D-SEL-4), for a key customer; nothing
            else of their value is told to a turn (design decision 9).
        is_returning: whether they were here, or bought here, before this conversation.
        related_offered: whether matching goods were named in this conversation (D-SEL-10).
        technique_counts: outcomes in the whole shop, by which techniques are ranked.
        orders: the newest few of the customer, the last placed first.
        earlier_cases: of the customer, but not the open one, newest first.
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
    conceded: tuple[str, ...] = ()
    conceded_today_fen: dict[str, int] = {}
    technique_counts: tuple[CellCounts, ...] = ()
    technique_settings: tuple[CellSetting, ...] = ()
    style: str | None = None
    style_cues: tuple[str, ...] = ()
    turn_count: int = 0
    has_ended: bool = False
    promises: tuple[PromiseView, ...] = ()
    last_steps: tuple[str, ...] = ()
    last_replies: tuple[Said, ...] = ()
    last_said_at: datetime | None = None
    told: tuple[str, ...] = ()
    budget_fen: int | None = None
    asks_by_spin: bool = False
    is_returning: bool = False
    related_offered: bool = False
    orders: tuple[OrderView, ...] = ()
    earlier_cases: tuple[EarlierCase, ...] = ()


class TurnRequest(Struct, frozen=True):
    """Everything a turn is computed from, but for the read-only catalogue.

    Attributes:
        staff_text: what a person has written; no turn then: it is read for promises alone.
    """

    conversation_id: str
    version: int
    now: datetime
    messages: tuple[InboundMessage, ...]
    facts: ConversationFacts
    snapshot: str | None = None
    staff_text: str = ""


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
        takes_back: the kind of an objection that the customer says they did not mean.
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
    takes_back: str = ""


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


class FoundPromise(Struct, frozen=True):
    """What a text to a customer promises, as `bot.dialogue.promise_finder` reads it (D-CUS-11).

    Attributes:
        kind: as in `book/promises.yml`.
        start, end: the characters of the text, as it was cleaned, on which it rests.
        day, minute: until when, as far as it is said: the day, and minutes past its midnight.
        reply: place of the reply that says it, among the turn's.
    """

    kind: str
    start: int
    end: int
    words: str
    day: date | None = None
    minute: int | None = None
    reply: int = 0


class OpenObjection(Struct, frozen=True, tag=True):
    """Add a ledger entry."""

    entry: LedgerEntry


class UpdateObjection(Struct, frozen=True, tag=True):
    """Store a ledger entry as it has become."""

    entry: LedgerEntry


class RankedTechnique(Struct, frozen=True):
    """A technique that could have been used, as it stood when one was chosen.

    Attributes:
        fit: chance of success before any outcome, for the kind.
        factor: what this situation makes of it: repetition, signals of the talk.
        score: by which it was ranked.
        propensity: chance with which it was to be chosen; those of a choice sum to 1.
    """

    technique: str
    fit: float
    factor: float
    score: float
    propensity: float


class RecordTechnique(Struct, frozen=True, tag=True):
    """Record that a technique answered an objection (D-OBJ-9).

    Attributes:
        policy: why it was this one; `rule` where a step has one technique only.
        propensity: None for `rule`, where nothing was chosen.
        ranked: all that could have been used, itself among them, best first.
    """

    objection: int
    technique: str
    alternatives: tuple[str, ...] = ()
    style: str = ""
    policy: Policy = "rule"
    propensity: float | None = None
    ranked: tuple[RankedTechnique, ...] = ()


class RecordOutcome(Struct, frozen=True, tag=True):
    """Record what came of the technique that an earlier turn used on an objection."""

    objection: int
    outcome: Outcome


class GrantConcession(Struct, frozen=True, tag=True):
    """Give way within a limit (D-OBJ-9).

    Attributes:
        cap_fen: what all of a customer's day may sum up to under the limit; None without one.
    """

    concession: str
    limit: str
    value_fen: int
    cap_fen: int | None


class OpenCase(Struct, frozen=True, tag=True):
    """Open a complaint case for one message (D-CMP-5).

    Attributes:
        harm_degrees: slight or serious, by kind of harm.
        outlets: with which the customer threatens (D-CMP-15).
    """

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
    outlets: tuple[str, ...] = ()
    harm_degrees: dict[str, str] = {}


class AddToCase(Struct, frozen=True, tag=True):
    """Append what the customer said to the open case; may add causes and raise its severity.

    Attributes:
        outlets, harm_degrees: as in `OpenCase`.
    """

    number: str
    source_message_id: int
    verb: str
    causes: tuple[str, ...] = ()
    severity: str | None = None
    crisis: bool = False
    harm: tuple[str, ...] = ()
    deadline_at: datetime | None = None
    outlets: tuple[str, ...] = ()
    harm_degrees: dict[str, str] = {}


class MoveCase(Struct, frozen=True, tag=True):
    """Make a move of a case, for the bot or in the customer's name.

    T2 checks it like everybody's (`bot.services.cases.move_case`): one that is not legal fails the
    turn; if somebody has changed the case meanwhile, the turn is computed anew.

    Attributes:
        body: what the move takes (`bot.services.case_bodies`).
    """

    number: str
    move: str
    body: dict[str, Any] = {}
    role: Literal["bot", "customer"] = "bot"
    source_message_id: int | None = None


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


class PromiseTimes(Struct, frozen=True):
    """When a promise is due, its owner is reminded (None: never), and it is broken."""

    due_at: datetime
    remind_at: datetime | None
    broken_after: datetime


class MakePromise(Struct, frozen=True, tag=True):
    """A promise that the bot makes, with the task of whoever keeps it (D-CUS-11).

    Attributes:
        text: what is owed.
        owner: who must keep it: a role, a team, a person, or `bot`.
        about: the subject, by which the same one is known again.
        ordinal: place among the turn's promises of this kind.
    """

    kind: str
    text: str
    owner: str
    times: PromiseTimes
    task: CreateTask
    about: str = ""
    ordinal: int = 0


class DropTask(Struct, frozen=True, tag=True):
    """The customer takes back what was agreed: the talk's open tasks of this kind."""

    kind: str


class CorrectTask(Struct, frozen=True, tag=True):
    """The customer puts right what was agreed; an empty value stays as it is.

    Attributes:
        times: by when it is promised now, where the day has changed.
    """

    kind: str
    contact: str = ""
    due: str = ""
    times: PromiseTimes | None = None


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
    RecordOutcome,
    GrantConcession,
    OpenCase,
    AddToCase,
    MoveCase,
    HandOver,
    CreateTask,
    MakePromise,
    DropTask,
    CorrectTask,
    SetProduct,
    RefuseContact,
]


class TurnResult(Struct, frozen=True):
    """A whole turn, applied in one transaction (T2) or not at all.

    Attributes:
        promises: what its replies, or the text of a person, promise.
    """

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
    promises: tuple[FoundPromise, ...] = ()
