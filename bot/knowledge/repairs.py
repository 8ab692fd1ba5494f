"""`repairs.yml`: how customers mend a talk, as set phrases and patterns (peers: repair list).

Data only; `bot.dialogue.repairing` reads a message by it. It never trains the model.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Literal

from msgspec import Meta, Struct

Promise = Literal["reminder", "call_back"]
_GROUPS = {"wrong", "right", "slip"}


class Repairs(Struct, frozen=True, forbid_unknown_fields=True):
    """Cues of cancel, say it again, mistyped, correction; what is put or said again."""

    before: list[str]
    after: list[str]
    cancel: list[str]
    plain_no: list[str]
    asks_why_no: str
    cancel_promise: dict[Promise, list[str]]
    again: list[str]
    again_when_asked: list[str]
    misread: list[str]
    mistyped: list[str]
    corrections: list[str]
    bare_value_chars: Annotated[int, Meta(ge=0)]
    spoken_numbers: list[str]
    open_steps: list[str]
    questions: list[str]
    about_product: list[str]
    not_repeated: list[str]
    patience_minutes: Annotated[int, Meta(gt=0)]

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with the patterns, each with its place."""
        for index, pattern in enumerate(self.corrections):
            try:
                groups = set(re.compile(pattern).groupindex)
            except re.error as error:
                yield f"corrections[{index}]: {error}"
                continue
            if "right" not in groups or groups - _GROUPS:
                yield f"corrections[{index}]: needs the group 'right', may have 'wrong', 'slip'"
