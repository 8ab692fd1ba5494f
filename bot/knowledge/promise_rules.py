"""The rules of promises: who keeps which, by when, and from when on it is broken (D-CUS-11).

They lie in `book/promises.yml`; a new kind of promise needs no Python. No rule here grants
anything: what may be promised, the limits of the shop decide.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta, Struct

from bot.knowledge.objection_rules import Id

FIND_OUT, CALL_BACK, REMINDER = "find_out", "call_back", "reminder"
MADE_BY_STEPS = (FIND_OUT, CALL_BACK, REMINDER)  # steps of the talk make these

Minutes = Annotated[int, Meta(gt=0, le=60_000)]
Owner = Annotated[str, Meta(min_length=1, max_length=80)]
Format = Annotated[str, Meta(min_length=1, max_length=40)]


class PromiseRule(Struct, frozen=True, forbid_unknown_fields=True):
    """One kind of promise. All minutes are minutes of the shop's opening hours.

    Attributes:
        owner: the role or team that keeps it, or `bot`.
        due_minutes: until then, where no day was agreed on.
        grace_minutes: so long after it was due, it is late; then it is broken.
        remind_minutes: so long before it is due, its owner is reminded; left out: nobody is.
        is_renewed: if broken, the bot apologises and names another day, once; then a person takes
            over.
    """

    owner: Owner
    due_minutes: Minutes
    grace_minutes: Annotated[int, Meta(ge=0, le=60_000)]
    remind_minutes: Minutes | None = None
    is_renewed: bool = False


class PromiseRules(Struct, frozen=True, forbid_unknown_fields=True):
    """`promises.yml`.

    Attributes:
        round_minutes: what is due falls on a multiple of this past midnight, as people say it.
        today, tomorrow, later: how a moment is said.
    """

    round_minutes: Annotated[int, Meta(gt=0, le=60)]
    today: Format
    tomorrow: Format
    later: Format
    kinds: dict[Id, PromiseRule]

    def problems(self) -> Iterator[str]:
        """Yield what is wrong, each beginning with its field."""
        for name in MADE_BY_STEPS:
            if name not in self.kinds:
                yield f"kinds: {name!r} is missing, and the assistant makes such promises"
        for name in ("today", "tomorrow", "later"):
            try:
                getattr(self, name).format(month=1, day=1, hour=1, minute=1)
            except (KeyError, ValueError, IndexError):
                yield f"{name}: may use {{month}}, {{day}}, {{hour}} and {{minute}} alone"
