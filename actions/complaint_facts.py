"""Steps that gather the facts of a complaint, repeat them back, and hear the wish (D-CMP-5)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.forms import FormValidationAction

from actions.cases import (
    account_in,
    add_to_case,
    heard_account,
    keep_account,
    move_case,
    put_right_in,
    told_account,
)
from actions.step import Events, Speaker, Step, set_slots
from bot.dialogue.case_talk import projected_case
from bot.dialogue.complaint_facts import UNKNOWN, Account, FactName, needed, slots_of
from bot.dialogue.complaint_hearing import answer_to, detail_in
from bot.dialogue.turn import OpenCase
from bot.dialogue.wishes import OPEN, wish_of
from bot.engine.context import TurnContext, turn_of

NO_ANSWERS = ("alarm", "barrier", "cancel", "ask_again", "mistyped")
MOST_WISH_CHARS = 200
SAID_LATELY = 6
MOST_ASKED = 2
NOISE_CHARS = 1  # one character tells nothing
ANSWERS = ("affirm", "thank", "deny", "inform", "nlu_fallback", "complaint_")


class AcknowledgeCase(Step):
    """The customer was heard: apologise in full, say that we want to put it right (D-CMP-5)."""

    step_name = "action_acknowledge_case"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Acknowledge the case; what was apologised for just now is not apologised for again."""
        case = context.open_case
        if case is None:
            return []
        was_opened_now = any(isinstance(each, OpenCase) for each in context.commands)
        is_new = move_case(context, "acknowledge")
        if is_new and not was_opened_now:
            speaker.say("utter_acknowledge_case", cause=case.causes[0])
        return set_slots(asked="none", **projected_case(context.open_case))


class ConfirmCase(Step):
    """Repeat back what was told, and ask whether it is right."""

    step_name = "action_confirm_case"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Ask for a yes."""
        account = told_account(context, account_in(context))
        if account:
            speaker.say("utter_confirm_case", account=account)
        else:
            speaker.say("utter_confirm_case", asks="bare")
        return set_slots(asked="case_facts")


class AskAmend(Step):
    """It is not right: ask what is to be put right."""

    step_name = "action_ask_amend"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Ask one short question."""
        add_to_case(context)
        speaker.say("utter_ask_amend")
        return []


class AmendCase(Step):
    """Take up what is put right or added."""

    step_name = "action_amend_case"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Keep it; what is said anew goes before what was said before."""
        add_to_case(context)
        rules, before, new = context.book.complaints, account_in(context), heard_account(context)
        analysis = put_right_in(context, context.analysis)
        told = answer_to(rules, "case_detail", analysis, context.text, "") or Account()
        detail = told.case_detail or detail_in(rules, [context.text])
        wish = wish_of(rules, context.analysis, context.text, is_asked=True)
        new = replace(new, case_wish=new.case_wish or ("" if wish == OPEN else wish))
        is_other = new.case_subject or new.case_dealer or new.case_since or wish
        if detail in ("", UNKNOWN) or is_other or len(context.text.strip()) <= NOISE_CHARS:
            detail = before.case_detail or detail
        elif before.case_detail not in ("", UNKNOWN):
            detail = f"{before.case_detail},{detail}"[: rules.longest_detail_chars]
        return keep_account(replace(new, case_detail=detail).with_more(before))


class AssessCase(Step):
    """The facts are right: the case is assessed with them."""

    step_name = "action_assess_case"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Store what was told and confirmed; say nothing, the next step speaks."""
        add_to_case(context)
        known = account_in(context)
        said = wish_of(context.book.complaints, context.analysis, context.text, is_asked=True)
        known = replace(known, case_wish=said if said not in ("", OPEN) else known.case_wish)
        wish = context.book.complaints.wish_names.get(known.case_wish, "")  # type: ignore[call-overload]
        body: dict[str, Any] = {"account": told_account(context, known)}
        if wish:
            body["wish"] = wish
        if known.case_dealer not in ("", UNKNOWN):
            body["dealer"] = known.case_dealer
        move_case(context, "assess", **body)
        return set_slots(
            asked="none",
            case_wish=known.case_wish or None,
            wish_known=bool(known.case_wish),
            **projected_case(context.open_case),
        )


