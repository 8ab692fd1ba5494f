"""Steps around an objection: note, probe, answer, confirm, settle (D-OBJ-7)."""

from __future__ import annotations

from msgspec.structs import replace

from actions.promises import owe_answer, promise_day, say_owed
from actions.step import Events, Speaker, Step, set_slots
from bot.dialogue.conceding import grant
from bot.dialogue.ledger import note, projected_state
from bot.dialogue.need_finding import LAST_QUESTIONS, next_question
from bot.dialogue.reminding import named_day
from bot.dialogue.technique_values import Ranking
from bot.dialogue.techniques import eligible_techniques
from bot.dialogue.timing import is_looking
from bot.dialogue.turn import LedgerEntry, RecordTechnique
from bot.engine.context import TurnContext

KINDS_THAT_NEED_A_PRODUCT = frozenset({"price", "product"})
UNPROBED = frozenset({"need", "excuse"})


class NoteObjection(Step):
    """Write the objection into the ledger with the belief about its truth; say nothing."""

    step_name = "action_note_objection"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Note it; show state, truth and whether its facts are known."""
        wrong = context.take_back_objection()
        noted = note(context.book.truth, context.ledger, context.analysis, context.text)
        if noted.before is not None:
            context.put_entry(noted.before)
        entry = noted.entry
        asked = {}
        if context.facts.contact_refused and entry.state == "open" and entry.kind in UNPROBED:
            entry = replace(entry, state="probed")  # who wants no offers is asked nothing more
            asked = {"asked": "none"}
        context.put_entry(entry, is_new=noted.is_new)
        if wrong is not None:
            context.put_entry(replace(wrong, linked_to=entry.number))
        if context.shop.material.correction_of(context.text, context.product_id):
            context.react("wrong_belief_recorded")
        context.explain(
            step=self.step_name,
            kind=noted.entry.kind,
            number=noted.entry.number,
            belief=noted.entry.belief,
            before=noted.before.number if noted.before else None,
        )
        state, truth = projected_state(context.ledger)
        needs_product = noted.entry.kind in KINDS_THAT_NEED_A_PRODUCT
        return set_slots(
            objection_state=state,
            objection_truth=truth,
            facts_known=context.product is not None or not needs_product,
            timing=context.timing(context.objection or entry),
            **asked,
        )


class ProbeObjection(Step):
    """Ask what is behind an objection, or which product it is about (D-OBJ-4, D-SEL-3)."""

    step_name = "action_probe_objection"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Ask one open question."""
        entry = context.move_objection("probed")
        kind = entry.kind if entry else "excuse"
        facts: dict[str, str] = {"kind": kind}
        asked = "excuse" if kind == "excuse" else "reason"
        if kind == "excuse" and is_looking(context.book, context.text):
            facts["timing"] = "never"
        if kind in KINDS_THAT_NEED_A_PRODUCT and context.product is None:
            facts, asked = {"asks": "product"}, "product"
            speaker.say("utter_acknowledge_objection", kind=kind)
        if kind == "excuse" and context.analysis.refusal == "plain":
            asked = "refusal"
            speaker.say("utter_ask_refusal")
        else:
            speaker.say("utter_probe_objection", facts)
        context.explain(step=self.step_name, kind=kind, asks=asked)
        return set_slots(objection_state="probed", asked=asked)


class IsolateObjection(Step):
    """Ask whether the objection is the only thing in the way (D-OBJ-2, 7)."""

    step_name = "action_isolate_objection"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Ask one closed question."""
        entry = context.move_objection("probed")
        kind = entry.kind if entry else ""
        feedback = entry.feedback if entry else ""
        speaker.say("utter_acknowledge_objection", kind=kind, feedback=feedback or "")
        speaker.say("utter_isolate_objection", kind=kind)
        context.explain(step=self.step_name, kind=kind, asks="sole")
        return set_slots(objection_state="probed", asked="sole")


class NoteSoleObjection(Step):
    """The customer says that nothing else is in the way; say nothing."""

    step_name = "action_note_sole_objection"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Weigh it into the belief."""
        context.react("nothing_else")
        return []


