"""Steps that reach a person: hand over, call-back, not understood (design decision 7)."""

from __future__ import annotations

from typing import Any

from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.forms import FormValidationAction

from actions.promises import promise_call_back
from actions.step import Events, Speaker, Step, end_form, set_slots
from bot.dialogue.clarifying import close_meanings
from bot.dialogue.contact import is_declined, read_call_time, read_contact
from bot.dialogue.facts import say_hours
from bot.dialogue.repairing import is_said_misread, unreadable
from bot.dialogue.turn import HandOver
from bot.engine.context import TurnContext, turn_of

DECLINED = "-"


class HandOverToPeople(Step):
    """Put the conversation into the people's queue and say so."""

    step_name = "action_hand_over"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Hand over; whether somebody is there decides what follows."""
        context.commands.append(HandOver(reason=context.analysis.intent))
        context.explain(step=self.step_name, staff_present=context.facts.staff_present)
        if context.facts.staff_present:
            ahead = context.facts.queue_position - 1
            facts = {"queue_position": str(ahead)} if ahead else {}
            speaker.say("utter_hand_over", facts)
        desk = "staffed" if context.facts.staff_present else "empty"
        return [*set_slots(desk=desk), *(end_form() if context.open_case else [])]


class OfferCallBack(Step):
    """Nobody is there: offer a call-back, or to go on with the assistant."""

    step_name = "action_offer_call_back"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Offer both."""
        hours = say_hours(context.shop, context.book.language, context.now)
        hours_now = "open" if context.shop.hours.is_open(context.now) else "closed"
        if context.open_case is not None and context.open_case.is_grave:
            speaker.say("utter_hand_over_nobody", hours=hours, asks="grave")
        else:
            speaker.say("utter_hand_over_nobody", hours=hours, hours_now=hours_now)
        return []


class NoteCallBack(Step):
    """Promise the call-back: a task with a date for whoever calls."""

    step_name = "action_note_call_back"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Store contact and time; repeat them."""
        contact, call_time = (
            context.form_values.get("contact"),
            context.form_values.get("call_time"),
        )
        promise_call_back(context, contact or "", call_time or "")
        speaker.say("utter_call_back_noted", contact=contact or "", call_time=call_time or "")
        return set_slots(contact=None, call_time=None)


class CancelCallBack(Step):
    """The customer does not want to be called."""

    step_name = "action_cancel_call_back"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Leave the form."""
        speaker.say("utter_call_back_cancelled")
        return set_slots(contact=None, call_time=None)


class Clarify(Step):
    """Say honestly that it was not understood, and what can be done."""

    step_name = "action_clarify"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Ask which of two close meanings it is; else to say it in other words."""
        meanings = close_meanings(context.analysis, context.book.options)
        miss = unreadable(context.book.repairs, context.text, context.facts)
        context.explain(step=self.step_name, meanings=meanings, miss=miss)
        is_misread = is_said_misread(context.book.repairs, context.text)
        if is_misread and "action_note_objection" in context.facts.last_steps:
            context.move_objection("left")  # it was none, the customer says
        if miss is not None:
            speaker.say("utter_cannot_read", miss=miss)
        elif meanings is None:
            speaker.say("utter_clarify")
        else:
            either, other = meanings
            speaker.say("utter_clarify_between", either=either, other=other)
        return set_slots(missed=True)


class ValidateCallBackForm(FormValidationAction):
    """Reads contact and time of a call-back out of what the customer writes.

    A slot that is left unset makes the form step aside, so that an ordinary rule can answer an
    interruption; after it the form asks again.
    """

    def name(self) -> str:
        """Return the name that the form looks for."""
        return "validate_call_back_form"

    async def extract_contact(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> dict[str, Any]:
        """Return the phone number in the message, if it is asked for or offered."""
        return self._read(tracker, "contact", read_contact)

    async def extract_call_time(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> dict[str, Any]:
        """Return the time in the message, if it is asked for."""
        return self._read(tracker, "call_time", read_call_time)

    async def validate_contact(
        self,
        value: Any,
        dispatcher: CollectingDispatcher,
        tracker: Tracker,
        domain: dict[str, Any],
    ) -> dict[str, Any]:
        """Refuse what is no phone number, and say so; a 'no' ends the form."""
        if value == DECLINED:
            return _declined("contact")
        if value == "":
            Speaker(dispatcher).say("utter_contact_invalid")
            return {"contact": None}
        return {"contact": value}

    async def validate_call_time(
        self,
        value: Any,
        dispatcher: CollectingDispatcher,
        tracker: Tracker,
        domain: dict[str, Any],
    ) -> dict[str, Any]:
        """Take the customer's own words; a 'no' ends the form."""
        return _declined("call_time") if value == DECLINED else {"call_time": value}

    @staticmethod
    def _read(tracker: Tracker, slot: str, read: Any) -> dict[str, Any]:
        with turn_of(tracker.sender_id, tracker.current_state()) as context:
            is_asked = tracker.get_slot("requested_slot") == slot
            if is_asked and is_declined(context.text, context.analysis):
                return {slot: DECLINED}
            found = read(context.text, context.analysis, is_asked=is_asked)
            context.form_values[slot] = found or tracker.get_slot(slot)
        return {} if found is None else {slot: found}


def _declined(slot: str) -> dict[str, Any]:
    return {slot: None, "call_back_declined": True, "requested_slot": None}