class AskWish(Step):
    """Ask what the customer wants; never to justify it (D-CMP-5, 13)."""

    step_name = "action_ask_wish"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Ask one open question."""
        speaker.say("utter_ask_wish")
        return set_slots(asked="case_wish")


class NoteWish(Step):
    """Take up what the customer wants, in their words."""

    step_name = "action_note_wish"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Store it; who leaves it to us is offered what their trouble calls for."""
        add_to_case(context)
        rules = context.book.complaints
        wish = wish_of(rules, context.analysis, context.text, is_asked=True) or OPEN
        move_case(context, "assess", wish=context.text.strip()[:MOST_WISH_CHARS] or wish)
        return set_slots(asked="none", case_wish=wish, wish_known=True)


class ValidateComplaintForm(FormValidationAction):
    """Asks only for what neither the messages nor the orders have told.

    A message that is no answer is left alone, so that an ordinary rule can answer it; after it the
    form asks again.
    """

    def name(self) -> str:
        """Return the name that the form looks for."""
        return "validate_complaint_form"

    async def required_slots(
        self,
        domain_slots: list[str],
        dispatcher: CollectingDispatcher,
        tracker: Tracker,
        domain: dict[str, Any],
    ) -> list[str]:
        """Return what has to be known of these causes."""
        with turn_of(tracker.sender_id, tracker.current_state()) as context:
            case = context.open_case
            return list(needed(context.book.complaints, case.causes)) if case else []

    async def extract_case_subject(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> dict[str, Any]:
        """Return what it is about: goods, an order."""
        return self._read(tracker, "case_subject")

    async def extract_case_dealer(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> dict[str, Any]:
        """Return who sold or repaired it."""
        return self._read(tracker, "case_dealer")

    async def extract_case_detail(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> dict[str, Any]:
        """Return what happened."""
        return self._read(tracker, "case_detail")

    async def extract_case_since(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> dict[str, Any]:
        """Return when it happened, with the day if it can be told."""
        return self._read(tracker, "case_since")

    async def validate_case_subject(
        self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> dict[str, Any]:
        """Take it as it was read, with whatever else was told."""
        return {"case_subject": value, **self._told_beside(tracker)}

    async def validate_case_dealer(
        self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> dict[str, Any]:
        """Take it as it was read, with whatever else was told."""
        return {"case_dealer": value, **self._told_beside(tracker)}

    async def validate_case_detail(
        self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> dict[str, Any]:
        """Take it as it was read, with whatever else was told."""
        return {"case_detail": value, **self._told_beside(tracker)}

    async def validate_case_since(
        self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> dict[str, Any]:
        """Take it as it was read, with whatever else was told."""
        return {"case_since": value, **self._told_beside(tracker)}

    @staticmethod
    def _read(tracker: Tracker, fact: FactName) -> dict[str, Any]:
        with turn_of(tracker.sender_id, tracker.current_state()) as context:
            context.slots = tracker.current_slot_values()
            known = account_in(context)
            if getattr(known, fact) or _is_no_answer(context):
                return {}
            found = heard_account(context)
            is_asked = tracker.get_slot("requested_slot") == fact
            if is_asked:
                product = found.case_subject if fact == "case_subject" else ""
                analysis = put_right_in(context, context.analysis)
                rules = context.book.complaints
                told = answer_to(rules, fact, analysis, context.text, product)
                heard = replace(found, **{fact: ""}) if told is None else found
                found = (told or Account()).told_more(heard)
            values = {name: value for name, value in slots_of(found).items() if value}
            if is_asked and fact not in values and _is_asked_enough(context, fact):
                values[fact] = UNKNOWN
            if fact not in values:
                return {}
            add_to_case(context)
            return {fact: values[fact]}

    @staticmethod
    def _told_beside(tracker: Tracker) -> dict[str, Any]:
        """Return what the message tells that nobody has to know of this complaint."""
        with turn_of(tracker.sender_id, tracker.current_state()) as context:
            context.slots = tracker.current_slot_values()
            known, told = account_in(context), slots_of(heard_account(context))
            return {
                name: value for name, value in told.items() if value and not getattr(known, name)
            }


def _is_asked_enough(context: TurnContext, fact: FactName) -> bool:
    """Tell whether a question was put so often that it would only annoy (D-CMP-13)."""
    asked = context.responses_said[:SAID_LATELY].count(f"utter_ask_{fact}")
    return asked >= MOST_ASKED and context.analysis.intent.startswith(ANSWERS)


def _is_no_answer(context: TurnContext) -> bool:
    """Tell whether the message is one that a rule answers, whatever is asked."""
    return context.heard_intent in NO_ANSWERS
