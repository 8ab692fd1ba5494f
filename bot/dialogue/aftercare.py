"""The aftercare calendar: what is due today for a customer's purchases (D-CUS-7, D-SEL-13).

It only says what is due and in which words; the scheduler makes tasks of it, one an `origin`. It
never reminds of what is long past, nor anybody who wants no contact.
"""

from __future__ import annotations

from calendar import isleap, monthrange
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from bot.knowledge.customer_rules import AftercareRule, CareWording, CustomerRules, variables

ENDED_STATES = frozenset({"cancelled", "returned"})
LONGEST_SUPPLY_DAYS = 3650  # a supply for longer is a mistake in the product's figures


@dataclass(frozen=True)
class CareProduct:
    """What the calendar needs of a product.

    `content_units` are uses in one piece, `daily_use_per_person` uses a day; 0: not used up.
    """

    warranty_months: int = 0
    life_years: float = 0.0
    content_units: float = 0.0
    daily_use_per_person: float = 0.0
    is_on_sale: bool = True


@dataclass(frozen=True)
class PurchasedLine:
    """A product of an order."""

    product_id: str
    product_name: str
    quantity: int


@dataclass(frozen=True)
class PurchasedOrder:
    """An order, with the shop's days (not UTC's) on which it moved."""

    number: str
    state: str
    placed_on: date
    lines: tuple[PurchasedLine, ...]
    dispatch_promised_on: date | None = None
    dispatched_on: date | None = None
    delivered_on: date | None = None

    @property
    def received_on(self) -> date:
        """The day from which warranty and use count, as well as it is known."""
        return self.delivered_on or self.dispatched_on or self.placed_on


@dataclass(frozen=True)
class CareCustomer:
    """What the calendar needs of a customer; `birthday` is `1990-05-17` or `05-17`."""

    id: int
    name: str = ""
    birthday: str = ""
    household_size: int | None = None
    contact_refused: bool = False
    open_cases: int = 0


@dataclass(frozen=True)
class Reminder:
    """A task to be made, once for its `origin`, with the words to say."""

    origin: str
    kind: str
    due_on: date
    order_number: str | None
    product_id: str | None
    title: str
    script: str


@dataclass(frozen=True)
class _Occasion:
    """A day on which an event of a rule happens, and what it is about."""

    subject: str
    on: date
    order: PurchasedOrder | None = None
    lines: tuple[PurchasedLine, ...] = ()
    product_id: str | None = None


def due_reminders(
    rules: CustomerRules,
    orders: Sequence[PurchasedOrder],
    customer: CareCustomer,
    products: Mapping[str, CareProduct],
    today: date,
) -> tuple[Reminder, ...]:
    """Return what is due today or has been for at most the rule's grace days, oldest first.

    Args:
        orders: the customer's orders; those cancelled or returned are passed over.
        products: by id; one that left the shop is missing, and nothing is known of it.
        today: the shop's date.
    """
    if customer.contact_refused:
        return ()
    standing = [order for order in orders if order.state not in ENDED_STATES]
    found: dict[str, Reminder] = {}  # a product twice in one order is one reminder
    for rule in rules.aftercare:
        if "no_open_case" in rule.needs and customer.open_cases:
            continue
        for occasion in _occasions(rules, rule, standing, customer, products, today):
            due_on = occasion.on + timedelta(days=rule.offset_days)
            if not due_on <= today <= due_on + timedelta(days=rule.grace_days):
                continue
            script = _script(rule, _facts(rules.wording, occasion, customer, today))
            if script is not None:
                origin = f"aftercare:{rule.id}:{occasion.subject}"
                number = occasion.order.number if occasion.order else None
                found[origin] = Reminder(
                    origin, rule.kind, due_on, number, occasion.product_id, rule.title, script
                )
    return tuple(sorted(found.values(), key=lambda each: (each.due_on, each.origin)))


def _occasions(
    rules: CustomerRules,
    rule: AftercareRule,
    orders: Sequence[PurchasedOrder],
    customer: CareCustomer,
    products: Mapping[str, CareProduct],
    today: date,
) -> Iterator[_Occasion]:
    if rule.event == "birthday":
        yield from _birthdays(customer, today)
        return
    if rule.event == "runs_out":
        people = customer.household_size or rules.household_size
        occasions = _run_outs(orders, people, products)
    elif rule.event == "warranty_ends":
        occasions = _warranty_ends(orders, products)
    else:
        occasions = _order_steps(rule, orders)
    for occasion in occasions:
        lines = tuple(
            line
            for line in occasion.lines
            if _is_meant(rule, products.get(line.product_id), rules.durable_years)
        )
        if lines:
            yield replace(occasion, lines=lines)


