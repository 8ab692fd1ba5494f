"""What the bot promises in a step: written down with owner and date (D-CUS-11, D-SEL-12).

No steps by themselves: a step that finds that it does not know, or that somebody is to call or
remind, asks for the promise here. Nothing is promised that the opening hours do not carry.
"""

from __future__ import annotations

from datetime import date, datetime

from actions.step import Speaker
from bot.dialogue.promises import say_moment
from bot.dialogue.promising import Owed, Promising, named_day
from bot.dialogue.turn import MakePromise, PromiseTimes
from bot.engine.context import TurnContext


def promise_answer(context: TurnContext, speaker: Speaker, about: str) -> None:
    """Say honestly that it is not known, and by when the customer hears; write that down.

    Args:
        about: the subject as an id, such as `policy.delivery`: nobody promises the same twice.
    """
    say_owed(context, speaker, owe_answer(context, about))


def owe_answer(context: TurnContext, about: str) -> Owed:
    """Write down that an answer is owed, unless it is already; say nothing."""
    owed = _promising(context).answer(
        context.text, about, is_staff_present=context.facts.staff_present
    )
    if owed.promise is not None:
        context.commands.append(owed.promise)
    context.explain(promise=owed.way, about=about, promise_day=promise_day(context, owed))
    return owed


def say_owed(context: TurnContext, speaker: Speaker, owed: Owed) -> None:
    """Say that it is not known, and how the answer is owed."""
    speaker.say("utter_promise_answer", promise=owed.way, promise_day=promise_day(context, owed))


def promise_day(context: TurnContext, owed: Owed) -> str:
    """Return by when it is owed, as it is said; '' where no day can be named."""
    return say_moment(context.book.promises, owed.due_at, context.now) if owed.due_at else ""


def promise_call_back(context: TurnContext, contact: str, call_time: str) -> None:
    """Write down that the customer is called, by the day they have named."""
    said_now = call_time in context.text
    day = named_day(context.analysis, context.now) if said_now else None
    context.commands.append(_promising(context).call_back(contact, call_time, day))


def times_of_call_back(context: TurnContext, call_time: str) -> PromiseTimes | None:
    """Return by when a call-back is promised that the customer moves to another day."""
    day = named_day(context.analysis, context.now)
    moved = _promising(context).call_back("", call_time, day)
    return moved.times if isinstance(moved, MakePromise) else None


def promise_reminder(context: TurnContext, day: date, moment: datetime) -> None:
    """Write down that the customer is reminded once, on that day (D-OBJ-4)."""
    context.commands.append(_promising(context).reminder(day, moment))


def _promising(context: TurnContext) -> Promising:
    return Promising(
        context.book.promises,
        context.shop.hours,
        context.now,
        context.facts.promises,
        context.commands,
    )
