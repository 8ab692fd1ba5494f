"""What the shop has prepared for harm and threats: `crisis.yml` (readiness in the 4R, D-CMP-9).

Who is called, the first steps, what is said and what never, and how fast. Staff read it; no
customer does, so nothing here is said by the assistant.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal, get_args

from msgspec import Meta, Struct

from bot.knowledge.field_types import Text
from bot.knowledge.loader import read_yaml

WORDING = Path(__file__).parent / "book" / "alarm.yml"
Gravity = Literal["harm", "threat"]
Occasion = Literal["harm", "authority", "media", "legal", "spread"]
HARM: Occasion = "harm"
OCCASIONS: tuple[Occasion, ...] = get_args(Occasion)
OUTLETS = OCCASIONS[1:]
Texts = Annotated[list[Text], Meta(min_length=1, max_length=12)]


class Person(Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody who is called: by what name, as what, and by which phone or at which place."""

    name: Text
    role: Text
    reach: Text


class Plan(Struct, frozen=True, forbid_unknown_fields=True):
    """What is done on one occasion.

    Attributes:
        within_minutes: how soon somebody named has spoken with the customer, day and night.
        people: called in this order.
    """

    within_minutes: Annotated[int, Meta(ge=1, le=1440)]
    people: Annotated[list[Person], Meta(min_length=1, max_length=8)]
    steps: Texts
    say: Texts
    never_say: Texts


class CrisisPlans(Struct, frozen=True, forbid_unknown_fields=True):
    """`crisis.yml`: all occasions, or none yet."""

    plans: dict[Occasion, Plan] = {}

    def problems(self) -> Iterator[str]:
        """Yield what is wrong: a shop that has begun to plan plans for every occasion."""
        for occasion in OCCASIONS if self.plans else ():
            if occasion not in self.plans:
                yield f"plans: {occasion!r} is missing"


class AlarmWording(Struct, frozen=True, forbid_unknown_fields=True):
    """`book/alarm.yml`: how alarm and plan are worded for staff."""

    occasions: dict[Occasion, Text]
    gravities: dict[Gravity, Text]
    between: Text
    subject: Text
    body: Annotated[str, Meta(min_length=1, max_length=1000)]
    task: Text
    within: Text
    person: Text
    titles: dict[Literal["people", "steps", "say", "never_say"], Text]
    no_plan: Text


@lru_cache(maxsize=1)
def load_alarm_wording() -> AlarmWording:
    """Read how alarm and plan are worded; once a process.

    Raises:
        ShopDataError: the file has errors.
    """
    return read_yaml(WORDING, AlarmWording)
