"""The shop as files that its owner edits, checked and typed.

`shop.yml`, `products.csv`, `promotions.yml`, `policies.yml`, `limits.yml`, `hours.yml` and, if
there are any, `selling.yml`, `remedies.yml` and `crisis.yml` lie in one folder. Money is in fen,
dates are ISO dates of the shop. What single fields cannot show, `shop_checks` finds.
"""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from bot.errors import ShopDataError
from bot.knowledge.crisis_plan import CrisisPlans
from bot.knowledge.field_types import Fen, Id, IsoDate, Text, Topic
from bot.knowledge.loader import convert, read_yaml
from bot.knowledge.opening_hours import OpeningHours
from bot.knowledge.products import Product, read_products
from bot.knowledge.remedy_rules import Remedy
from bot.knowledge.selling_material import SellingMaterial
from bot.knowledge.shop_checks import cross_check

Origin = Annotated[str, Meta(pattern=r"^(\*|https?://[a-z0-9.-]+(:\d+)?)$")]
FILES = (
    "shop.yml",
    "products.csv",
    "promotions.yml",
    "policies.yml",
    "limits.yml",
    "hours.yml",
    "selling.yml",
    "remedies.yml",
    "crisis.yml",
)

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
    how_to_order: Annotated[str, Meta(max_length=400)] = ""
    privacy_url: str = "/privacy"
    embed_origins: list[Origin] = []
    adapts_style: bool = True
    retention: Retention = msgspec.field(default_factory=Retention)


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
    topic: Topic
    text: Text


class Limit(Struct, frozen=True, forbid_unknown_fields=True):
    """What the front line may grant without asking."""

    id: Id
    max_fen: Fen | None
    per: Literal["order", "customer_day"]
    approver_above: Literal["front_line", "supervisor", "manager"]
    text: Text


class Shop(Struct, frozen=True):
    """Everything a shop's folder says."""

    profile: Profile
    products: tuple[Product, ...]
    promotions: tuple[Promotion, ...]
    policies: tuple[Policy, ...]
    limits: tuple[Limit, ...]
    hours: OpeningHours
    material: SellingMaterial = SellingMaterial()
    remedies: tuple[Remedy, ...] = ()
    crisis: CrisisPlans = CrisisPlans()

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
            "selling": plain(self.material),
            "remedies": {"remedies": plain(self.remedies)},
            "crisis": plain(self.crisis),
        }


class _Promotions(Struct, frozen=True, forbid_unknown_fields=True):
    promotions: list[Promotion]


class _Policies(Struct, frozen=True, forbid_unknown_fields=True):
    policies: list[Policy]


class _Limits(Struct, frozen=True, forbid_unknown_fields=True):
    limits: list[Limit]


class _Remedies(Struct, frozen=True, forbid_unknown_fields=True):
    remedies: list[Remedy] = []


OPTIONAL_FILES: dict[str, Struct] = {
    "selling.yml": SellingMaterial(),
    "remedies.yml": _Remedies(),
    "crisis.yml": CrisisPlans(),
}


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
    return convert(
        {
            "profile": documents["shop"],
            "products": products,
            "promotions": documents["promotions"]["promotions"],
            "policies": documents["policies"]["policies"],
            "limits": documents["limits"]["limits"],
            "hours": documents["hours"],
            "material": documents.get("selling", {}),
            "remedies": documents.get("remedies", {}).get("remedies", []),
            "crisis": documents.get("crisis", {}),
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
        "selling.yml": SellingMaterial,
        "remedies.yml": _Remedies,
        "crisis.yml": CrisisPlans,
    }
    for name, type_ in types.items():
        if name in OPTIONAL_FILES and not (folder / name).is_file():
            read[name] = OPTIONAL_FILES[name]
            continue
        try:
            read[name] = read_yaml(folder / name, type_)
        except ShopDataError as error:
            problems += error.problems
    try:
        products = read_products(folder / "products.csv")
    except ShopDataError as error:
        problems += error.problems
        products = []
    if problems:
        raise ShopDataError(problems)
    shop = convert(
        {
            "profile": read["shop.yml"],
            "products": products,
            "promotions": read["promotions.yml"].promotions,  # type: ignore[attr-defined]
            "policies": read["policies.yml"].policies,  # type: ignore[attr-defined]
            "limits": read["limits.yml"].limits,  # type: ignore[attr-defined]
            "hours": read["hours.yml"],
            "material": read["selling.yml"],
            "remedies": read["remedies.yml"].remedies,  # type: ignore[attr-defined]
            "crisis": read["crisis.yml"],
        },
        Shop,
    )
    problems = cross_check(folder, shop)
    if problems:
        raise ShopDataError(problems)
    return shop
