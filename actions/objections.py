"""Steps around an objection: note, probe, answer, confirm, settle, let go (D-OBJ-7)."""

from __future__ import annotations

from msgspec.structs import replace

from actions.step import Events, Speaker, Step, set_slots
from bot.dialogue.ledger import note, projected_state
from bot.dialogue.techniques import choose_technique
from bot.dialogue.turn import RecordTechnique, RefuseContact
from bot.engine.context import TurnContext

KINDS_THAT_NEED_A_PRODUCT = frozenset({"price", "product"})
UNPROBED = frozenset({"need", "excuse"})


class NoteObjection(Step):
    """Write the objection into the ledger with the belief about its truth; say nothing."""

    step_name = "action_note_objection"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Note it; show state, truth and whether its facts are known."""
        noted = note(context.book.truth, context.ledger, context.analysis, context.text)
        if noted.pretext is not None:
            context.put_entry(noted.pretext)
        entry = noted.entry
        if context.facts.contact_refused and entry.state == "open" and entry.kind in UNPROBED:
            entry = replace(entry, state="probed")  # who wants no offers is asked nothing more
        context.put_entry(entry, is_new=noted.is_new)
        context.explain(
            step=self.step_name,
            kind=noted.entry.kind,
            number=noted.entry.number,
            belief=noted.entry.belief,
            pretext=noted.pretext.number if noted.pretext else None,
        )
        state, truth = projected_state(context.ledger)
        needs_product = noted.entry.kind in KINDS_THAT_NEED_A_PRODUCT
        return set_slots(
            objection_state=state,
            objection_truth=truth,
            facts_known=context.product is not None or not needs_product,
        )


class ProbeObjection(Step):
    """Ask what is behind an objection, or which product it is about (D-OBJ-4, D-SEL-3)."""

    step_name = "action_probe_objection"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Ask one open question."""
        entry = context.move_objection("probed")
        kind = entry.kind if entry else "excuse"
        facts: dict[str, str] = {"kind": kind}
        if kind in KINDS_THAT_NEED_A_PRODUCT and context.product is None:
            facts = {"asks": "product"}
            speaker.say("utter_acknowledge_objection", kind=kind)
        speaker.say("utter_probe_objection", facts)
        context.explain(step=self.step_name, kind=kind, asks=facts.get("asks", "reason"))
        return set_slots(objection_state="probed")


class AnswerObjection(Step):
    """Acknowledge, then answer with one technique and the shop's facts (D-OBJ-9)."""

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
        speaker.say("utter_acknowledge_objection", kind=entry.kind)
        speaker.say("utter_apply_technique", facts, kind=entry.kind, technique=choice.technique)
        return set_slots(objection_state="answered")


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
        """Close the entry."""
        context.move_objection("settled")
        speaker.say("utter_settle_objection")
        return set_slots(objection_state="settled")


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


class LetGo(Step):
    """A true lack of need ends the selling at once, politely (D-OBJ-3)."""

    step_name = "action_let_go"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Stop; leave a door open."""
        context.move_all_objections("left")
        speaker.say("utter_let_go")
        context.explain(step=self.step_name, technique="graceful_stop")
        return set_slots(objection_state="left")


class LeaveOpen(Step):
    """The customer does not want to say more: give them time."""

    step_name = "action_leave_open"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Leave the door open."""
        context.move_all_objections("left")
        speaker.say("utter_leave_open")
        return set_slots(objection_state="left")


class StopSelling(Step):
    """'No more offers': stop everything at once and remember it (D-OBJ-11)."""

    step_name = "action_stop_selling"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Stop, without a probe."""
        context.move_all_objections("left")
        context.commands.append(RefuseContact(context.analysis.message_id))
        context.explain(step=self.step_name, refusal="stop")
        speaker.say("utter_stop_selling")
        state, _ = projected_state(context.ledger)
        return set_slots(objection_state=state)
