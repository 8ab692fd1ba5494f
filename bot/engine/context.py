"""What an action may know and say during a turn.

Actions read the `TurnContext`, call one pure function, return events and append commands; they
never touch a database. During a turn of the worker the context is set before Rasa is asked; in
`rasa run actions`, where no turn is active, it is loaded by `sender_id` from a `ContextSource`.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, datetime
from typing import Any, Protocol

from msgspec.structs import replace

from bot.dialogue import turn as t
from bot.dialogue.facts import offer_facts, product_facts, shop_facts
from bot.dialogue.ledger import current, hear, react
from bot.dialogue.style import style_of
from bot.dialogue.truth import PREFIX
from bot.knowledge.book import Book
from bot.knowledge.shop import Product, Shop
from bot.language.dates import resolve_dates

PRODUCT_ENTITY = "product"
TELL_MORE = "tell_me_more"
WORDINGS_A_TURN = 3
ENTITY_FIELDS = ("entity", "value", "start", "end", "resolved")


class TurnContext:
    """The facts of one turn as they change, and what the turn wants done."""

    def __init__(
        self,
        *,
        facts: t.ConversationFacts,
        messages: Sequence[t.InboundMessage],
        shop: Shop,
        book: Book,
        now: datetime,
    ) -> None:
        self.facts = facts
        self.messages = tuple(messages)
        self.shop = shop
        self.book = book
        self.now = now
        self.rng = random.Random(messages[0].message_id if messages else 0)
        self.ledger = list(facts.ledger)
        self.open_case = facts.open_case
        self.product_id = facts.product_id
        self.used_wordings = list(facts.used_wordings)
        self.analyses: list[t.MessageAnalysis] = []
        self.turn_analysis: t.MessageAnalysis | None = None
        self.commands: list[t.Command] = []
        self.reasons: list[dict[str, Any]] = []
        self.replies: list[t.Reply] = []
        self.form_values: dict[str, str | None] = {}
        self.failures: list[BaseException] = []

    @property
    def analysis(self) -> t.MessageAnalysis:
        """The analysis the turn is decided by."""
        assert self.turn_analysis is not None
        return self.turn_analysis

    @property
    def text(self) -> str:
        """What the customer said in this turn."""
        return "\n".join(message.text for message in self.messages)

    @property
    def product(self) -> Product | None:
        """The product in talk."""
        return self.shop.product(self.product_id)

    @property
    def style(self) -> str:
        """The customer's style that wordings are chosen by; '' while unknown, or switched off."""
        if not self.shop.profile.adapts_style:
            return ""
        cues = [*self.facts.style_cues, *(cue for each in self.analyses for cue in each.style_cues)]
        return self.facts.style or style_of(cues) or ""

    @property
    def objection(self) -> t.LedgerEntry | None:
        """The objection that still wants something."""
        return current(self.ledger)

    def note_products(self) -> None:
        """Make the product that the customer named the product in talk."""
        for analysis in self.analyses:
            for entity in analysis.entities:
                if entity["entity"] == PRODUCT_ENTITY and self.shop.product(entity["value"]):
                    self.product_id = entity["value"]
        if self.product_id and self.product_id != self.facts.product_id:
            self.commands.append(t.SetProduct(self.product_id))

    def hear(self) -> None:
        """Let the open objection learn from a message that raises none."""
        entry = self.objection
        if entry is None or self.analysis.intent.startswith(PREFIX):
            return
        heard = hear(self.book.truth, entry, self.analysis, self.text)
        if heard is not entry:
            self.put_entry(heard)

    def react(self, name: str) -> None:
        """Weigh a reaction of the customer into the belief about the open objection."""
        entry = self.objection
        if entry is not None:
            self.put_entry(react(self.book.truth, entry, name, self.analysis.message_id))

    def react_to_probe(self) -> None:
        """Weigh in that the customer turned a probe down, or only nodded at it."""
        entry = self.objection
        if entry is not None and entry.state == "probed":
            declined = self.analysis.intent in ("deny", "objection_excuse", "objection_need")
            self.react("probe_declined" if declined else "probe_nodded_at")

    def has_acknowledged(self, entry: t.LedgerEntry) -> bool:
        """Tell whether this objection was acknowledged already: twice sounds like a machine."""
        if entry.techniques:
            return True
        known = {each.id for each in self.book.replies["utter_acknowledge_objection"]}
        return entry.state == "probed" and not known.isdisjoint(
            self.used_wordings[:WORDINGS_A_TURN]
        )

    def last_condition(self, name: str) -> str:
        """Return the newest condition `name` among the wordings said so far, else ''."""
        return next(
            (
                wording.when[name]
                for used in self.used_wordings
                if (wording := self.book.wording(used)) is not None and name in wording.when
            ),
            "",
        )

    def known_facts(self, kind: str = "") -> dict[str, str]:
        """Return everything that may be said about an objection of `kind`."""
        facts = shop_facts(self.shop)
        if self.product is not None:
            rng = random.Random(self.rng.random())
            facts |= product_facts(self.shop, self.book.language, self.product, self.now, rng)
        return facts | offer_facts(self.shop, self.product_id, kind, self.now)

    def put_entry(self, entry: t.LedgerEntry, *, is_new: bool = False) -> None:
        """Keep a ledger entry as it is now, and ask for it to be stored."""
        if is_new:
            self.ledger.append(entry)
            self.commands.append(t.OpenObjection(entry))
            return
        self.ledger = [entry if each.number == entry.number else each for each in self.ledger]
        self.commands.append(t.UpdateObjection(entry))

    def move_objection(self, state: t.ObjectionState) -> t.LedgerEntry | None:
        """Move the open objection to `state`; return it."""
        entry = self.objection
        if entry is not None:
            entry = replace(entry, state=state)
            self.put_entry(entry)
        return entry

    def move_all_objections(self, state: t.ObjectionState) -> None:
        """Move every objection that still wants something to `state`."""
        while self.objection is not None:
            self.move_objection(state)

    def explain(self, **why: Any) -> None:
        """Add a reason that `./prelude why` shows."""
        self.reasons.append(why)

    def add_reply(self, reply: t.Reply) -> None:
        """Record what is said, in order; show a product that was named just now."""
        product = self.product
        is_new = self.product_id != self.facts.product_id
        if reply.shows_product and product is not None and is_new:
            more = self.book.options[TELL_MORE]
            meaning = t.OptionMeaning(more.intent, {PRODUCT_ENTITY: product.id})
            reply = replace(
                reply,
                card=t.ProductCard(
                    id=product.id,
                    name=product.name,
                    price_fen=product.price_fen,
                    tagline=product.benefits[0],
                ),
                options=(t.Option(more.id, more.label, meaning), *reply.options),
            )
        self.replies.append(reply)
        self.used_wordings.insert(0, reply.wording)


