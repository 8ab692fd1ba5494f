"""What an action may know and say during a turn.

Actions read the `TurnContext`, call one pure function, return events and append commands; they
never touch a database. During a turn of the worker the context is set before Rasa is asked; in
`rasa run actions`, where no turn is active, it is loaded by `sender_id` from a `ContextSource`.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, datetime
from typing import Any, Protocol

from msgspec.structs import replace

from bot.clock import SHOP_TIME_ZONE
from bot.dialogue import turn as t
from bot.dialogue.conceding import possible_concession
from bot.dialogue.facts import (
    lighter_facts,
    offer_facts,
    product_facts,
    proof_facts,
    say_money,
    shop_facts,
    topics_of,
)
from bot.dialogue.guard import first_sayable
from bot.dialogue.hearing import was_asked_need
from bot.dialogue.hearing_questions import is_question_about
from bot.dialogue.ledger import ALIVE, current, hear, note, react
from bot.dialogue.needs import (
    Recommendation,
    budget_in,
    matching_triple,
    recommend,
    triples_of,
)
from bot.dialogue.opening import daytime_of
from bot.dialogue.outcomes import outcomes_of
from bot.dialogue.product_questions import read_question, recorded_answer
from bot.dialogue.reminding import named_day, say_day
from bot.dialogue.style import length_for, style_of
from bot.dialogue.technique_values import (
    Candidate,
    Ranking,
    TechniqueValues,
    cell_truth,
    rank,
)
from bot.dialogue.techniques import Situation
from bot.dialogue.timing import Timing, signals_of, timing_of
from bot.dialogue.truth import PREFIX
from bot.knowledge.book import Book
from bot.knowledge.products import Product
from bot.knowledge.selling_material import Concession
from bot.knowledge.shop import Shop
from bot.language.dates import resolve_dates

PRODUCT_ENTITY = "product"
QUANTITY_ENTITY = "quantity"
TELL_MORE = "tell_me_more"
WORDINGS_A_TURN = 3
LATELY = 2  # messages before this one
MENDING = ("cancel", "ask_again", "mistyped", "correct")  # they say nothing of the objection
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
        self.heard_text: str | None = None
        self.commands: list[t.Command] = []
        self.reasons: list[dict[str, Any]] = []
        self.replies: list[t.Reply] = []
        self.form_values: dict[str, str | None] = {}
        self.slots: dict[str, Any] = {}  # of Rasa, as the present step found them
        self.active_loop = ""
        self.heard_intent = ""  # that rules decide by; the analysis keeps its own
        self.failures: list[BaseException] = []

    @property
    def analysis(self) -> t.MessageAnalysis:
        """The analysis the turn is decided by."""
        assert self.turn_analysis is not None
        return self.turn_analysis

    @property
    def text(self) -> str:
        """What the customer said in this turn, or that part of it which is served now."""
        if self.heard_text is not None:
            return self.heard_text
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
    def scene(self) -> dict[str, str]:
        """What every wording may be chosen by: the style, the time of day, who is there."""
        return {
            "style": self.style,
            "daytime": daytime_of(self.now, is_open=self.shop.hours.is_open(self.now)),
            "customer": "known" if self.facts.is_returning else "new",
            "talk": "selling",
            **self._case_scene(),
        }

    def _case_scene(self) -> dict[str, str]:
        case = self.open_case
        if case is None:
            return {}
        reaction = {"reaction": case.reaction} if case.reaction else {}
        about = {"talk": "complaint", "case_number": case.number, "cause": case.causes[0]}
        return about | reaction

    @property
    def told(self) -> str:
        """What the customer has told in this conversation, the newest first."""
        return "\n".join((self.text, *self.facts.told))

    @property
    def budget_fen(self) -> int | None:
        """What the customer would spend at most, as they named it last."""
        named = (budget_in(each.entities) for each in reversed(self.analyses))
        return next((fen for fen in named if fen), self.facts.budget_fen)

    @property
    def signals(self) -> list[str]:
        """The buying signals of this turn (D-CUS-4)."""
        found = [signal for each in self.analyses for signal in each.buying_signals]
        return list(dict.fromkeys(found))

    @property
    def named_products(self) -> list[str]:
        """Ids of the products that this turn's messages name, in order."""
        return [
            entity["value"]
            for analysis in self.analyses
            for entity in analysis.entities
            if entity["entity"] == PRODUCT_ENTITY and self.shop.product(entity["value"])
        ]

    @property
    def is_about_goods(self) -> bool:
        """Tell whether a product was in talk before this turn, and no order of theirs is meant."""
        kinds = {entity["entity"] for each in self.analyses for entity in each.entities}
        return self.facts.product_id is not None and "order_number" not in kinds

    @property
    def today(self) -> date:
        """The day in the shop."""
        return self.now.astimezone(SHOP_TIME_ZONE).date()

    @property
    def current_product(self) -> Product | None:
        """The product in talk, if its facts may be said today."""
        product = self.product
        return product if product is not None and product.is_current(self.today) else None

    @property
    def objection(self) -> t.LedgerEntry | None:
        """The objection that still wants something."""
        return current(self.ledger)

    @property
    def asks_for_several(self) -> bool:
        """Tell whether this message names more than one piece."""
        found = (each for each in self.analysis.entities if each["entity"] == QUANTITY_ENTITY)
        return any(isinstance(each.get("resolved"), int) and each["resolved"] > 1 for each in found)

    def may_be_asked(self, analysis: t.MessageAnalysis, text: str) -> bool:
        """Tell whether a message read as something else is a question about the product in talk.

        Never while a complaint is open, a form waits for an answer, or a need was asked for.
        """
        is_in_form = "call_back_form" in self.facts.last_steps
        if self.open_case or is_in_form or was_asked_need(self.book, self.used_wordings):
            return False
        named = [each["value"] for each in analysis.entities if each["entity"] == PRODUCT_ENTITY]
        product = next(filter(None, map(self.shop.product, reversed(named))), self.product)
        is_on_record = product is not None and self.objection is None and self.knows(product, text)
        rules = self.book.selling
        return is_question_about(rules, analysis, text, product, is_on_record=is_on_record)

    def knows(self, product: Product, text: str) -> bool:
        """Tell whether the shop has an answer to what a text asks about a product."""
        if not product.is_current(self.today):
            return False
        question = read_question(self.book.selling, text, product=product)
        if question.topic == "policy":
            return bool(self.shop.policy(question.policy))
        if self.shop.material.correction_of(text, product.id):
            return False
        args = (self.shop, product, question, text, self.today)
        return question.topic == "fact" or bool(recorded_answer(self.book.selling, *args))

    def note_products(self) -> None:
        """Make the product that the customer named the product in talk."""
        for named in self.named_products:
            self.product_id = named
        self.note_product()

    def note_product(self) -> None:
        """Remember which product the talk is about from now on."""
        if self.product_id and self.product_id != self.facts.product_id:
            self.commands.append(t.SetProduct(self.product_id))

    def hear(self) -> None:
        """Let the open objection learn from a message that raises none."""
        entry = self.objection
        if entry is None or self.analysis.intent.startswith((PREFIX, *MENDING)):
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

    @property
    def responses_said(self) -> list[str]:
        """The responses said so far, newest first."""
        known = self.book.response_by_wording
        return [known.get(wording, "") for wording in self.used_wordings]

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
        language = self.book.language
        if self.product is not None:
            rng = random.Random(self.rng.random())
            facts |= product_facts(self.shop, language, self.product, self.now, rng)
            facts |= lighter_facts(self.shop, language, self.product, self.now)
        facts |= proof_facts(self.shop, self.product_id, kind, self.now)
        return facts | offer_facts(self.shop, self.product_id, kind, self.now)

    def product_words(self, triple: int | None = None, kind: str = "") -> dict[str, str]:
        """Return what may be said of the product in talk, with one FAB triple (D-SEL-6).

        Args:
            triple: which; without one, that which answers the need the customer has named.
            kind: of the objection that is answered; '' for none.
        """
        facts, product = self.known_facts(kind), self.current_product
        if product is not None:
            index = matching_triple(product, self.told) if triple is None else triple
            if index is not None:
                names = ("feature", "advantage", "benefit")
                facts |= dict(zip(names, triples_of(product)[index], strict=True))
        return facts

    def stock_words(self, product: Product, other: Product | None) -> dict[str, str]:
        """Return what is said of a stock, with what is there instead."""
        facts = {"product": product.name, "stock_left": f"{product.stock}"}
        if other is None:
            return facts
        price = say_money(self.book.language, other.price_fen)
        return facts | {"alternative": other.name, "alternative_price": price}

    def closing_facts(self, settled: str) -> dict[str, str]:
        """Return what a close may name; `settled` is what was settled in the talk."""
        facts = self.product_words()
        backing = self.shop.policy("returns")
        return facts | {"settled_points": settled, "backing": backing}

    def product_list(self) -> str:
        """Return the names of all goods, as they are said."""
        names = [each.aliases[0] if each.aliases else each.name for each in self.shop.products]
        return self.book.language.list_separator.join(names)

    def recommendation(self) -> Recommendation | None:
        """Return what answers the need that the customer has named, within their budget."""
        return recommend(
            self.shop.products,
            self.told,
            budget_fen=self.budget_fen,
            today=self.today,
            in_talk=self.product_id,
        )

    def answering_facts(self, entry: t.LedgerEntry) -> dict[str, str]:
        """Return what may be said in answer to an objection, tied to what the customer named."""
        facts = self.product_words(kind=entry.kind)
        just_said = "\n".join(said.text for said in self.facts.last_replies)
        facts |= proof_facts(
            self.shop, self.product_id, entry.kind, self.now, about=self.text, just_said=just_said
        )
        facts["length"] = length_for(self.style, self.text)
        correction = self.shop.material.correction_of(self.text, self.product_id)
        if correction:
            facts["correction"] = correction
        concession = self.possible_concession()
        if concession is not None:
            facts |= {"concession": concession.gives, "concession_for": concession.asks}
        day = named_day(self.analysis, self.book.truth.reminder, self.now)
        facts["day"] = "named" if day else "open"
        if day is not None:
            said = say_day(self.book.language, day)
            facts |= {"reminder_day": said}
            if entry.kind == "finance":
                facts["payday"] = said
        return facts

    def possible_concession(self) -> Concession | None:
        """Return what may be given way on now, within the shop's limits."""
        return possible_concession(
            self.shop,
            self.product,
            self.now,
            offered=self.facts.conceded,
            granted_fen=self.facts.conceded_today_fen,
        )

    def situation(self, entry: t.LedgerEntry, facts: Mapping[str, str]) -> Situation:
        """Return what the choice of a technique is made by."""
        return Situation(
            kind=entry.kind,
            truth=entry.belief.label,
            feedback=entry.feedback or "",
            style=self.style,
            facts=facts,
            tried=entry.techniques,
            last=self.facts.last_technique,
            signals=self._answering_signals(entry, facts),
            said=self.used_wordings,
        )

    def _answering_signals(self, entry: t.LedgerEntry, facts: Mapping[str, str]) -> frozenset[str]:
        """Return what bears on the choice beside kind and truth, in this message and before."""
        analysis = self.analysis
        rivals = [each["value"] for each in analysis.entities if each["entity"] == "rival"]
        found = set(signals_of(self.book, entry, analysis.concepts, rivals))
        lately = (self.text, *self.facts.told[:LATELY])
        if any(cue in said for cue in self.book.timing.bargain_cues for said in lately):
            found.add("bargains")
        is_wrong_belief = "correction" in facts  # that is put right first
        if not is_wrong_belief and topics_of(self.text, self.product).tell(facts.get("proof", "")):
            found.add("proof_fits")
        return frozenset(found)

    def rank_techniques(
        self, entry: t.LedgerEntry, eligible: Sequence[Candidate]
    ) -> Ranking | None:
        """Choose among eligible techniques by what came of them in the whole shop."""
        learning = self.book.learning
        return rank(
            eligible,
            entry.kind,
            cell_truth(entry.kind, entry.belief.label),
            values=TechniqueValues(learning, self.facts.technique_counts),
            settings=self.facts.technique_settings,
            exploration=learning.exploration,
            rng=self.rng,
        )

    def note_outcomes(self) -> None:
        """Ask for what came of earlier techniques to be stored, where this turn has shown it."""
        self.commands += outcomes_of(self.facts.ledger, self.commands, self.analysis, self.analyses)

    def timing(self, entry: t.LedgerEntry) -> Timing:
        """Return when to answer an objection that was noted just now (D-OBJ-6)."""
        return timing_of(
            self.book,
            entry,
            self.text,
            concepts=self.analysis.concepts,
            said=self.used_wordings,
            product=self.product,
            today=self.today,
        )

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

    def take_back_objection(self) -> t.LedgerEntry | None:
        """Leave the open objection that the customer says they did not mean; return it."""
        kind = self.analysis.takes_back
        wrong = next(
            (each for each in reversed(self.ledger) if each.kind == kind and each.state in ALIVE),
            None,
        )
        if wrong is not None:
            wrong = replace(wrong, state="left")
            self.put_entry(wrong)
        return wrong

    def keep_for_later(self, analysis: t.MessageAnalysis, state: t.ObjectionState) -> None:
        """Put an objection into the ledger without answering it now."""
        noted = note(self.book.truth, self.ledger, analysis, self.text_of(analysis))
        self.put_entry(replace(noted.entry, state=state), is_new=noted.is_new)

    def text_of(self, analysis: t.MessageAnalysis) -> str:
        """Return the text of the message that an analysis is about."""
        return next(
            (each.text for each in self.messages if each.message_id == analysis.message_id),
            self.text,
        )

    def explain_style(self) -> None:
        """Add which style the words follow and who says so, or that it is switched off."""
        if not self.shop.profile.adapts_style:
            self.explain(style="", style_by="switched off")
        elif self.style:
            self.explain(style=self.style, style_by="staff" if self.facts.style else "cues")

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
                    tagline=first_sayable(self.book, product.benefits),
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


def analysis_of(
    parse: dict[str, Any], message_id: int, today: date, *, is_past: bool = False
) -> t.MessageAnalysis:
    """Return Rasa's parse of a message as the analysis that is stored with it.

    Args:
        parse: what the NLU graph has made of it.
        message_id: the message's row.
        today: the day in the shop on which it was said; its dates are resolved by it.
        is_past: whether it was asked what happened; a complaint tells it unasked.
    """
    signs = parse.get("signs") or {}
    intent = parse.get("intent") or {}
    is_past = is_past or str(intent.get("name")).startswith("complaint_")
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
            for entity in resolve_dates(parse.get("entities") or [], today, is_past=is_past)
        ],
        reaction=signs.get("reaction"),
        harm=list(signs.get("harm", [])),
        threats=list(signs.get("threats", [])),
        refusal=signs.get("refusal", "none"),
        feedback=signs.get("feedback"),
        buying_signals=list(signs.get("buying_signals", [])),
        style_cues=list(signs.get("style_cues", [])),
        concepts=list(signs.get("concepts", [])),
        takes_back=parse.get("takes_back", ""),
    )
