"""The rules about customers: grades, the aftercare calendar, partial defection.

They lie in `book/customers.yml`, because thresholds, dates and what to ask are the shop's to
decide, not the code's (design decision 6). No rule here names a price, concession or remedy: a
grade never touches money (decision 9).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from string import Formatter
from typing import Annotated, Literal, get_args

from msgspec import Meta, Struct

from bot.errors import ShopDataError
from bot.knowledge.book import BOOK_DIR
from bot.knowledge.loader import line_of, read_yaml
from bot.knowledge.objection_rules import Id

Grade = Literal["vip", "important", "ordinary", "small"]
CareEvent = Literal[
    "placed",
    "dispatch_promised",
    "dispatched",
    "delivered",
    "warranty_ends",
    "runs_out",
    "birthday",
]
IncidentKind = Literal["fault", "low_rating", "unsolved_case"]
Figure = Literal[
    "revenue_share",
    "margin_gap",
    "returns_per_order",
    "cases_per_order",
    "credit_rank",
    "growth_room",
]
GRADES: tuple[Grade, ...] = ("vip", "important", "ordinary", "small")  # from the best downwards
ORDER_FACTS = frozenset(
    "greeting order_number ordered_on products dispatch_on dispatched_on delivered_on".split()
)
PRODUCT_FACTS = frozenset("greeting order_number ordered_on product ends_on".split())
# Before these a reminder helps; after them it is too late.
DEADLINES = frozenset({"warranty_ends", "runs_out"})

Text = Annotated[str, Meta(min_length=1, max_length=300)]
# Short, so that rule, order number and product fit into the 160 characters of a task's origin.
CareId = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,19}$")]
TaskKind = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Count = Annotated[int, Meta(ge=0)]
Positive = Annotated[int, Meta(gt=0)]
Share = Annotated[float, Meta(ge=0.0, le=1.0)]


class GradeRule(Struct, frozen=True, forbid_unknown_fields=True):
    """A grade: from which profit in the window on; without a profit it takes what is left."""

    id: Grade
    name: Text
    strategy: Literal["key", "ordinary", "small"]
    profit_fen: Positive | None = None


class WarningRule(Struct, frozen=True, forbid_unknown_fields=True):
    """When a customer needs a second look: 'big is not always good', 'small may grow'."""

    id: Id
    figure: Figure
    at_least: float
    text: Text
    min_orders: Count = 0
    grades: list[Grade] = []


class ValueRules(Struct, frozen=True, forbid_unknown_fields=True):
    """How X, Y and the grade follow from what a customer bought and asked (D-CUS-1)."""

    window_days: Positive
    assumed_margin: Share
    buys_now_fen: Annotated[list[Positive], Meta(min_length=4, max_length=4)]
    quiet_after_days: Positive
    new_interests: list[Positive]
    household_sizes: list[Positive]
    ordinary_could_buy: Annotated[int, Meta(ge=0, le=4)]
    grades: list[GradeRule]
    strategies: dict[Literal["key", "ordinary", "small"], Text]
    warnings: list[WarningRule]


class CareWording(Struct, frozen=True, forbid_unknown_fields=True):
    """How facts are said in scripts."""

    greeting: Text
    greeting_unnamed: Text
    date_format: Text
    list_separator: Text


class AftercareRule(Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of the aftercare calendar (D-CUS-7, D-SEL-13)."""

    id: CareId
    event: CareEvent
    offset_days: int
    grace_days: Count
    kind: TaskKind
    title: Annotated[str, Meta(min_length=1, max_length=40)]
    scripts: Annotated[list[Text], Meta(min_length=1)]
    questions: list[Text] = []
    needs: list[
        Literal["no_open_case", "not_dispatched", "not_delivered", "durable", "on_sale"]
    ] = []

    @property
    def facts(self) -> frozenset[str]:
        """Names of the facts that its event may know."""
        if self.event == "birthday":
            return frozenset({"greeting"})
        return PRODUCT_FACTS if self.event in DEADLINES else ORDER_FACTS


class DefectionRules(Struct, frozen=True, forbid_unknown_fields=True):
    """When a regular is leaving in silence, and what is asked then (D-CMP-14)."""

    min_orders: Annotated[int, Meta(ge=2)]
    interval_factor: Annotated[float, Meta(gt=1.0)]
    min_gap_days: Positive
    basket_share: Share
    incident_days: Positive
    gone_after_days: Positive
    kind: TaskKind
    incidents: dict[IncidentKind, Text]
    title: Text
    script: Text
    questions: Annotated[list[Text], Meta(min_length=1)]


