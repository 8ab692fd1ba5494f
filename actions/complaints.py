"""Steps of a complaint as it stands: open the case, listen, tell how it stands (D-CMP-5)."""

from __future__ import annotations

from msgspec.structs import replace

from actions.step import Events, Speaker, Step, set_slots
from bot.dialogue.case_numbers import case_number
from bot.dialogue.complaint import Assessment, assess, is_graver, say_deadline
from bot.dialogue.turn import AddToCase, CaseView, MessageAnalysis, OpenCase
from bot.engine.context import TurnContext

PREFIX = "complaint_"
OBJECTION = "objection_"


class OpenComplaintCase(Step):
    """Open one case at once: number, causes, severity, deadline; apologise in full."""

    step_name = "action_open_case"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Open it; say sorry, the number and what happens next."""
        about = _complaints(context)
        assessment = assess(context.book.complaints, about, context.now)
        source = about[0].message_id
        received_at = next(
            each.received_at for each in context.messages if each.message_id == source
        )
        command = OpenCase(
            source_message_id=source,
            number=case_number(source, received_at),
            causes=assessment.causes,
            severity=assessment.severity,
            deadline_at=assessment.deadline_at,
            reaction=assessment.reaction,
            harm=assessment.harm,
            crisis=assessment.is_crisis,
            escalated=assessment.is_urgent,
            product_id=context.product_id,
        )
        context.commands.append(command)
        context.move_all_objections("left")  # nothing is sold now; it is there for later
        context.open_case = CaseView(
            number=command.number,
            stage="receipt",
            causes=command.causes,
            severity=command.severity,
            opened_at=context.now,
            deadline_at=command.deadline_at,
            owner="",
        )
        context.explain(
            step=self.step_name,
            case=command.number,
            causes=command.causes,
            severity=command.severity,
            reaction=command.reaction,
            harm=command.harm,
            crisis=command.crisis,
        )
        if assessment.severity == "bodily":
            speaker.say("utter_bodily_harm")
        else:
            speaker.say("utter_apologise", cause=assessment.causes[0])
        speaker.say(
            "utter_open_case",
            case_number=command.number,
            next_step=assessment.next_step,
            deadline=say_deadline(context.book.complaints, command.deadline_at),
        )
        left = {"objection_state": "left", "asked": "none"} if context.ledger else {}
        return set_slots(complaint_stage="receipt", complaint_urgent=assessment.is_urgent, **left)


class AskCause(Step):
    """Ask gently what happened."""

    step_name = "action_ask_cause"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Ask one open question."""
        speaker.say("utter_ask_cause")
        return []


class ListenCase(Step):
    """Let the customer tell more; everything goes into the case, no solution yet."""

    step_name = "action_listen_case"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Listen; what is graver than it seemed makes the case urgent (D-CMP-4, 9)."""
        found = assess(context.book.complaints, context.analyses, context.now)
        _add_to_case(context, "customer_said", found)
        if found.severity == "bodily":
            speaker.say("utter_bodily_harm")
        else:
            speaker.say("utter_listen_case")
        return set_slots(complaint_urgent=found.is_urgent)


class AcceptDuringCase(Step):
    """A yes or a thank you while the case is open."""

    step_name = "action_accept_during_case"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Take it up briefly."""
        speaker.say("utter_accept_during_case", _case_facts(context))
        return []


class DeferSelling(Step):
    """The complaint comes first; nothing is sold now (design decision 8)."""

    step_name = "action_defer_selling"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Say so; an objection stays in the ledger for later."""
        _add_to_case(context, "asked_beside")
        if context.analysis.intent.startswith(OBJECTION):
            context.keep_for_later(context.analysis, "left")
        speaker.say("utter_defer_selling", _case_facts(context))
        return []


class ReportCase(Step):
    """Tell how the case stands."""

    step_name = "action_report_case"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Tell stage and deadline, or that there is no case."""
        if context.open_case is None:
            speaker.say("utter_no_case")
        else:
            speaker.say("utter_case_progress", _case_facts(context))
        return []


def _complaints(context: TurnContext) -> list[MessageAnalysis]:
    about = [each for each in context.analyses if each.intent.startswith(PREFIX)]
    return about or [context.analysis]


def _add_to_case(context: TurnContext, verb: str, found: Assessment | None = None) -> None:
    case = context.open_case
    if case is None:
        return
    causes = tuple(
        context.book.complaints.causes[each.intent]
        for each in context.analyses
        if each.intent in context.book.complaints.causes
    )
    named = tuple(cause for cause in dict.fromkeys(causes) if cause != "unknown")
    command = AddToCase(case.number, context.analysis.message_id, verb, named)
    if found is not None:
        is_worse = is_graver(found.severity, case.severity)
        command = replace(
            command,
            harm=found.harm,
            crisis=found.is_crisis,
            severity=found.severity if is_worse else None,
            deadline_at=found.deadline_at if is_worse else None,
        )
        context.explain(step=f"case {verb}", severity=found.severity, crisis=found.is_crisis)
    context.commands.append(command)


def _case_facts(context: TurnContext) -> dict[str, str]:
    case = context.open_case
    if case is None:
        return {}
    book = context.book.complaints
    return {
        "case_number": case.number,
        "stage": book.stage_names[case.stage],
        "deadline": say_deadline(book, case.deadline_at),
    }
