"""The shop as files that its owner edits, checked and typed.

`products.csv`, `promotions.yml`, `policies.yml`, `limits.yml`, `hours.yml` and `shop.yml` lie in
one folder. Money is in fen, dates are ISO dates in the shop's time zone.
"""

from __future__ import annotations

import hashlib
import re
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Meta, Struct

from bot.clock import SHOP_TIME_ZONE
from bot.errors import ShopDataError
from bot.knowledge.loader import line_of, read_csv, read_yaml

Id = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
Text = Annotated[str, Meta(min_length=1, max_length=400)]
Fen = Annotated[int, Meta(ge=0)]
IsoDate = Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}$")]
Hours = Annotated[str, Meta(pattern=r"^\d{2}:\d{2}-\d{2}:\d{2}$")]
Origin = Annotated[str, Meta(pattern=r"^(\*|https?://[a-z0-9.-]+(:\d+)?)$")]
FILES = ("shop.yml", "products.csv", "promotions.yml", "policies.yml", "limits.yml", "hours.yml")
LONGEST_CLOSED_DAYS = 15
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


Days = Annotated[int, Meta(ge=1, le=36_500)]


class Retention(Struct, frozen=True, forbid_unknown_fields=True):
    """How long what is stored stays, in days (PIPL art. 19 and 47).

    Three years for conversations: so long a deal's records are kept (E-Commerce Law art. 31), and
    so long a claim can be raised (Civil Code art. 188).
    """

    conversation_days: Annotated[int, Meta(ge=30, le=36_500)] = 1095
    unused_picture_days: Days = 1
    outbox_days: Days = 30
    backup_days: Days = 90


class Profile(Struct, frozen=True, forbid_unknown_fields=True):
    """`shop.yml`: who the shop is."""

    id: Id
    name: Text
    tagline: Text
    city: Text
    phone: Text
    currency: Literal["CNY"]
    time_zone: str
    decision_kit: Text = ""
    privacy_url: str = "/privacy"
    embed_origins: list[Origin] = []
    adapts_style: bool = True
    retention: Retention = msgspec.field(default_factory=Retention)


class Product(Struct, frozen=True, forbid_unknown_fields=True):
    """A product with its facts; the three FAB lists are aligned (D-SEL-6).

    What is used up has `content_units` uses a piece, `daily_use_per_person` a day (D-CUS-7).
    """

    id: str
    name: str
    category: str
    aliases: list[str]
    price_fen: int
    life_years: float
    warranty_months: int
    stock: int
    features: list[str]
    advantages: list[str]
    benefits: list[str]
    related: list[str]
    compared_with: str = ""
    valid_until: str = ""
    content_units: float = 0.0
    daily_use_per_person: float = 0.0

    def is_current(self, today: date) -> bool:
        """Tell whether its facts may still be said."""
        return not self.valid_until or date.fromisoformat(self.valid_until) >= today


class _ProductRow(Struct, frozen=True, forbid_unknown_fields=True):
    """A line of `products.csv`; lists are separated by `|`."""

    id: Id
    name: Text
    category: Text
    aliases: str
    price_fen: Annotated[int, Meta(gt=0)]
    life_years: Annotated[float, Meta(gt=0)]
    warranty_months: Annotated[int, Meta(ge=0)]
    stock: Annotated[int, Meta(ge=0)]
    features: Text
    advantages: Text
    benefits: Text
    related: str = ""
    compared_with: str = ""
    valid_until: Annotated[str, Meta(pattern=r"^(\d{4}-\d{2}-\d{2})?$")] = ""
    content_units: Annotated[float, Meta(ge=0)] = 0.0
    daily_use_per_person: Annotated[float, Meta(ge=0)] = 0.0


class Promotion(Struct, frozen=True, forbid_unknown_fields=True):
    """A promotion that may be told to customers between two dates, both included."""

    id: Id
    title: Text
    kind: Literal["coupon", "gift", "bundle", "discount"]
    text: Text
    products: list[str]
    value_fen: Fen
    min_spend_fen: Fen
    starts: IsoDate
    ends: IsoDate

    def applies(self, product_id: str | None, today: date) -> bool:
        """Tell whether it may be told today about this product (None: about the shop)."""
        is_on = date.fromisoformat(self.starts) <= today <= date.fromisoformat(self.ends)
        return is_on and ("all" in self.products or product_id in self.products)