class NoteFurtherObjection(Step):
    """The customer says that something else is in the way, but not what; say nothing."""

    step_name = "action_note_further_objection"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Weigh it into the belief."""
        context.react("something_else")
        return []


class FindNeed(Step):
    """Ask about a need that the customer does not see; no product talk (D-OBJ-3, D-SEL-3, 4)."""

    step_name = "action_find_need"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Ask the next question of the order open, high-gain, closed, imagining."""
        context.move_objection("probed")
        last = context.last_condition("question")
        question = next_question(last, context.text, by_spin=context.facts.asks_by_spin)
        speaker.say("utter_find_need", question=question)
        context.explain(step=self.step_name, question=question)
        asked = "wish" if question in LAST_QUESTIONS else "need"
        return set_slots(objection_state="probed", asked=asked)


class AnswerObjection(Step):
    """Acknowledge, once, then answer with one technique and the shop's facts (D-OBJ-9)."""

    step_name = "action_answer_objection"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Answer; with no technique left, leave it."""
        entry = context.objection
        if entry is None:
            return set_slots(objection_state="none")
        facts = context.answering_facts(entry)
        eligible = eligible_techniques(context.book, context.situation(entry, facts))
        ranking = context.rank_techniques(entry, eligible.candidates)
        if ranking is None:
            context.put_entry(replace(entry, state="left"))
            return set_slots(objection_state="left")
        technique = context.book.technique(ranking.technique)
        context.explain(
            step=self.step_name,
            kind=entry.kind,
            technique=technique.id,
            because=ranking.reason,
            ranked=ranking.ranked,
            excluded=eligible.excluded,
            facts={name: facts[name] for name in sorted(facts)},
        )
        use_technique(context, entry, technique.id, ranking)
        if technique.id == "limited_concession":
            concede(context)
        if not context.has_acknowledged(entry):
            speaker.say(
                "utter_acknowledge_objection", kind=entry.kind, feedback=entry.feedback or ""
            )
        speaker.say("utter_apply_technique", facts, kind=entry.kind, technique=technique.id)
        return follow(context, technique.follow_up)


def use_technique(
    context: TurnContext,
    entry: LedgerEntry,
    technique: str,
    ranking: Ranking | None = None,
) -> None:
    """Record the use of a technique, with the day that it names for later.

    Args:
        ranking: how it was chosen; None where the step has this one technique.
    """
    day = named_day(context.analysis, context.book.truth.reminder, context.now)
    context.put_entry(
        replace(
            entry,
            state="answered",
            techniques=(*entry.techniques, technique),
            day=day.isoformat() if day else entry.day,
        )
    )
    if ranking is None:
        record = RecordTechnique(entry.number, technique, style=context.style)
    else:
        record = ranking.as_use(entry.number, context.style)
    context.commands.append(record)


def concede(context: TurnContext) -> None:
    """Count the concession that is offered against its limit."""
    concession = context.possible_concession()
    if concession is not None:
        context.commands.append(grant(context.shop, concession))


def follow(context: TurnContext, follow_up: str) -> Events:
    """Return the slots that say what comes after a technique."""
    if follow_up == "own":  # it ended with a question of its own: the answer to it goes on
        context.move_objection("probed")
        return set_slots(objection_state="probed", asked="reason")
    if follow_up == "none":
        context.move_objection("left")
        return set_slots(objection_state="left", asked="none")
    return set_slots(objection_state="answered", asked="day" if follow_up == "day" else "none")


class PostponeObjection(Step):
    """The price before its worth is shown: show the worth, then talk about money (D-OBJ-6)."""

    step_name = "action_postpone_objection"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Put it off; ask whether the product suits."""
        entry = context.objection
        if entry is None:
            return set_slots(objection_state="none")
        current_facts = context.answering_facts(entry)
        use_technique(context, entry, "postponement")
        context.move_objection("probed")
        context.explain(step=self.step_name, kind=entry.kind, technique="postponement")
        speaker.say(
            "utter_apply_technique",
            current_facts,
            kind=entry.kind,
            technique="postponement",
            timing="before_value",
        )
        speaker.say("utter_show_value", current_facts)
        return set_slots(objection_state="probed", asked="value")


