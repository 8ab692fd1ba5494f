"""What the steps of a complaint share: record what was said, move the case, keep its facts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal

from actions.step import Events, set_slots
from bot.dialogue.case_talk import accepted, after_move, due_of, obstacle, offered
from bot.dialogue.complaint import (
    CAUSELESS,
    DEALER,
    Assessment,
    assess,
    first_answer_due,
    is_graver,
    say_deadline,
)
from bot.dialogue.complaint_facts import Account, account_of, say_account, slots_of
from bot.dialogue.complaint_hearing import heard_in, put_right
from bot.dialogue.reminding import say_day
from bot.dialogue.repairing import correction_of
from bot.dialogue.turn import AddToCase, CaseView, MessageAnalysis, MoveCase
from bot.dialogue.wishes import is_bare_wish, wish_of
from bot.engine.context import TurnContext

SAID, ASKED_BESIDE = "customer_said", "asked_beside"
TELLING = ("receipt", "acknowledgement")  # later, a refusal sounds like another cause
FACTS = tuple(slots_of(Account()))


def assess_turn(context: TurnContext, about: Sequence[MessageAnalysis]) -> Assessment:
    """Return what these messages of the turn tell of a complaint."""
    text = "\n".join(context.text_of(each) for each in about)
    return assess(context.book.complaints, about, text)


def add_to_case(
    context: TurnContext, verb: str = SAID, found: Assessment | None = None
) -> CaseView | None:
    """Append what the customer says to the open case, once a message; return the case.

    Args:
        found: what is known by it; a graver case has an earlier deadline.
    """
    case, source = context.open_case, context.analysis.message_id
    if case is None:
        return None
    if any(isinstance(x, AddToCase) and x.source_message_id == source for x in context.commands):
        return case
    found = found or assess_turn(context, context.analyses)
    known = context.book.complaints.causes if case.stage in TELLING else {}
    said = [known.get(each.intent, "") for each in context.analyses]
    named = tuple(
        cause
        for cause in dict.fromkeys([*said, DEALER if found.dealer and known else ""])
        if cause not in ("", CAUSELESS)
    )
    is_worse = is_graver(found.severity, case.severity)
    due = first_answer_due(context.shop.hours, found.severity, context.now)
    context.commands.append(
        AddToCase(
            number=case.number,
            source_message_id=source,
            verb=verb,
            causes=named,
            harm=found.harm,
            crisis=found.is_crisis,
            severity=found.severity if is_worse else None,
            deadline_at=due if is_worse else None,
            outlets=found.outlets,
            harm_degrees=found.harm_degrees,
        )
    )
    context.explain(step=f"case {verb}", severity=found.severity, crisis=found.is_crisis)
    return case


def move_case(
    context: TurnContext,
    move: str,
    *,
    role: Literal["bot", "customer"] = "bot",
    **body: Any,
) -> bool:
    """Ask for a move of the open case; tell whether it is legal now."""
    case = context.open_case
    if case is None:
        return False
    why_not = obstacle(case, move, role)
    if why_not:
        context.explain(move=move, obstacle=why_not)
        return False
    source = context.analysis.message_id
    context.commands.append(MoveCase(case.number, move, body, role, source))
    context.open_case = after_move(case, move)
    return True


def account_in(context: TurnContext) -> Account:
    """Return the facts of the complaint as the slots hold them."""
    return account_of({name: str(context.slots.get(name) or "") for name in FACTS})


def heard_account(context: TurnContext) -> Account:
    """Return what this turn's messages and the customer's orders tell."""
    said = [(put_right_in(context, each), context.text_of(each)) for each in context.analyses]
    product = product_named(context) if context.named_products else ""
    say = partial(say_day, context.book.language)
    case = context.open_case
    rules = context.book.complaints
    heard = heard_in(
        rules,
        said,
        product,
        context.facts.orders,
        say,
        has_dealer=case is not None and DEALER in case.causes,
    )
    if case is not None and is_bare_wish(rules, context.analysis, context.text):
        wish = wish_of(rules, context.analysis, context.text, is_asked=True)
        return replace(heard, case_wish=wish)
    return heard


def put_right_in(context: TurnContext, analysis: MessageAnalysis) -> MessageAnalysis:
    """Return an analysis without what the customer takes back."""
    text = context.text_of(analysis)
    correction = correction_of(context.book.repairs, text)
    right = correction.right if correction else ""
    return put_right(context.book.complaints, analysis, text, right)


def product_named(context: TurnContext) -> str:
    """Return the product in talk as people call it, '' without one."""
    product = context.product
    if product is None:
        return ""
    return product.aliases[0] if product.aliases else product.name


def keep_account(account: Account) -> Events:
    """Return the events that keep the facts."""
    return set_slots(**{name: value or None for name, value in slots_of(account).items()})


def told_account(context: TurnContext, account: Account) -> str:
    """Return the facts as they are repeated back, '' where nothing is known."""
    return say_account(context.book.complaints, account)


def case_facts(context: TurnContext) -> dict[str, str]:
    """Return what a wording may say of the open case."""
    case = context.open_case
    if case is None:
        return {}
    book = context.book.complaints
    facts = {
        "case_number": case.number,
        "stage": book.stage_names[case.stage],
        "deadline": say_deadline(book, due_of(case, context.now)),
        "owner_name": book.teams.get(case.owner, case.owner),
    }
    on_table = offered(case) or accepted(case)
    if on_table:
        facts["remedy_text"] = on_table[-1].text
    return facts
