"""What is wrong with a shop's folder that no single field shows: references, dates, duplicates."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bot.knowledge.field_types import bad_date
from bot.knowledge.loader import line_of
from bot.knowledge.opening_hours import check_hours
from bot.knowledge.remedy_rules import problems_of

if TYPE_CHECKING:
    from bot.knowledge.shop import Shop


def cross_check(folder: Path, shop: Shop) -> list[str]:
    """Find what single fields cannot show: references, alignment, dates, duplicates."""
    path = folder / "products.csv"
    ids = [product.id for product in shop.products]
    problems = []
    for line, product in enumerate(shop.products, start=2):
        if ids.count(product.id) > 1:
            problems.append(f"{path}:{line}: id: {product.id!r} stands twice")
        lengths = {len(product.features), len(product.advantages), len(product.benefits)}
        if len(lengths) != 1:
            problems.append(
                f"{path}:{line}: features: features, advantages and benefits must be as many"
            )
        for other in product.related:
            if other not in ids:
                problems.append(f"{path}:{line}: related: there is no product {other!r}")
        problems += bad_date(f"{path}:{line}: valid_until", product.valid_until)
    path = folder / "promotions.yml"
    for index, promotion in enumerate(shop.promotions):
        place = f"{path}:{line_of(path, 'promotions', index)}"
        for other in promotion.products:
            if other != "all" and other not in ids:
                problems.append(f"{place}: products: there is no product {other!r}")
        bad = bad_date(f"{place}: starts", promotion.starts)
        bad += bad_date(f"{place}: ends", promotion.ends)
        if not bad and promotion.ends < promotion.starts:
            bad = [f"{place}: ends: lies before starts"]
        problems += bad
    problems += _check_twice(
        folder / "promotions.yml", "promotions", [p.id for p in shop.promotions]
    )
    problems += _check_twice(folder / "policies.yml", "policies", [p.topic for p in shop.policies])
    problems += _check_twice(folder / "limits.yml", "limits", [limit.id for limit in shop.limits])
    problems += _check_material(folder / "selling.yml", shop, ids)
    problems += _check_remedies(folder / "remedies.yml", shop)
    path = folder / "crisis.yml"
    problems += [f"{path}:{line_of(path, 'plans')}: {each}" for each in shop.crisis.problems()]
    return problems + check_hours(folder / "hours.yml", shop.hours) + _check_zone(folder, shop)


def _check_material(path: Path, shop: Shop, product_ids: list[str]) -> list[str]:
    """Find products, limits and dates that the selling material names wrongly."""
    caps = {limit.id: limit.max_fen for limit in shop.limits}
    return [
        f"{path}:{line_of(path, key, index)}: {key}[{index}].{problem}"
        for key, index, problem in shop.material.problems(product_ids, caps)
    ]


def _check_remedies(path: Path, shop: Shop) -> list[str]:
    """Find limits, placeholders and costs that a remedy names wrongly."""
    caps = {limit.id: limit.max_fen for limit in shop.limits}
    problems = [
        f"{path}:{line_of(path, 'remedies', index)}: remedies[{index}].{problem}"
        for index, remedy in enumerate(shop.remedies)
        for problem in problems_of(remedy, caps)
    ]
    return problems + _check_twice(path, "remedies", [each.id for each in shop.remedies])


def _check_twice(path: Path, key: str, names: list[str]) -> list[str]:
    return [
        f"{path}:{line_of(path, key, index)}: {key}[{index}]: {name!r} stands twice"
        for index, name in enumerate(names)
        if name in names[:index]
    ]


def _check_zone(folder: Path, shop: Shop) -> list[str]:
    try:
        ZoneInfo(shop.profile.time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        path = folder / "shop.yml"
        zone = shop.profile.time_zone
        return [f"{path}:{line_of(path, 'time_zone')}: time_zone: unknown time zone {zone!r}"]
    return []
