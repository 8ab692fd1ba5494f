"""Several messages in one turn: which are served, in what order, and which wait. Pure.

Each message must be plain by itself; a sentence typed in pieces is none of this and is read as one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from bot.dialogue.truth import PREFIX
from bot.dialogue.turn import MessageAnalysis

QUESTIONS = (
    "ask_product",
    "ask_price",
    "ask_delivery",
    "ask_order",
    "ask_after_sales",
    "ask_case",
    "bot_challenge",
)
OF_POLICY = ("ask_delivery", "ask_order", "ask_after_sales")
COMPLAINT = "complaint_"
EMPTY = "objection_excuse"
MOST_QUESTIONS = 3
_BETWEEN = re.compile(r"[\s,.;!?\u3002\uff0c\uff01\uff1b\uff1f]+")


@dataclass(frozen=True)
class Order:
    """Places of messages: those served, in order, and objections that wait in the ledger."""

    served: tuple[int, ...] = ()
    waiting: tuple[int, ...] = ()


def serving_order(
    analyses: Sequence[MessageAnalysis],
    urgent: int | None,
    sure: float,
    names: Collection[int] = (),
) -> Order:
    """Return which messages are served: questions as asked, then one objection, which is open last.

    Of several objections the last one said is answered; the others wait and are come back to. A
    brush-off beside a concrete one is dropped. Beside a complaint every objection waits, and of the
    questions those about the shop's policies are answered after it.

    Args:
        urgent: the place of a complaint, or of the wish for a person, which decides alone.
        sure: the confidence from which a message is plain by itself.
        names: places of messages that only name a product; they ask nothing by themselves.
    """
    plain = [
        place for place, each in enumerate(analyses) if place not in names and _is_plain(each, sure)
    ]
    objections = [place for place in plain if analyses[place].intent.startswith(PREFIX)]
    concrete = [place for place in objections if analyses[place].intent != EMPTY] or objections[-1:]
    by_kind = {analyses[place].intent: place for place in concrete}  # the last of each kind
    raised = sorted(by_kind.values())
    if urgent is not None:
        is_complaint = analyses[urgent].intent.startswith(COMPLAINT)
        beside = {analyses[p].intent: p for p in plain if analyses[p].intent in OF_POLICY}
        answered = sorted(beside.values()) if is_complaint else []
        return Order(served=(urgent, *answered), waiting=tuple(raised))
    asked = {analyses[p].intent: p for p in reversed(plain) if analyses[p].intent in QUESTIONS}
    questions = sorted(asked.values())[:MOST_QUESTIONS]
    if len(questions) + len(raised) < 2:
        return Order()
    return Order(served=(*questions, *raised[-1:]), waiting=tuple(raised[:-1]))


def clauses_of(text: str) -> list[str]:
    """Return the clauses of a text, in order, without what stands between them."""
    return [clause for clause in _BETWEEN.split(text) if clause]


def questions_within(
    whole: MessageAnalysis, clauses: Sequence[MessageAnalysis], sure: float
) -> tuple[int, ...]:
    """Return the clauses of one message that ask something beside what the message is about.

    Beside an objection only what the policies answer; beside a question any other question.
    """
    if whole.intent.startswith(PREFIX):
        wanted: tuple[str, ...] = OF_POLICY
    elif whole.intent in QUESTIONS:
        wanted = QUESTIONS
    else:
        return ()
    found: dict[str, int] = {}
    for place, each in enumerate(clauses):
        if each.intent in wanted and each.intent != whole.intent and _is_plain(each, sure):
            found.setdefault(each.intent, place)
    return tuple(found.values())


def _is_plain(analysis: MessageAnalysis, sure: float) -> bool:
    return analysis.clarity == "clear" and analysis.confidence >= sure
