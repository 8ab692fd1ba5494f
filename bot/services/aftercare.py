"""Aftercare reminders and questions to silent complainers, as tasks (D-CUS-7, D-CMP-14).

What is due and in which words the pure calendar says (`bot.dialogue.aftercare`, `.defection`);
here its inputs are read and a task is made of it, once an origin. Nobody is reminded of who wants
no contact, or whom the shop knows by neither number nor login any more.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, time, timedelta

from bot.clock import SHOP_TIME_ZONE, shop_day
from bot.crm.cases import CaseFilter
from bot.crm.database import Database
from bot.crm.records import CustomerRecord, OrderRecord
from bot.crm.unit_of_work import UnitOfWork
from bot.dialogue.aftercare import (
    ENDED_STATES,
    CareCustomer,
    CareProduct,
    PurchasedLine,
    PurchasedOrder,
    Reminder,
    due_reminders,
)
from bot.dialogue.defection import BuyingHistory, Defection, Incident, PastOrder, defection_of
from bot.knowledge.customer_rules import load_customer_rules
from bot.services.customers import LOGIN, PHONE
from bot.services.rounds import each_customer
from bot.services.survey import LOW_SCORE

ROWS = 100  # cases and talks of one customer that are looked at


@dataclass(frozen=True)
class CareTask:
    """A task to be made, once for its origin."""

    origin: str
    kind: str
    note: str
    contact: str
    order_id: int | None
    due_at: datetime


@dataclass(frozen=True)
class _Reachable:
    """A customer whom the shop may call, with the number if it has one."""

    customer: CustomerRecord
    contact: str
    orders: list[OrderRecord]

    def task(self, due: Reminder | Defection, today: date) -> CareTask:
        """Return the task, to be done before the shop's day is over."""
        return CareTask(
            origin=due.origin,
            kind=due.kind,
            note=f"{due.title}\n{due.script}",
            contact=self.contact,
            order_id=next(
                (each.id for each in self.orders if each.number == due.order_number), None
            ),
            due_at=datetime.combine(today + timedelta(days=1), time(), SHOP_TIME_ZONE),
        )


def _reach(uow: UnitOfWork, customer_id: int) -> _Reachable | None:
    customer = uow.customers.get(customer_id)
    known = {each.kind: each.value for each in uow.customers.identities(customer_id)}
    if customer.contact_refused_at is not None or not known.keys() & {PHONE, LOGIN}:
        return None
    return _Reachable(customer, known.get(PHONE, ""), uow.orders.of_customer(customer_id))


async def make_reminders(database: Database, now: datetime) -> AsyncIterator[None]:
    """Make a task of every reminder of the aftercare calendar that is due; yields in between."""
    products = await database.read_async(care_products)

    def look(uow: UnitOfWork, customer_id: int) -> list[CareTask] | None:
        return reminders_of(uow, customer_id, products, shop_day(now)) or None

    async for _ in each_customer(database, look, _add_tasks(now), is_reachable=True):
        yield


async def ask_defectors(database: Database, now: datetime) -> AsyncIterator[None]:
    """Make a task for every regular who buys less since something went wrong."""

    def look(uow: UnitOfWork, customer_id: int) -> list[CareTask] | None:
        task = defection_task(uow, customer_id, shop_day(now))
        return None if task is None else [task]

    async for _ in each_customer(database, look, _add_tasks(now), is_reachable=True):
        yield


def care_products(uow: UnitOfWork) -> dict[str, CareProduct]:
    """Return what the calendar needs of the shop's products, by id."""
    return {
        each["id"]: CareProduct(
            warranty_months=each["warranty_months"],
            life_years=each["life_years"],
            content_units=each["content_units"],
            daily_use_per_person=each["daily_use_per_person"],
            is_on_sale=each["stock"] > 0,
        )
        for each in uow.catalogue.products()
    }


def reminders_of(
    uow: UnitOfWork, customer_id: int, products: Mapping[str, CareProduct], today: date
) -> list[CareTask]:
    """Return the reminders for a customer that are due and not made yet."""
    reached = _reach(uow, customer_id)
    if reached is None:
        return []
    customer = reached.customer
    open_cases = uow.cases.page(CaseFilter(customer_id=customer_id, is_open=True), limit=1).items
    due = due_reminders(
        load_customer_rules(),
        [_purchased(each) for each in reached.orders],
        CareCustomer(
            id=customer_id,
            name=customer.name,
            birthday=customer.birthday or "",
            household_size=customer.household_size,
            open_cases=len(open_cases),
        ),
        products,
        today,
    )
    return [reached.task(each, today) for each in due if not uow.tasks.has_origin(each.origin)]


def defection_task(uow: UnitOfWork, customer_id: int, today: date) -> CareTask | None:
    """Return the task that asks a silent complainer, if there is one and it is not made yet."""
    reached = _reach(uow, customer_id)
    if reached is None:
        return None
    orders = (
        PastOrder(each.number, shop_day(each.placed_at), each.total_fen)
        for each in reached.orders
        if each.state not in ENDED_STATES
    )
    history = BuyingHistory(tuple(orders), tuple(_incidents(uow, customer_id)))
    found = defection_of(load_customer_rules(), history, today)
    return reached.task(found, today) if found and not uow.tasks.has_origin(found.origin) else None


def _incidents(uow: UnitOfWork, customer_id: int) -> list[Incident]:
    found = []
    for case in uow.cases.page(CaseFilter(customer_id=customer_id), limit=ROWS).items:
        if case.stage != "closed":
            found.append(Incident("unsolved_case", shop_day(case.opened_at)))
        if "product" in case.causes:
            found.append(Incident("fault", shop_day(case.opened_at)))
    for talk in uow.customers.talks(customer_id, ROWS):
        if talk.score is not None and talk.score <= LOW_SCORE:
            found.append(Incident("low_rating", shop_day(talk.created_at)))
    return found


def _purchased(order: OrderRecord) -> PurchasedOrder:
    promised = order.dispatch_promised_on
    return PurchasedOrder(
        number=order.number,
        state=order.state,
        placed_on=shop_day(order.placed_at),
        lines=tuple(
            PurchasedLine(line.product_id, line.product_name, line.quantity) for line in order.lines
        ),
        dispatch_promised_on=date.fromisoformat(promised) if promised else None,
        dispatched_on=shop_day(order.dispatched_at) if order.dispatched_at else None,
        delivered_on=shop_day(order.delivered_at) if order.delivered_at else None,
    )


def _add_tasks(now: datetime) -> Callable[[UnitOfWork, int, list[CareTask]], None]:
    def do(uow: UnitOfWork, customer_id: int, tasks: list[CareTask]) -> None:
        for task in tasks:
            uow.tasks.add(now=now, customer_id=customer_id, **asdict(task))

    return do
