"""What came of a technique: judged by the customer's next words, when they come.

| outcome | when, the first that holds |
|---|---|
| complained | a complaint case is opened |
| settled | the customer says, or shows by a button, that the objection is settled |
| left | the customer wants no more offers, says good-bye or asks for a person |
| repeated | the same kind of objection again, or 'no, that does not settle it' |
| left | a plain no, or a brush-off takes the place of the objection |
| repeated | another objection takes its place, and the answered one is now held for a pretext, |
|  | a cover or an unseen need: answering it as worded was wasted (D-OBJ-4) |
| moved_forward | another objection takes its place, and this one was meant |
| moved_forward | a day, a call or an answer is promised; a buying signal; a question about the |
|  | product, price, delivery, order or after-sales; an answer to the technique's own question |
| repeated | another technique is needed |
| left | a step of the dialogue gives the objection up |
| unknown | anything else: small talk, what was not understood, a mere 'thank you' |

The unknown is asked of again after the next message. Moving forward is not the last word: should
the customer say later that it is settled, or raise it again before another technique is used, that
takes its place. After `idle_hours` of silence a use without an outcome was in vain (`left`), unless
the customer has ordered since: then the act settled it.
Success is what `SUCCESSES` names. Pure; nothing here says what the bot does next.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bot.dialogue.truth import PREFIX
from bot.dialogue.turn import (
    Command,
    CreateTask,
    LedgerEntry,
    MakePromise,
    MessageAnalysis,
    OpenCase,
    Outcome,
    RecordOutcome,
    RecordTechnique,
    RefuseContact,
    UpdateObjection,
)

SUCCESSES: frozenset[Outcome] = frozenset({"settled", "moved_forward"})
GOING = frozenset({"goodbye", "request_human"})
GOING_ON = frozenset(
    {
        "ask_product",
        "ask_price",
        "ask_delivery",
        "ask_order",
        "ask_after_sales",
        "buying_signal",
        "request_call_back",
    }
)
ANSWERS = frozenset({"inform", "affirm"})
NOT_MEANT = frozenset({"false", "unseen", "hidden"})


def outcomes_of(
    before: Iterable[LedgerEntry],
    commands: Sequence[Command],
    analysis: MessageAnalysis,
    analyses: Sequence[MessageAnalysis] = (),
) -> list[RecordOutcome]:
    """Return the outcomes that a turn has brought to light.

    Args:
        before: the ledger as it stood before the turn.
        commands: what the turn wants done.
        analysis: by which the turn's last step was decided.
        analyses: of its single messages, which may have said more.
    """
    found = []
    for entry in before:
        if entry.awaits_outcome:
            outcome = outcome_of(entry, commands, analysis, analyses)
            if outcome is not None:
                found.append(RecordOutcome(entry.number, outcome))
    return found


def outcome_of(
    before: LedgerEntry,
    commands: Sequence[Command],
    analysis: MessageAnalysis,
    analyses: Sequence[MessageAnalysis] = (),
) -> Outcome | None:
    """Return what came of the last technique on one objection; None while it is not known."""
    moves = [
        command.entry
        for command in commands
        if isinstance(command, UpdateObjection) and command.entry.number == before.number
    ]
    states = {entry.state for entry in moves}
    if any(isinstance(command, OpenCase) for command in commands):
        return "complained"
    if "settled" in states:
        return "settled"
    heard = [analysis, *analyses]
    intents = {each.intent for each in heard}
    if intents & GOING or any(isinstance(each, RefuseContact) for each in commands):
        return "left"
    if "reopened" in states or f"{PREFIX}{before.kind}" in intents:
        return "repeated"
    if f"{PREFIX}excuse" in intents or any(each.refusal != "none" for each in heard):
        return "left"
    if any(each.startswith(PREFIX) for each in intents):
        label = (moves[-1] if moves else before).belief.label
        return "repeated" if label in NOT_MEANT else "moved_forward"
    if _goes_on(commands, heard):
        return "moved_forward"
    is_nodded_at = "affirm" in intents and "left" in states
    if before.state == "probed" and intents & ANSWERS and not is_nodded_at:
        return "moved_forward"
    if any(isinstance(c, RecordTechnique) and c.objection == before.number for c in commands):
        return "repeated"
    return "left" if "left" in states else None


def takes_its_place(known: Outcome | None, outcome: Outcome) -> bool:
    """Tell whether a use whose outcome is known, or not yet, gets this one."""
    return known is None or (known == "moved_forward" and outcome in ("settled", "repeated"))


def _goes_on(commands: Sequence[Command], analyses: Sequence[MessageAnalysis]) -> bool:
    is_promised = any(isinstance(command, (CreateTask, MakePromise)) for command in commands)
    return is_promised or any(each.intent in GOING_ON or each.buying_signals for each in analyses)
