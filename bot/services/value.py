"""Customers' value: grades from what they bought and asked, by the book's rules (D-CUS-1).

A grade says who is served first and how. Nothing that decides about a price, discount, remedy or
limit may read it (design decision 9).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from bot.clock import SHOP_TIME_ZONE
from bot.crm.cases import CaseFilter
from bot.crm.database import Database
from bot.crm.orders import OrderSums
from bot.crm.records import OrderRecord
from bot.crm.unit_of_work import UnitOfWork
from bot.dialogue.aftercare import ENDED_STATES
from bot.dialogue.value import GradeResult, OrderFacts, grade_of
from bot.knowledge.customer_rules import CustomerRules, load_customer_rules
from bot.services.customers import WARNINGS
from bot.services.rounds import each_customer

MAX_CASES = 100


@dataclass(frozen=True)
class Valuation:
    """What a grade is measured against: rules, day and the sums of the whole shop."""

    rules: CustomerRules
    today: date
    since: datetime
    sums: OrderSums
    categories: Mapping[str, str]

    def grade(self, uow: UnitOfWork, customer_id: int) -> GradeResult:
        """Return a customer's grade as the rules have it, with strategy and warnings.

        Raises:
            NotFoundError: there is no such customer.
        """
        return grade_of(self.rules, self._facts(uow, customer_id), self.today)

    def _facts(self, uow: UnitOfWork, customer_id: int) -> OrderFacts:
        customer = uow.customers.get(customer_id)
        kept = [each for each in uow.orders.of_customer(customer_id) if each.state != "cancelled"]
        recent = [each for each in kept if each.placed_at >= self.since]
        paid = [each for each in recent if each.state not in ENDED_STATES]
        profits = [each.profit_fen for each in paid if each.profit_fen is not None]
        cases = uow.cases.page(CaseFilter(customer_id=customer_id), limit=MAX_CASES).items
        asked = uow.customers.products_asked(customer_id, self.since)
        bought = {line.product_id for each in kept for line in each.lines}
        return OrderFacts(
            orders=len(recent),
            spent_fen=sum(each.total_fen for each in paid),
            profit_fen=sum(profits) if len(profits) == len(paid) else None,
            last_ordered_on=_last_ordered_on(kept),
            returned_orders=sum(each.state == "returned" for each in recent),
            cases=sum(each.opened_at >= self.since for each in cases),
            categories_bought=self._categories_of(bought),
            categories_asked=self._categories_of(asked),
            household_size=customer.household_size,
            credit=customer.credit,  # type: ignore[arg-type]
            shop_revenue_fen=self.sums.revenue_fen or None,
            shop_margin=self._margin(),
        )

    def _categories_of(self, products: set[str]) -> frozenset[str]:
        return frozenset(self.categories[each] for each in products if each in self.categories)

    def _margin(self) -> float | None:
        known_fen = self.sums.known_revenue_fen
        return self.sums.profit_fen / known_fen if known_fen else None


def _last_ordered_on(orders: list[OrderRecord]) -> date | None:
    """Return the shop's day of the last of the orders, which come newest first."""
    return orders[0].placed_at.astimezone(SHOP_TIME_ZONE).date() if orders else None


def open_valuation(uow: UnitOfWork, now: datetime) -> Valuation:
    """Return what grades are measured against today; sums over the whole shop, so once a run."""
    rules = load_customer_rules()
    today = now.astimezone(SHOP_TIME_ZONE).date()
    first_day = today - timedelta(days=rules.value.window_days)
    since = datetime.combine(first_day, time(), SHOP_TIME_ZONE)
    categories = {each["id"]: each["category"] for each in uow.catalogue.products()}
    return Valuation(rules, today, since, uow.orders.sums_since(since), categories)


def _ids(result: GradeResult) -> list[str]:
    return [warning.id for warning in result.warnings]


async def grade_customers(database: Database, now: datetime) -> AsyncIterator[None]:
    """Grade all customers anew; yields between the steps. Grades that people set stay."""
    valuation = await database.read_async(lambda uow: open_valuation(uow, now))

    def look(uow: UnitOfWork, customer_id: int) -> GradeResult | None:
        customer = uow.customers.get(customer_id)
        if customer.grade_is_pinned:
            return None
        result = valuation.grade(uow, customer_id)
        history = uow.customers.grades(customer_id, limit=1)
        warned = history[0].evidence.get(WARNINGS, []) if history else []
        before = (customer.grade, customer.buys_now, customer.could_buy, warned)
        after = (result.grade, result.buys_now, result.could_buy, _ids(result))
        return result if before != after else None

    def do(uow: UnitOfWork, customer_id: int, result: GradeResult) -> None:
        uow.customers.add_grade(
            customer_id,
            rule=result.rule,
            evidence={**result.evidence, WARNINGS: _ids(result)},
            actor="server",
            now=now,
            grade=result.grade,
            buys_now=result.buys_now,
            could_buy=result.could_buy,
        )

    async for _ in each_customer(database, look, do):
        yield