class Policy(Struct, frozen=True, forbid_unknown_fields=True):
    """A service policy, worded as it is said."""

    id: Id
    topic: Literal[
        "delivery",
        "returns",
        "exchange",
        "refund",
        "warranty",
        "repair",
        "installation",
        "invoice",
        "payment",
        "price_protection",
        "genuine",
        "privacy",
        "order_change",
        "gifts",
    ]
    text: Text


class Limit(Struct, frozen=True, forbid_unknown_fields=True):
    """What the front line may grant without asking."""

    id: Id
    max_fen: Fen | None
    per: Literal["order", "customer_day"]
    approver_above: Literal["front_line", "supervisor", "manager"]
    text: Text


class Holiday(Struct, frozen=True, forbid_unknown_fields=True):
    """A day with hours of its own; none means closed."""

    date: IsoDate
    name: Text
    hours: list[Hours]


class OpeningHours(Struct, frozen=True, forbid_unknown_fields=True):
    """`hours.yml`."""

    weekly: dict[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], list[Hours]]
    holidays: list[Holiday] = []

    def of_day(self, day: date) -> list[str]:
        """Return the spans ("09:00-12:00") in which people are there on `day`."""
        for holiday in self.holidays:
            if holiday.date == day.isoformat():
                return holiday.hours
        return self.weekly.get(WEEKDAYS[day.weekday()], [])  # type: ignore[call-overload,no-any-return]

    def next_opening(self, moment: datetime) -> datetime | None:
        """Return `moment` when it lies in the opening hours, else when they begin next.

        None when the shop is closed for longer than two weeks.
        """
        local = moment.astimezone(SHOP_TIME_ZONE)
        for days in range(LONGEST_CLOSED_DAYS):
            day = local.date() + timedelta(days=days)
            for span in sorted(self.of_day(day)):
                start, end = (
                    datetime.combine(day, time.fromisoformat(part), SHOP_TIME_ZONE)
                    for part in span.split("-")
                )
                if local < end:
                    return max(local, start)
        return None

    def is_open(self, moment: datetime) -> bool:
        """Tell whether `moment` lies in the opening hours."""
        return self.next_opening(moment) == moment


class Shop(Struct, frozen=True):
    """Everything a shop's folder says."""

    profile: Profile
    products: tuple[Product, ...]
    promotions: tuple[Promotion, ...]
    policies: tuple[Policy, ...]
    limits: tuple[Limit, ...]
    hours: OpeningHours

    def product(self, product_id: str | None) -> Product | None:
        """Return a product by id."""
        return next((each for each in self.products if each.id == product_id), None)

    def policy(self, topic: str) -> str:
        """Return the policy text of a topic, or an empty string."""
        return next((each.text for each in self.policies if each.topic == topic), "")

    def documents(self) -> dict[str, dict[str, object]]:
        """Return everything but the products as plain documents by name."""
        plain = msgspec.to_builtins
        return {
            "shop": plain(self.profile),
            "promotions": {"promotions": plain(self.promotions)},
            "policies": {"policies": plain(self.policies)},
            "limits": {"limits": plain(self.limits)},
            "hours": plain(self.hours),
        }


class _Promotions(Struct, frozen=True, forbid_unknown_fields=True):
    promotions: list[Promotion]


class _Policies(Struct, frozen=True, forbid_unknown_fields=True):
    policies: list[Policy]


class _Limits(Struct, frozen=True, forbid_unknown_fields=True):
    limits: list[Limit]


def shop_hash(folder: Path) -> str:
    """Return the SHA-256 over the folder's files, by which a change is seen."""
    digest = hashlib.sha256()
    for name in FILES:
        path = folder / name
        digest.update(name.encode() + b"\0" + (path.read_bytes() if path.is_file() else b""))
    return digest.hexdigest()


def shop_from_documents(
    products: list[dict[str, object]], documents: dict[str, dict[str, object]]
) -> Shop:
    """Build the shop from what the database holds."""
    return msgspec.convert(
        {
            "profile": documents["shop"],
            "products": products,
            "promotions": documents["promotions"]["promotions"],
            "policies": documents["policies"]["policies"],
            "limits": documents["limits"]["limits"],
            "hours": documents["hours"],
        },
        Shop,
    )


