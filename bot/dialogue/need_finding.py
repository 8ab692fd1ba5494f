"""Which question finds a need next (D-SEL-3): open → high-gain → closed → imagining. Pure."""

from __future__ import annotations

from typing import Literal

Question = Literal["open", "high_gain", "closed", "imagining"]
LAST_QUESTION: Question = "imagining"
VAGUE_CHARS = 6


def next_question(last: str, answer: str) -> Question:
    """Return the kind of the next question.

    A closed question pins down an answer that was vague; a full answer needs none. The last one
    lets the customer imagine the wished state, and no string of questions follows.

    Args:
        last: the kind of the question before, '' for none.
        answer: what the customer said to it.
    """
    if last == "open":
        return "high_gain"
    if last == "high_gain":
        return "closed" if len(answer.strip()) <= VAGUE_CHARS else "imagining"
    return "imagining" if last == "closed" else "open"