class CustomerRules(Struct, frozen=True, forbid_unknown_fields=True):
    """`customers.yml`."""

    value: ValueRules
    wording: CareWording
    household_size: Positive
    durable_years: Annotated[float, Meta(ge=0.0)]
    aftercare: list[AftercareRule]
    defection: DefectionRules


def variables(text: str) -> frozenset[str]:
    """Return the names in braces that `text` needs.

    Raises:
        ValueError: a brace that does not match.
    """
    return frozenset(name for _, name, _, _ in Formatter().parse(text) if name is not None)


@lru_cache(maxsize=1)
def load_customer_rules() -> CustomerRules:
    """Return the book's rules about customers, read and checked once a process.

    Raises:
        ShopDataError: every problem, each with file, line and field.
    """
    return read_customer_rules(BOOK_DIR / "customers.yml")


def read_customer_rules(path: Path) -> CustomerRules:
    """Read and check a file of rules about customers.

    Raises:
        ShopDataError: every problem, each with file, line and field.
    """
    rules = read_yaml(path, CustomerRules)
    problems = [
        f"{path}:{line_of(path, *keys)}: {_field(keys)}: {reason}"
        for keys, reason in [*_value_problems(rules.value), *_care_problems(rules)]
    ]
    if problems:
        raise ShopDataError(problems)
    return rules


_Problem = tuple[tuple[str | int, ...], str]


def _value_problems(rules: ValueRules) -> list[_Problem]:
    found: list[_Problem] = []
    for name in ("buys_now_fen", "new_interests", "household_sizes"):
        if not _ascends(getattr(rules, name)):
            found.append((("value", name), "must ascend"))
    if tuple(grade.id for grade in rules.grades) != GRADES:
        found.append((("value", "grades"), f"must be {', '.join(GRADES)}, in this order"))
    thresholds = [grade.profit_fen for grade in rules.grades]
    known = [fen for fen in thresholds if fen is not None]
    if known != thresholds[:-1] or not _ascends(known[::-1]):
        found.append((("value", "grades"), "profit_fen must fall; only the last has none"))
    for grade in rules.grades:
        if grade.strategy not in rules.strategies:
            found.append((("value", "strategies"), f"lacks {grade.strategy!r}"))
    found += _repeated(("value", "warnings"), [rule.id for rule in rules.warnings])
    return found


def _care_problems(rules: CustomerRules) -> list[_Problem]:
    found = _repeated(("aftercare",), [rule.id for rule in rules.aftercare])
    texts: list[tuple[tuple[str | int, ...], str, frozenset[str]]] = [
        (("wording", "greeting"), rules.wording.greeting, frozenset({"name"})),
        (("wording", "date_format"), rules.wording.date_format, frozenset({"month", "day"})),
        (("defection", "title"), rules.defection.title, frozenset({"incident"})),
        (("defection", "script"), rules.defection.script, frozenset()),
    ]
    for index, rule in enumerate(rules.aftercare):
        if rule.event in DEADLINES and rule.offset_days + rule.grace_days > 0:
            found.append((("aftercare", index), f"{rule.id}: may come after what it warns of"))
        for number, script in enumerate(rule.scripts):
            texts.append((("aftercare", index, "scripts", number), script, rule.facts))
    for keys, text, facts in texts:
        try:
            unknown = sorted(variables(text) - facts)
        except ValueError as error:
            found.append((keys, str(error)))
        else:
            found += [(keys, f"unknown variable {{{name}}}") for name in unknown]
    missing = sorted(set(get_args(IncidentKind)) - set(rules.defection.incidents))
    found += [(("defection", "incidents"), f"lacks {name!r}") for name in missing]
    return found


def _field(keys: Sequence[str | int]) -> str:
    named = (f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys)
    return "".join(named).lstrip(".")


def _ascends(numbers: Sequence[int]) -> bool:
    return all(low < high for low, high in zip(numbers, numbers[1:], strict=False))


def _repeated(keys: tuple[str | int, ...], ids: list[str]) -> list[_Problem]:
    return [
        ((*keys, index), f"{each}: the id stands twice")
        for index, each in enumerate(ids)
        if each in ids[:index]
    ]