def load_shop(folder: Path) -> Shop:
    """Read and check a shop's folder.

    Raises:
        ShopDataError: every problem found, each with file, line and field.
    """
    if not folder.is_dir():
        raise ShopDataError([f"{folder}: there is no such shop folder"])
    problems: list[str] = []
    read: dict[str, object] = {}
    types: dict[str, type[Struct]] = {
        "shop.yml": Profile,
        "promotions.yml": _Promotions,
        "policies.yml": _Policies,
        "limits.yml": _Limits,
        "hours.yml": OpeningHours,
    }
    for name, type_ in types.items():
        try:
            read[name] = read_yaml(folder / name, type_)
        except ShopDataError as error:
            problems += error.problems
    try:
        products = [_product(row) for row in read_csv(folder / "products.csv", _ProductRow)]
    except ShopDataError as error:
        problems += error.problems
        products = []
    if problems:
        raise ShopDataError(problems)
    shop = msgspec.convert(
        {
            "profile": read["shop.yml"],
            "products": products,
            "promotions": read["promotions.yml"].promotions,  # type: ignore[attr-defined]
            "policies": read["policies.yml"].policies,  # type: ignore[attr-defined]
            "limits": read["limits.yml"].limits,  # type: ignore[attr-defined]
            "hours": read["hours.yml"],
        },
        Shop,
    )
    problems = _cross_check(folder, shop)
    if problems:
        raise ShopDataError(problems)
    return shop


def _product(row: _ProductRow) -> Product:
    values = msgspec.structs.asdict(row)
    for name in ("aliases", "features", "advantages", "benefits", "related"):
        values[name] = [part.strip() for part in values[name].split("|") if part.strip()]
    return Product(**values)


def _cross_check(folder: Path, shop: Shop) -> list[str]:
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
        problems += _bad_date(f"{path}:{line}: valid_until", product.valid_until)
    path = folder / "promotions.yml"
    for index, promotion in enumerate(shop.promotions):
        place = f"{path}:{line_of(path, 'promotions', index)}"
        for other in promotion.products:
            if other != "all" and other not in ids:
                problems.append(f"{place}: products: there is no product {other!r}")
        bad = _bad_date(f"{place}: starts", promotion.starts)
        bad += _bad_date(f"{place}: ends", promotion.ends)
        if not bad and promotion.ends < promotion.starts:
            bad = [f"{place}: ends: lies before starts"]
        problems += bad
    problems += _check_twice(
        folder / "promotions.yml", "promotions", [p.id for p in shop.promotions]
    )
    problems += _check_twice(folder / "policies.yml", "policies", [p.topic for p in shop.policies])
    problems += _check_twice(folder / "limits.yml", "limits", [limit.id for limit in shop.limits])
    return problems + _check_hours(folder / "hours.yml", shop.hours) + _check_zone(folder, shop)


def _check_twice(path: Path, key: str, names: list[str]) -> list[str]:
    return [
        f"{path}:{line_of(path, key, index)}: {key}[{index}]: {name!r} stands twice"
        for index, name in enumerate(names)
        if name in names[:index]
    ]


def _check_hours(path: Path, hours: OpeningHours) -> list[str]:
    problems = []
    spans = [(("weekly", day), span) for day, list_ in hours.weekly.items() for span in list_]
    for index, holiday in enumerate(hours.holidays):
        spans += [(("holidays", index), span) for span in holiday.hours]  # type: ignore[misc]
        problems += _bad_date(
            f"{path}:{line_of(path, 'holidays', index)}: holidays[{index}].date", holiday.date
        )
    for keys, span in spans:
        start, end = span.split("-")
        if not (_is_time(start) and _is_time(end) and start < end):
            place = f"{path}:{line_of(path, *keys)}: {keys[0]}.{keys[1]}"
            problems.append(f"{place}: {span!r} is not a span of time like '09:00-18:00'")
    return problems


def _check_zone(folder: Path, shop: Shop) -> list[str]:
    try:
        ZoneInfo(shop.profile.time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        path = folder / "shop.yml"
        zone = shop.profile.time_zone
        return [f"{path}:{line_of(path, 'time_zone')}: time_zone: unknown time zone {zone!r}"]
    return []


def _is_time(text: str) -> bool:
    return re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", text) is not None


def _bad_date(place: str, text: str) -> list[str]:
    try:
        if text:
            date.fromisoformat(text)
    except ValueError:
        return [f"{place}: {text!r} is not a date like 2027-12-31"]
    return []
