"""Steps that propose a solution, negotiate it both ways, sum up what was agreed (D-CMP-5, 6)."""

from __future__ import annotations

from msgspec.structs import replace

from actions.cases import account_in, add_to_case, case_facts, move_case, told_account
from actions.step import Events, Speaker, Step, set_slots
from bot.dialogue.case_talk import accepted, offered, projected_case, recourse_outside
from bot.dialogue.complaint import amounts_in
from bot.dialogue.complaint_facts import days_since
from bot.dialogue.promises import say_moment, usual_due
from bot.dialogue.remedies import Claim, Offer, RemedyPlan, plan_remedies
from bot.dialogue.turn import CaseView, ProposalView
from bot.dialogue.wishes import OPEN, implied_wish, wish_of
from bot.engine.context import TurnContext

REMEDY = "remedy"
SOFT_WISHES = ("care", "explanation", "coupon", "points", "shipping")  # others are exact
MOST_WORDS = 500
TOO_LITTLE = ("objection_price", "objection_finance")  # the same once more is no answer
ENOUGH_REFUSED = 2  # then somebody higher decides, and we say where else one may turn


class ProposeRemedy(Step):
    """Say what we can do, if policy lets the bot grant it at once; else say nothing."""

    step_name = "action_propose_remedy"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Propose the best there is, with what goes with it."""
        case = context.open_case
        plan = plan_of(context)
        is_ours = case is not None and self._is_ours(context, case)
        offer = plan.at_once if is_ours and is_fitting(plan, wish_in(context)) else None
        if offer is None or not self._put(context, offer, plan.moral):
            return set_slots(asked="none", **projected_case(context.open_case))
        told = {"moral_text": plan.moral.text} if plan.moral and not plan.moral.approver else {}
        speaker.say("utter_propose_remedy", told, remedy_text=offer.text)
        return set_slots(asked="none", **projected_case(context.open_case))

    @staticmethod
    def _is_ours(context: TurnContext, case: CaseView) -> bool:
        """Tell whether nobody of the shop has taken the case into their hands."""
        is_taken = case.is_with_people or case.owner not in ("", *context.book.complaints.teams)
        return not (is_taken or case.is_grave or len(refused_in(context)) >= ENOUGH_REFUSED)

    @staticmethod
    def _put(context: TurnContext, offer: Offer, moral: Offer | None) -> bool:
        """Decide, propose and communicate; tell whether all of it is legal."""
        before, asked_for = context.open_case, list(context.commands)
        account = told_account(context, account_in(context))
        is_put = before is not None and (
            "decision" in before.known
            or (
                move_case(context, "investigate", finding=account or offer.reason)
                and move_case(
                    context,
                    "decide",
                    outcome="accept",
                    reasonable=True,
                    must=True,
                    able=True,
                    reason=offer.reason,
                    how=offer.text,
                )
            )
        )
        is_put = (
            is_put
            and move_case(
                context,
                "propose",
                kind=offer.remedy.kind,
                text=offer.text,
                limit=offer.remedy.limit,
                value_fen=offer.value_fen,
                remedy=offer.remedy.id,
            )
            and move_case(context, "communicate")
        )
        if not is_put or before is None or context.open_case is None:
            context.open_case, context.commands = before, asked_for
            return False
        ordinal = max((each.ordinal for each in before.proposals), default=0) + 1
        put = ProposalView(ordinal, offer.remedy.kind, offer.text, "offered", offer.value_fen)
        context.open_case = replace(context.open_case, proposals=(*before.proposals, put))
        context.explain(proposal=offer.remedy.id, reason=offer.reason, value_fen=offer.value_fen)
        return True


class PassOnCase(Step):
    """What the bot may not grant goes to whoever may, with a deadline we stand by (D-CMP-5)."""

    step_name = "action_pass_on_case"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Say who decides and by when; after several refusals, where else one may turn."""
        case = context.open_case
        if case is None:
            return []
        wish = wish_in(context)
        later = [x for x in plan_of(context).later if not wish or wish in x.remedy.meets]
        later = [x for x in later if x.remedy.value != "asked"]  # what they ask raises no hopes
        later = [] if context.analysis.intent in TOO_LITTLE else later
        context.explain(step=self.step_name, later=[each.remedy.id for each in later])
        case_words = case_facts(context)
        if len(refused_in(context)) >= ENOUGH_REFUSED or case.customer_answer == "rejected":
            move_case(context, "escalate", why="the customer has turned down what was offered")
            ways = context.book.complaints.account_separator.join(recourse_outside())
            speaker.say("utter_pass_on_case", case_words, asks="again", recourse=ways)
        elif later:
            speaker.say("utter_pass_on_case", case_words, asks="applied", remedy_text=later[0].text)
        else:
            speaker.say("utter_pass_on_case", case_words)
        return set_slots(asked="none")