def _is_meant(rule: AftercareRule, product: CareProduct | None, durable_years: float) -> bool:
    if "durable" in rule.needs and (product is None or product.life_years < durable_years):
        return False
    return "on_sale" not in rule.needs or (product is not None and product.is_on_sale)


def _order_steps(rule: AftercareRule, orders: Sequence[PurchasedOrder]) -> Iterator[_Occasion]:
    for order in orders:
        if "not_delivered" in rule.needs and order.delivered_on:
            continue
        if "not_dispatched" in rule.needs and (order.dispatched_on or order.delivered_on):
            continue
        on: date | None = getattr(order, f"{rule.event}_on")
        if on:
            yield _Occasion(order.number, on, order, order.lines)


def _warranty_ends(
    orders: Sequence[PurchasedOrder], products: Mapping[str, CareProduct]
) -> Iterator[_Occasion]:
    for order in orders:
        for line in order.lines:
            product = products.get(line.product_id)
            if product and product.warranty_months > 0:
                ends_on = add_months(order.received_on, product.warranty_months)
                yield _product_occasion(order, line, ends_on)


def _run_outs(
    orders: Sequence[PurchasedOrder], people: int, products: Mapping[str, CareProduct]
) -> Iterator[_Occasion]:
    """Yield for each product when all that was bought of it is used up, at its last order.

    Days of a purchase = quantity × content ÷ (people × daily use), from its arrival or from the
    day on which the earlier supply is used up (D-CUS-7).
    """
    supply: dict[str, _Occasion] = {}
    for order in sorted(orders, key=lambda each: (each.received_on, each.number)):
        for line in order.lines:
            product = products.get(line.product_id)
            if not product or product.content_units <= 0 or product.daily_use_per_person <= 0:
                continue
            units = line.quantity * product.content_units
            days = units / (people * product.daily_use_per_person)
            earlier = supply.get(line.product_id)
            if earlier:
                days += max((earlier.on - order.received_on).days, 0)
            # 0.3 / 0.1 is 2.999…, and means three
            whole_days = timedelta(days=int(min(days + 1e-9, LONGEST_SUPPLY_DAYS)))
            on = order.received_on + whole_days
            supply[line.product_id] = _product_occasion(order, line, on)
    yield from supply.values()


def _product_occasion(order: PurchasedOrder, line: PurchasedLine, on: date) -> _Occasion:
    subject = f"{order.number}:{line.product_id}"
    return _Occasion(subject, on, order, (line,), line.product_id)


def _birthdays(customer: CareCustomer, today: date) -> Iterator[_Occasion]:
    """Yield the birthdays around today; those of 29 February fall on the 28th in other years.

    A text that is no date has none: services refuse it when it is written.
    """
    try:
        born = date.fromisoformat(f"2000-{customer.birthday[-5:]}")  # 2000 is a leap year
    except ValueError:
        return
    for year in (today.year - 1, today.year, today.year + 1):
        day = 28 if (born.month, born.day) == (2, 29) and not isleap(year) else born.day
        yield _Occasion(f"customer-{customer.id}:{year}", date(year, born.month, day))


def add_months(day: date, months: int) -> date:
    """Return the same day of a later month, or its last day when it is shorter."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def _facts(
    wording: CareWording, occasion: _Occasion, customer: CareCustomer, today: date
) -> dict[str, str]:
    """Return the known facts as they are said; a promise that is not kept is none."""

    def say(day: date) -> str:
        return wording.date_format.format(month=day.month, day=day.day)

    named = wording.greeting.format(name=customer.name)
    facts = {"greeting": named if customer.name else wording.greeting_unnamed}
    order = occasion.order
    if order is None:
        return facts
    names = list(dict.fromkeys(line.product_name for line in occasion.lines))
    facts |= {
        "order_number": order.number,
        "ordered_on": say(order.placed_on),
        "products": wording.list_separator.join(names),
    }
    if occasion.product_id:
        facts |= {"product": names[0], "ends_on": say(occasion.on)}
    for name in ("dispatched_on", "delivered_on"):
        day = getattr(order, name)
        if day:
            facts[name] = say(day)
    is_promised = order.dispatch_promised_on and order.dispatch_promised_on >= today
    if order.dispatch_promised_on and is_promised:
        facts["dispatch_on"] = say(order.dispatch_promised_on)
    return facts


def _script(rule: AftercareRule, facts: Mapping[str, str]) -> str | None:
    """Return the first script whose facts are known, with the questions below it."""
    for script in rule.scripts:
        if variables(script) <= facts.keys():
            questions = (f"{number}. {text}" for number, text in enumerate(rule.questions, 1))
            return "\n".join([script.format_map(facts), *questions])
    return None
