"""Steps that mend the talk: end a step, put right, say again, put a question again."""

from __future__ import annotations

from typing import Any

from actions.objections import KINDS_THAT_NEED_A_PRODUCT
from actions.promises import times_of_call_back
from actions.step import Events, Speaker, Step, set_slots
from bot.dialogue.contact import read_contact
from bot.dialogue.ledger import projected_state
from bot.dialogue.repairing import should_put_again, what_is_ended
from bot.dialogue.saying_again import open_question, sayings_again
from bot.dialogue.turn import CorrectTask, DropTask
from bot.engine.context import TurnContext

CALL_BACK = "call_back"


class EndStep(Step):
    """'Never mind': what is open ends politely; nothing is pushed."""

    step_name = "action_end_step"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Leave the objection, or take back what was agreed for later."""
        ended = what_is_ended(context.book.repairs, context.text, context.facts)
        context.explain(step=self.step_name, ended=ended)
        if ended == "reminder" or ended == CALL_BACK:
            context.commands.append(DropTask(ended))
        else:
            context.move_all_objections("left")
        if ended == "reminder":
            speaker.say("utter_reminder_declined")
        elif ended == CALL_BACK:
            speaker.say("utter_call_back_cancelled")
        else:
            speaker.say("utter_end_step")
        return set_slots(asked="none", **_state(context))


class SayAgain(Step):
    """Say the last answer again in other words; after a correction, for the right product."""

    step_name = "action_say_again"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Repeat what carried something; a form asks its question again by itself."""
        book = context.book
        is_corrected = context.analysis.intent == "correct"
        only = book.repairs.about_product if is_corrected else ()
        sayings = sayings_again(book, context.facts.last_replies, only=only)
        context.explain(step=self.step_name, again=[each.response for each in sayings])
        if not is_corrected and sayings:
            speaker.say("utter_say_again")
        elif not is_corrected:
            speaker.say("utter_clarify")
        for saying in sayings:
            said = {} if is_corrected else dict(saying.facts)
            speaker.repeat(saying.response, {**context.known_facts(), **said})
        if is_corrected and not sayings:
            speaker.say("utter_product_corrected", context.known_facts())
        return set_slots(**_state(context))


class ReturnToQuestion(Step):
    """After a digression, put the open question again in other words."""

    step_name = "action_return_to_question"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Ask once more; a customer who keeps asking other things is not pressed."""
        question = open_question(context.book, context.facts.last_replies)
        is_corrected = context.analysis.intent == "correct"
        is_due = question is not None and (
            is_corrected
            or should_put_again(context.book.repairs, context.facts, question.response, context.now)
        )
        context.explain(step=self.step_name, is_due=is_due)
        if question is not None and is_due:
            speaker.repeat(question.response, {**context.known_facts(), **question.facts})
        elif is_corrected:
            speaker.say("utter_product_corrected", context.known_facts())
        return set_slots(**_state(context))


class TakeCorrection(Step):
    """The customer meant another product: from now on the talk is about that one; say nothing."""

    step_name = "action_take_correction"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Open an answered objection again, and one that only lacked the product."""
        entry = context.objection
        context.explain(step=self.step_name, product=context.product_id)
        kind = entry.kind if entry else ""
        lacked = kind in KINDS_THAT_NEED_A_PRODUCT and context.facts.product_id is None
        if entry is not None and (entry.state == "answered" or lacked):
            context.move_objection("reopened")
        return set_slots(facts_known=context.product is not None, **_state(context))


class CorrectCallBack(Step):
    """Put the number or the time of a call-back right that is noted already."""

    step_name = "action_correct_call_back"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Change the task; repeat what has changed."""
        phone = read_contact(context.text, context.analysis, is_asked=False) or ""
        due = "" if phone else _time_said(context)
        times = times_of_call_back(context, due) if due else None
        context.commands.append(CorrectTask(CALL_BACK, contact=phone, due=due, times=times))
        speaker.say("utter_call_back_corrected", put_right=phone or due)
        return set_slots(**_state(context))


def _time_said(context: TurnContext) -> str:
    dates = [each for each in context.analysis.entities if each["entity"] == "date"]
    return str(dates[0]["value"]) if dates else ""


def _state(context: TurnContext) -> dict[str, Any]:
    """Say again how the objection stands, so that stories find the way on from here."""
    if not context.ledger:
        return {}
    state, _ = projected_state(context.ledger)
    return {"objection_state": state}
