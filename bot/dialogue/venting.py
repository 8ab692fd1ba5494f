"""When a complainer has let out their anger, and why one would rather not complain. Pure.

No solution before the venting is done, for it will not be heard (D-CMP-5); how long is listened is
paced by the reaction (D-CMP-3).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from bot.dialogue.turn import CaseView, MessageAnalysis
from bot.knowledge.complaint_rules import Barrier, ComplaintBook
from bot.language.normalise import clean

CALM = "calm"
COMPLAINT = "complaint_"
ANGRY = "angry"
HOT = (ANGRY, "grumbling")
LISTENED = "utter_listen_case"
MOST_CHARS = 400
BARRIER_CHARS = 60  # who gives a reason not to complain is brief
TELLING = ("deny", "inform", "nlu_fallback", "thank", "goodbye", "chitchat")
OPENING = ("utter_open_case", "utter_open_again")


def listened_so_far(responses: Sequence[str]) -> int:
    """Return how many messages of the open case were listened to already.

    Args:
        responses: what was said, newest first.
    """
    count = 0
    for response in responses:
        if response in OPENING:
            break
        count += response == LISTENED
    return count


def has_vented(
    book: ComplaintBook,
    reaction: str | None,
    analyses: Sequence[MessageAnalysis],
    listened: int,
) -> bool:
    """Tell whether the customer has let it out, so that facts may be asked now.

    Args:
        reaction: of the case; None: nothing showed.
        analyses: of this turn's messages.
        listened: how many of their messages were listened to before this turn.
    """
    pace = book.pace[reaction or CALM]
    if listened >= pace.most:
        return True
    is_angry = any(each.reaction == ANGRY for each in analyses)
    if any(_names_remedy(each) for each in analyses) and not is_angry:
        return True
    if any(each.reaction in HOT and each.intent.startswith(COMPLAINT) for each in analyses):
        return False
    tells_more = any(each.intent.startswith(COMPLAINT) for each in analyses)
    return listened >= pace.least or not tells_more


def _names_remedy(analysis: MessageAnalysis) -> bool:
    """Tell whether a message says what is wanted: then it can be asked for the rest."""
    return any(entity["entity"] == "remedy" for entity in analysis.entities)


def heard_in_case(book: ComplaintBook, case: CaseView, analysis: MessageAnalysis, text: str) -> str:
    """Return what a message does to an open case, whatever else it says; '' for nothing.

    `alarm`: harm or a threat that was not known (D-CMP-4, 9); `barrier`: D-CMP-13.
    """
    is_hurt = "bodily" in analysis.harm and case.severity != "bodily"
    if is_hurt or (analysis.threats and not case.crisis):
        return "alarm"
    may_be = analysis.intent.startswith(("complaint_", "objection_")) or analysis.intent in TELLING
    return "barrier" if may_be and not case.is_grave and barrier_in(book, text) else ""


def barrier_in(book: ComplaintBook, text: str) -> Barrier | None:
    """Return why the customer would rather not complain, if they say so (D-CMP-13)."""
    plain = clean(text, MOST_CHARS)
    if len(plain) > BARRIER_CHARS:
        return None
    for barrier in get_args(Barrier):
        if any(word in plain for word in book.cues.barriers.get(barrier, ())):
            return barrier  # type: ignore[no-any-return]
    return None
