"""What a customer has complained of before: the same trouble, several small ones (D-CMP-10)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from bot.crm.records import CaseRecord
from bot.crm.unit_of_work import UnitOfWork
from bot.dialogue.case_process import is_same_trouble
from bot.knowledge.case_rules import load_case_process


def same_trouble_before(
    uow: UnitOfWork,
    case: CaseRecord,
    product_id: str | None,
    causes: Collection[str],
    now: datetime,
) -> CaseRecord | None:
    """Return the newest earlier case of this customer with the same product and a cause of it."""
    if case.customer_id is None or product_id is None:
        return None
    since = now - timedelta(days=load_case_process().same_trouble_days)
    for earlier in uow.cases.of_customer(case.customer_id, since):
        is_about_it = earlier.id < case.id and earlier.product_id == product_id
        if is_about_it and is_same_trouble(causes, earlier.causes):
            return earlier
    return None


def has_many_small_ones(
    uow: UnitOfWork, customer_id: int | None, severity: str, now: datetime
) -> bool:
    """Tell whether a new case is the third small complaint of its customer, or a later one."""
    rule = load_case_process().small_complaints
    if customer_id is None or severity != "slight":
        return False
    before = uow.cases.of_customer(customer_id, now - timedelta(days=rule.within_days))
    return sum(each.severity == "slight" for each in before) + 1 >= rule.count
