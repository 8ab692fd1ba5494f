"""Steps of a complaint before its facts are known, and beside them (D-CMP-5, 13)."""

from __future__ import annotations

from dataclasses import asdict

from msgspec.structs import replace

from actions.cases import (
    account_in,
    add_to_case,
    assess_turn,
    case_facts,
    heard_account,
    keep_account,
    move_case,
    told_account,
)
from actions.step import Events, Speaker, Step, end_form, set_slots
from bot.dialogue.case_numbers import case_number
from bot.dialogue.case_talk import ACCEPTED, NEW, OFFERED, projected_case, same_trouble
from bot.dialogue.complaint import CAUSELESS, first_answer_due, say_deadline
from bot.dialogue.turn import CaseView, MessageAnalysis, OpenCase
from bot.dialogue.venting import HOT, barrier_in, has_vented, listened_so_far
from bot.engine.context import TurnContext

PREFIX = "complaint_"
OBJECTION = "objection_"
RESIGNED = "resigned"
BODILY = "bodily"


class OpenComplaintCase(Step):
    """Open one case at once: number, causes, severity, deadline; apologise in full."""

    step_name = "action_open_case"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Open it; say sorry, the number and what happens next."""
        about = _complaints(context)
        found = assess_turn(context, about)
        source = about[0].message_id
        received_at = next(
            each.received_at for each in context.messages if each.message_id == source
        )
        earlier = same_trouble(context.facts.earlier_cases, found.causes, context.product_id)
        command = OpenCase(
            source_message_id=source,
            number=case_number(source, received_at),
            causes=found.causes,
            severity=found.severity,
            deadline_at=first_answer_due(context.shop.hours, found.severity, context.now),
            reaction=found.reaction,
            harm=found.harm,
            crisis=found.is_crisis,
            escalated=found.is_urgent,
            product_id=context.product_id,
            outlets=found.outlets,
            harm_degrees=found.harm_degrees,
        )
        context.commands.append(command)
        context.move_all_objections("left")  # nothing is sold now; it is there for later
        case = context.open_case = CaseView(
            number=command.number,
            stage="receipt",
            causes=command.causes,
            severity=command.severity,
            opened_at=context.now,
            deadline_at=command.deadline_at,
            owner="",
            known=(*NEW, *(("causes",) if CAUSELESS not in command.causes else ())),
            reaction=command.reaction,
            crisis=command.crisis,
            product_id=command.product_id,
            follows=earlier.number if earlier else "",
        )
        context.explain(step=self.step_name, case=command.number, **asdict(found))
        self._apologise(context, speaker, case)
        speaker.say(
            "utter_open_case",
            case_number=command.number,
            next_step=found.next_step,
            deadline=say_deadline(context.book.complaints, command.deadline_at),
        )
        vented = has_vented(context.book.complaints, found.reaction, about, listened=0)
        return [
            *set_slots(
                **projected_case(case),
                complaint_urgent=found.is_urgent,
                complaint_vented=vented and not found.is_urgent,
                asked="none",
                **({"objection_state": "left"} if context.ledger else {}),
            ),
            *keep_account(heard_account(context)),
        ]

    @staticmethod
    def _apologise(context: TurnContext, speaker: Speaker, case: CaseView) -> None:
        """Say what this complaint wants to hear first (D-CMP-3, 4, 9, 10, 13)."""
        barrier = barrier_in(context.book.complaints, context.text)
        if case.severity == BODILY:
            speaker.say("utter_bodily_harm")
        elif case.crisis:
            speaker.say("utter_take_threat")
        elif case.follows:
            speaker.say("utter_open_again", earlier_number=case.follows)
        elif barrier is not None or case.reaction == RESIGNED:
            speaker.say("utter_answer_barrier", barrier=barrier or "no_use")
        else:
            speaker.say("utter_apologise", cause=case.causes[0])


class AskCause(Step):
    """Ask gently what happened."""

    step_name = "action_ask_cause"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Ask one open question."""
        speaker.say("utter_ask_cause")
        return []


