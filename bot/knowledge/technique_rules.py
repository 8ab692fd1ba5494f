"""How the choice among techniques learns: the block `learning` of `techniques.yml`, with defaults.

A shop that has no such block learns by the numbers here. Nothing here knows a technique.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

from bot.knowledge.loader import read_yaml

TECHNIQUES = Path(__file__).parent / "book" / "techniques.yml"

Strength = Annotated[float, Meta(gt=0.0, le=1000.0)]


class Learning(Struct, frozen=True, forbid_unknown_fields=True):
    """How fast outcomes change what is believed of a technique.

    Attributes:
        prior_strength: how many outcomes the `fits` of the book weigh as much as.
        cell_strength: how many outcomes of a cell weigh as much as all that is known of its kind.
        exploration: share of choices that are drawn among all eligible techniques; 0 for none.
        horizon_quarters: outcomes of this quarter of the year and of so many before it count.
        idle_hours: after so long a silence a use without an outcome was in vain.
    """

    prior_strength: Strength = 8.0
    cell_strength: Strength = 8.0
    exploration: Annotated[float, Meta(ge=0.0, le=0.5)] = 0.0
    horizon_quarters: Annotated[int, Meta(ge=1, le=40)] = 4
    idle_hours: Annotated[int, Meta(ge=1, le=720)] = 48


class _LearningBlock(Struct, frozen=True):
    """`techniques.yml`, as far as this module reads it."""

    learning: Learning = Learning()


@lru_cache(maxsize=1)
def load_learning() -> Learning:
    """Return the numbers of the book, read and checked once a process.

    Raises:
        ShopDataError: with file, line and field.
    """
    return read_yaml(TECHNIQUES, _LearningBlock).learning