class ContextSource(Protocol):
    """Reads for a turn that no worker has prepared."""

    def load(self, conversation_id: str, tracker_state: dict[str, Any]) -> TurnContext:
        """Return the context of a conversation, made for its newest message."""

    def apply(self, conversation_id: str, context: TurnContext) -> None:
        """Carry out what the context has collected since it was loaded."""


active_turn: ContextVar[TurnContext | None] = ContextVar("active_turn", default=None)


@contextmanager
def turn_of(conversation_id: str, tracker_state: dict[str, Any]) -> Iterator[TurnContext]:
    """Give an action its context: the active turn's, or one loaded for this action alone."""
    context = active_turn.get()
    if context is not None:
        yield context
        return
    from bot.engine.standalone import context_source

    source = context_source()
    context = source.load(conversation_id, tracker_state)
    yield context
    source.apply(conversation_id, context)


def analysis_of(parse: dict[str, Any], message_id: int, today: date) -> t.MessageAnalysis:
    """Return Rasa's parse of a message as the analysis that is stored with it.

    Args:
        parse: what the NLU graph has made of it.
        message_id: the message's row.
        today: the day in the shop on which it was said; its dates are resolved by it.
    """
    signs = parse.get("signs") or {}
    intent = parse.get("intent") or {}
    return t.MessageAnalysis(
        message_id=message_id,
        intent=intent.get("name") or "nlu_fallback",
        confidence=float(intent.get("confidence") or 0.0),
        ranking=[
            (each["name"], round(float(each["confidence"]), 4))
            for each in parse.get("intent_ranking") or []
        ],
        clarity=parse.get("clarity", "clear"),
        also=list(signs.get("also", [])),
        entities=[
            {name: entity[name] for name in ENTITY_FIELDS if name in entity}
            for entity in resolve_dates(parse.get("entities") or [], today)
        ],
        reaction=signs.get("reaction"),
        harm=list(signs.get("harm", [])),
        threats=list(signs.get("threats", [])),
        refusal=signs.get("refusal", "none"),
        feedback=signs.get("feedback"),
        buying_signals=list(signs.get("buying_signals", [])),
        style_cues=list(signs.get("style_cues", [])),
        concepts=list(signs.get("concepts", [])),
    )
