"""Steps around an objection: note, probe, answer, confirm, settle (D-OBJ-7)."""

from __future__ import annotations

from msgspec.structs import replace

from actions.step import Events, Speaker, Step, set_slots
from bot.dialogue.ledger import note, projected_state
from bot.dialogue.need_finding import LAST_QUESTION, next_question
from bot.dialogue.techniques import choose_technique
from bot.dialogue.turn import RecordTechnique
from bot.engine.context import TurnContext

KINDS_THAT_NEED_A_PRODUCT = frozenset({"price", "product"})
UNPROBED = frozenset({"need", "excuse"})
ASKING_FOR_A_DAY = frozenset({"appointment"})


class NoteObjection(Step):
    """Write the objection into the ledger with the belief about its truth; say nothing."""

    step_name = "action_note_objection"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Note it; show state, truth and whether its facts are known."""
        noted = note(context.book.truth, context.ledger, context.analysis, context.text)
        if noted.before is not None:
            context.put_entry(noted.before)
        entry = noted.entry
        asked = {}
        if context.facts.contact_refused and entry.state == "open" and entry.kind in UNPROBED:
            entry = replace(entry, state="probed")  # who wants no offers is asked nothing more
            asked = {"asked": "none"}
        context.put_entry(entry, is_new=noted.is_new)
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
        if kind in KINDS_THAT_NEED_A_PRODUCT and context.product is None:
            facts, asked = {"asks": "product"}, "product"
            speaker.say("utter_acknowledge_objection", kind=kind)
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
        speaker.say("utter_acknowledge_objection", kind=kind)
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
        question = next_question(context.last_condition("question"), context.text)
        speaker.say("utter_find_need", question=question)
        context.explain(step=self.step_name, question=question)
        asked = "wish" if question == LAST_QUESTION else "need"
        return set_slots(objection_state="probed", asked=asked)


class AnswerObjection(Step):
    """Acknowledge, once, then answer with one technique and the shop's facts (D-OBJ-9)."""

    step_name = "action_answer_objection"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Answer; with no technique left, leave it."""
        entry = context.objection
        if entry is None:
            return set_slots(objection_state="none")
        facts = context.known_facts(entry.kind)
        choice = choose_technique(
            context.book.techniques,
            entry.kind,
            facts,
            entry.techniques,
            context.facts.last_technique,
        )
        if choice is None:
            context.put_entry(replace(entry, state="left"))
            return set_slots(objection_state="left")
        context.put_entry(replace(entry, state="answered"))
        context.commands.append(
            RecordTechnique(
                entry.number, choice.technique, tuple(name for name, _ in choice.alternatives)
            )
        )
        context.explain(
            step=self.step_name,
            kind=entry.kind,
            technique=choice.technique,
            alternatives=choice.alternatives,
            excluded=choice.excluded,
            facts={name: facts[name] for name in sorted(facts)},
        )
        if not context.has_acknowledged(entry):
            speaker.say("utter_acknowledge_objection", kind=entry.kind)
        speaker.say("utter_apply_technique", facts, kind=entry.kind, technique=choice.technique)
        asked = "day" if choice.technique in ASKING_FOR_A_DAY else "none"
        return set_slots(objection_state="answered", asked=asked)


class ConfirmObjection(Step):
    """Ask whether the answer settles it."""

    step_name = "action_confirm_objection"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Ask one closed question."""
        entry = context.objection
        speaker.say("utter_confirm_objection", kind=entry.kind if entry else "")
        return set_slots(objection_state="answered")


class SettleObjection(Step):
    """The customer says it is settled: it is, by their word."""

    step_name = "action_settle_objection"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Close the entry; an older one may still wait."""
        context.react("accepted_answer")
        context.move_objection("settled")
        speaker.say("utter_settle_objection")
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
        speaker.say(
            "utter_return_to_objection", context.known_facts(), kind=entry.kind if entry else ""
        )
        return set_slots(objection_state="answered")


class LeadForward(Step):
    """Offer the next step towards the purchase."""

    step_name = "action_lead_forward"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Lead on, once."""
        speaker.say("utter_lead_forward", context.known_facts())
        return []