class AcceptRemedy(Step):
    """The customer agrees: support it (D-CMP-6)."""

    step_name = "action_accept_remedy"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Note it in the customer's name; it is a promise from now on."""
        add_to_case(context)
        case = context.open_case
        if case is None:
            return []
        on_table = offered(case)
        ordinal = {"proposal": on_table[-1].ordinal} if on_table else {}
        is_noted = move_case(
            context, "accept", role="customer", words=context.text[:MOST_WORDS], **ordinal
        )
        if is_noted and context.open_case is not None:
            proposals = tuple(
                replace(each, state="accepted") if on_table and each is on_table[-1] else each
                for each in case.proposals
            )
            context.open_case = replace(context.open_case, proposals=proposals)
        return set_slots(asked="none", **projected_case(context.open_case))


class SummariseCase(Step):
    """Sum up what was agreed and by when; say how it goes on (D-CMP-5)."""

    step_name = "action_summarise_case"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Name remedy, day and number."""
        case = context.open_case
        agreed_words = case_facts(context)
        agreed = accepted(case) if case else []
        rules = context.book.promises
        due_at = usual_due(rules, REMEDY, context.shop.hours, context.now)
        is_owed = any(each.kind == "material" for each in agreed)
        if agreed and due_at is not None and is_owed:
            due = say_moment(rules, due_at, context.now)
            speaker.say("utter_summarise_case", agreed_words, asks="due", due=due)
        elif agreed:
            speaker.say("utter_summarise_case", agreed_words, asks="agreed")
        else:
            speaker.say("utter_summarise_case", agreed_words)
        return []


class AskMissing(Step):
    """The customer does not agree: find what is missing (D-CMP-6)."""

    step_name = "action_ask_missing"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Ask one open question."""
        add_to_case(context)
        speaker.say("utter_ask_missing", case_facts(context))
        return set_slots(asked="case_missing")


class WeighCounter(Step):
    """The customer wants something else: note it; the next step weighs it (D-CMP-6)."""

    step_name = "action_weigh_counter"

    def take(self, context: TurnContext, speaker: Speaker) -> Events:
        """Note refusal or counter-proposal in the customer's words; say nothing yet."""
        add_to_case(context)
        case = context.open_case
        if case is None:
            return []
        rules = context.book.complaints
        wish = wish_of(rules, context.analysis, context.text, is_asked=True)
        on_table, words = offered(case), context.text.strip()[:MOST_WORDS] or OPEN
        if wish or context.analysis.intent not in ("deny", "cancel"):
            is_noted = move_case(context, "counter", role="customer", words=words)
        else:
            is_noted = move_case(context, "reject", role="customer", words=words)
        if is_noted and context.open_case is not None:
            context.open_case = replace(
                context.open_case,
                proposals=tuple(each for each in case.proposals if each not in on_table),
                turned_down=(*case.turned_down, *(each.text for each in on_table)),
            )
        return set_slots(
            asked="none",
            case_wish=wish or OPEN,  # what they wanted before is what they turn down
            **projected_case(context.open_case),
        )


def wish_in(context: TurnContext) -> str:
    """Return what the customer wants, '' where it is unknown or left to us."""
    wish = account_in(context).case_wish
    return "" if wish == OPEN else wish


def is_fitting(plan: RemedyPlan, wish: str) -> bool:
    """Tell whether what the bot may offer is no second best to what a person may grant."""
    meets = plan.at_once is not None and wish in plan.at_once.remedy.meets
    is_soft = wish in SOFT_WISHES and not any(wish in each.remedy.meets for each in plan.later)
    return not wish or meets or is_soft


def refused_in(context: TurnContext) -> tuple[str, ...]:
    """Return what the customer has turned down, without what they want after all.

    What they turn down in this turn they do not want, whatever its name.
    """
    case, began, wish = context.open_case, context.facts.open_case, wish_in(context)
    if case is None:
        return ()
    *earlier, last = case.turned_down or ("",)
    if began is not None and len(case.turned_down) == len(began.turned_down):
        earlier, last = list(case.turned_down), ""
    met = [each for each in context.shop.remedies if wish and wish in each.meets]
    kept = [text for text in earlier if not any(each.is_worded_as(text, "") for each in met)]
    return tuple(text for text in (*kept, last) if text)


def plan_of(context: TurnContext) -> RemedyPlan:
    """Return what may be done about the open case, and by whom."""
    case = context.open_case
    known = account_in(context)
    product = context.shop.product(case.product_id) if case else None
    product = product or context.product
    amounts = amounts_in(context.analyses)
    claim = Claim(
        causes=case.causes if case else (),
        severity=case.severity if case else "slight",
        is_crisis=bool(case and case.crisis),
        wish=wish_in(context) or implied_wish(context.book.complaints, known.case_detail),
        asked_fen=amounts[-1] if amounts else None,
        product=product.name if product else known.case_subject,
        price_fen=product.price_fen if product else None,
        days_since=days_since(known, context.today),
        is_again=bool(case and case.follows),
        turned_down=refused_in(context),
        granted_fen=context.facts.conceded_today_fen,
    )
    return plan_remedies(context.shop.remedies, context.shop.limits, context.shop.policies, claim)