class PromiseFacts(Step):
    """What the answer needs may not be said now: promise it with a time (D-OBJ-6, D-CUS-11)."""

    step_name = "action_promise_facts"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Promise it; nothing is argued about meanwhile."""
        entry = context.objection
        if entry is None:
            return set_slots(objection_state="none")
        use_technique(context, entry, "postponement")
        context.move_objection("left")
        context.explain(step=self.step_name, kind=entry.kind, technique="postponement")
        about = f"objection.{entry.kind}.{context.product_id}"
        owed = owe_answer(context, about)
        if owed.promise is None:
            say_owed(context, speaker, owed)
        else:
            facts = context.answering_facts(entry)
            speaker.say(
                "utter_apply_technique",
                facts,
                promise_day=promise_day(context, owed),
                kind=entry.kind,
                technique="postponement",
                timing="fact_missing",
            )
        return set_slots(objection_state="left", asked="none")


class PreemptConcern(Step):
    """Name what this product's customers always ask, before it becomes an objection (D-OBJ-6)."""

    step_name = "action_preempt_concern"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Name it, once in a conversation."""
        context.explain(step=self.step_name, technique="pre_emption")
        speaker.say("utter_apply_technique", context.known_facts(), technique="pre_emption")
        return set_slots(timing="now")


class PassOverObjection(Step):
    """A joke, or nothing to speak of: a friendly word, and on (D-OBJ-6)."""

    step_name = "action_pass_over_objection"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Say the word; nothing is argued about."""
        entry = context.objection
        if entry is None:
            return set_slots(objection_state="none")
        use_technique(context, entry, "ignoring")
        context.move_objection("left")
        context.explain(step=self.step_name, kind=entry.kind, technique="ignoring")
        speaker.say("utter_apply_technique", kind=entry.kind, technique="ignoring")
        return set_slots(objection_state="left", asked="none")


class ConfirmObjection(Step):
    """Ask whether the answer settles it."""

    step_name = "action_confirm_objection"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Ask one closed question."""
        entry = context.objection
        technique = entry.techniques[-1] if entry and entry.techniques else ""
        kind = entry.kind if entry else ""
        speaker.say("utter_confirm_objection", kind=kind, technique=technique)
        return set_slots(objection_state="answered")


class SettleObjection(Step):
    """The customer says it is settled: it is, by their word."""

    step_name = "action_settle_objection"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Close the entry; an older one may still wait."""
        context.react("accepted_answer")
        entry = context.move_objection("settled")
        speaker.say("utter_settle_objection", kind=entry.kind if entry else "")
        rest = context.objection
        return set_slots(objection_state="settled" if rest is None else "open", asked="none")


class ReopenObjection(Step):
    """The answer did not settle it."""

    step_name = "action_reopen_objection"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Open the entry again; say nothing."""
        context.move_objection("reopened")
        return set_slots(objection_state="open")


class ReturnToObjection(Step):
    """After a digression, come back to what is still open."""

    step_name = "action_return_to_objection"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Ask whether it still matters."""
        entry = context.objection
        if context.analysis.intent == "inform":
            speaker.say("utter_return_to_objection", asks="more")
        else:
            kind = entry.kind if entry else ""
            speaker.say("utter_return_to_objection", context.known_facts(), kind=kind)
        return set_slots(objection_state="answered")


class LeadForward(Step):
    """Offer the next step towards the purchase."""

    step_name = "action_lead_forward"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Lead on, once."""
        kind = next((each.kind for each in reversed(context.ledger) if each.state == "settled"), "")
        speaker.say("utter_lead_forward", context.known_facts(), kind=kind)
        product = context.current_product
        return set_slots(asked="order" if product is not None and product.stock else "product")
