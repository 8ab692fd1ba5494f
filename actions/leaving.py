"""Steps that end the talk about an objection: let go, leave open, remind once, stop (D-OBJ-3)."""

from __future__ import annotations

from msgspec.structs import replace

from actions.promises import promise_reminder
from actions.step import Events, Speaker, Step, set_slots
from bot.dialogue.ledger import projected_state
from bot.dialogue.reminding import moment_of, named_day, proposed_day, say_day, usual_day
from bot.dialogue.timing import is_looking
from bot.dialogue.turn import RefuseContact
from bot.engine.context import TurnContext


class LetGo(Step):
    """A true lack of need ends the selling at once, politely (D-OBJ-3)."""

    step_name = "action_let_go"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Stop; leave a door open, with what would change the customer's mind."""
        entry = context.objection
        context.move_all_objections("left")
        if entry is not None and entry.until:
            speaker.say("utter_what_would_change", until=entry.until)
        else:
            speaker.say("utter_let_go")
        context.explain(step=self.step_name, technique="graceful_stop")
        return set_slots(objection_state="left", asked="none")


class LeaveOpen(Step):
    """The customer does not want to say more: give them time."""

    step_name = "action_leave_open"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Leave the door open."""
        context.react_to_probe()
        context.move_all_objections("left")
        if is_looking(context.book, context.text):
            speaker.say("utter_leave_open", asks="looking")
        else:
            speaker.say("utter_leave_open")
        return set_slots(objection_state="left", asked="none")


class InviteToLook(Step):
    """A second plain no: name what speaks for it, in at most three places, and stop (D-OBJ-11)."""

    step_name = "action_invite_to_look"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Invite to look at the whole, whenever they like."""
        context.react_to_probe()
        context.move_all_objections("left")
        context.explain(step=self.step_name, refusal="plain")
        speaker.say("utter_invite_to_look", context.known_facts())
        return set_slots(objection_state="left", asked="none")


class OfferReminder(Step):
    """The reason is not told: agree on a day for one reminder, then silence (D-OBJ-4)."""

    step_name = "action_offer_reminder"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Ask for the day; the book's own day counts if they just agree."""
        context.react_to_probe()
        rule = context.book.truth.reminder
        day = usual_day(rule, context.now)
        entry = context.objection
        if entry is not None:
            context.put_entry(replace(entry, day=day.isoformat()))
        speaker.say("utter_offer_reminder", reminder_day=say_day(context.book.language, day))
        return set_slots(objection_state="probed", asked="day")


class NoteReminder(Step):
    """Remember the day of the one reminder."""

    step_name = "action_note_reminder"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Promise it; repeat the day."""
        rule = context.book.truth.reminder
        day = named_day(context.analysis, rule, context.now) or proposed_day(
            context.objection, rule, context.now
        )
        context.move_all_objections("left")
        promise_reminder(context, day, moment_of(rule, day))
        context.explain(step=self.step_name, day=day.isoformat())
        speaker.say("utter_reminder_noted", reminder_day=say_day(context.book.language, day))
        return set_slots(objection_state="left", asked="none")


class DeclineReminder(Step):
    """No reminder is wanted: silence."""

    step_name = "action_decline_reminder"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Leave the door open."""
        context.move_all_objections("left")
        speaker.say("utter_reminder_declined")
        return set_slots(objection_state="left", asked="none")


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