class ListenCase(Step):
    """Let the customer tell more; everything goes into the case, no solution yet (D-CMP-5)."""

    step_name = "action_listen_case"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Listen, as long as the reaction wants it; what was told is kept."""
        case = add_to_case(context)
        if case is None:
            return []
        vented = not context.active_loop and self._is_over(context, case)
        is_heard_out = case.stage == "receipt" and not case.is_grave
        is_hot = any(each.reaction in HOT for each in context.analyses)
        if (is_heard_out and not vented) or (context.active_loop and is_hot):
            speaker.say("utter_listen_case", case_facts(context))
        elif not vented:
            speaker.say("utter_noted_in_case", case_facts(context))
        known, new = account_in(context), heard_account(context)
        is_put_right = context.analysis.intent == "correct"
        account = new.with_more(known) if is_put_right else known.told_more(new)
        return [*set_slots(complaint_vented=vented), *keep_account(account)]

    @staticmethod
    def _is_over(context: TurnContext, case: CaseView) -> bool:
        if case.is_grave:  # a person takes it up; until then we listen
            return False
        if case.stage == "acknowledgement":
            return context.slots.get("asked") == "none"
        if case.stage != "receipt":
            return False
        if context.analysis.intent in ("affirm", "thank"):
            return True
        listened = listened_so_far(context.responses_said)
        return has_vented(context.book.complaints, case.reaction, context.analyses, listened)


class RaiseAlarm(Step):
    """Harm or a threat came up while the case was open: a person at once (D-CMP-4, 9)."""

    step_name = "action_raise_alarm"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Record it; say what to do first."""
        found = assess_turn(context, context.analyses)
        case = add_to_case(context, found=found)
        if case is not None:  # from now on it is grave for every step
            severity = BODILY if found.severity == BODILY else case.severity
            is_crisis = case.crisis or found.is_crisis
            context.open_case = replace(case, severity=severity, crisis=is_crisis)
        if found.severity == BODILY:
            speaker.say("utter_bodily_harm")
        else:
            speaker.say("utter_take_threat")
        return [*set_slots(asked="none", **projected_case(context.open_case)), *end_form()]


class AnswerBarrier(Step):
    """Answer why the customer would rather not complain (D-CMP-13)."""

    step_name = "action_answer_barrier"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Answer it; what was told beside it is kept."""
        add_to_case(context)
        barrier = barrier_in(context.book.complaints, context.text) or "no_use"
        speaker.say("utter_answer_barrier", case_facts(context), barrier=barrier)
        return keep_account(account_in(context).told_more(heard_account(context)))


class AcceptDuringCase(Step):
    """A yes or a thank you while the case is worked on."""

    step_name = "action_accept_during_case"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Take it up briefly; a form asks its question again by itself."""
        if context.active_loop:
            return []
        speaker.say("utter_accept_during_case", case_facts(context))
        return []


class DeferSelling(Step):
    """The complaint comes first; nothing is sold now (design decision 8)."""

    step_name = "action_defer_selling"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Say so; an objection stays in the ledger for later."""
        add_to_case(context, "asked_beside")
        if context.analysis.intent.startswith(OBJECTION):
            context.keep_for_later(context.analysis, "left")
        speaker.say("utter_defer_selling", case_facts(context))
        return []


class ReportCase(Step):
    """Tell how the case stands."""

    step_name = "action_report_case"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Tell stage and deadline, that it is closed, or that there is none."""
        proposal = context.slots.get("proposal")
        if context.open_case is not None and proposal == OFFERED:
            speaker.say("utter_case_progress", case_facts(context), asks="proposal")
        elif context.open_case is not None and proposal == ACCEPTED:
            speaker.say("utter_case_progress", case_facts(context), asks="agreed")
        elif context.open_case is not None:
            speaker.say("utter_case_progress", case_facts(context))
        elif context.facts.earlier_cases:
            last = context.facts.earlier_cases[0]
            stage = context.book.complaints.stage_names[last.stage]
            speaker.say("utter_case_closed", case_number=last.number, stage=stage)
        else:
            speaker.say("utter_no_case")
        return []


class ReturnToCase(Step):
    """After a digression, put again what the case waits for; a form does so by itself."""

    step_name = "action_return_to_case"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Ask once more, in other words, if anything is asked at all."""
        asked, case_words = context.slots.get("asked"), case_facts(context)
        if context.active_loop:
            return []
        if asked == "case_facts":
            account = told_account(context, account_in(context))
            if account:
                speaker.say("utter_return_to_case", asks="facts", account=account)
            else:
                speaker.say("utter_return_to_case", asks="bare")
        elif asked == "case_wish":
            speaker.say("utter_return_to_case", asks="wish")
        elif asked == "case_missing":
            speaker.say("utter_return_to_case", asks="missing")
        elif context.slots.get("proposal") == OFFERED and "remedy_text" in case_words:
            speaker.say("utter_return_to_case", case_words, asks="proposal")
        return []


class KeepCase(Step):
    """'Never mind' while a complaint is open: the case is worked on all the same (D-CMP-13)."""

    step_name = "action_keep_case"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Say so; nothing more is asked, and who works on it has what is known."""
        case = add_to_case(context)
        if case is None:
            return []
        account = told_account(context, account_in(context))
        if case.stage == "receipt":
            move_case(context, "acknowledge")
        if context.open_case is not None and context.open_case.stage == "acknowledgement":
            move_case(context, "assess", account=account)
        speaker.say("utter_keep_case", case_number=case.number)
        return [*set_slots(asked="none", **projected_case(context.open_case)), *end_form()]


def _complaints(context: TurnContext) -> list[MessageAnalysis]:
    about = [each for each in context.analyses if each.intent.startswith(PREFIX)]
    return about or [context.analysis]
