"""Which question finds a need next (D-SEL-3): open → high-gain → closed → imagining.

Important customers get situation → problem → implication → need-payoff (D-SEL-4). Pure.
"""

from __future__ import annotations

from typing import Literal

Question = Literal[
    "open",
    "high_gain",
    "closed",
    "imagining",
    "situation",
    "problem",
    "implication",
    "payoff",
]
LAST_QUESTIONS: tuple[Question, ...] = ("imagining", "payoff")
SPIN: tuple[Question, ...] = ("situation", "problem", "implication", "payoff")
VAGUE_CHARS = 6


def next_question(last: str, answer: str, *, by_spin: bool = False) -> Question:
    """Return the kind of the next question.

    A closed question pins down an answer that was vague; a full answer needs none. The last one
    lets the customer imagine the wished state, and no string of questions follows.

    Args:
        last: the kind of the question before, '' for none.
        answer: what the customer said to it.
        by_spin: whether to begin by SPIN, for an important customer (D-SEL-4).
    """
    if last in SPIN:
        return SPIN[min(SPIN.index(last) + 1, len(SPIN) - 1)]
    if by_spin and not last:
        return SPIN[0]
    if last == "open":
        return "high_gain"
    if last == "high_gain":
        return "closed" if len(answer.strip()) <= VAGUE_CHARS else "imagining"
    return "imagining" if last == "closed" else "open"
