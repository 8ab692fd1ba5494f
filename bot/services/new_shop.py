"""A new shop's folder from the template, and what it still lacks.

The template is valid as it stands and promises nothing: no policy, no promotion, no product. It
lies in `bot/knowledge/shop_template`.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

import msgspec

from bot.errors import UsageError
from bot.knowledge.field_types import Id
from bot.knowledge.loader import read_yaml
from bot.knowledge.shop import Policy, Profile, Shop, load_shop
from bot.settings import ROOT

TEMPLATE = Path(__file__).resolve().parent.parent / "knowledge" / "shop_template"
SAMPLE = ROOT / "shops" / "sample"
TEMPLATE_ID = "template"
NAMING = ("id", "name", "phone")
TOPICS: tuple[str, ...] = get_args(get_type_hints(Policy)["topic"])


@dataclass(frozen=True)
class ChecklistItem:
    """One thing a shop needs; `hint` says what to do while it is not done."""

    name: str
    is_done: bool
    hint: str = ""


def make_shop(name: str, parent: Path) -> Path:
    """Make the folder of a new shop; return it.

    Args:
        name: the shop's id and the folder's name, `my_shop`.

    Raises:
        UsageError: a bad name, a folder that is there already, or it cannot be written.
    """
    try:
        msgspec.convert(name, Id)
    except msgspec.ValidationError as error:
        raise UsageError(
            f"{name!r} cannot name a shop: small letters, digits and _, a letter first"
        ) from error
    folder = parent / name
    try:
        shutil.copytree(TEMPLATE, folder)
        profile = folder / "shop.yml"
        text = profile.read_text(encoding="utf-8")
        text = text.replace(f"id: {TEMPLATE_ID}\n", f"id: {name}\n")
        profile.write_text(text, encoding="utf-8")
    except FileExistsError as error:
        raise UsageError(f"{folder} is there already; take another name") from error
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror}") from error
    load_shop(folder)
    return folder


def unedited_names(shop: Shop) -> list[str]:
    """Return which of id, name and phone are the sample's or the template's."""
    others = [read_yaml(folder / "shop.yml", Profile) for folder in (SAMPLE, TEMPLATE)]
    return [
        name
        for name in NAMING
        if getattr(shop.profile, name) in [getattr(other, name) for other in others]
    ]


def is_sample_or_template(folder: Path) -> bool:
    """Tell whether a folder's shop still bears a name or number of the sample or the template.

    Raises:
        ShopDataError: the folder has errors.
    """
    return bool(unedited_names(load_shop(folder)))


def checklist(folder: Path) -> list[ChecklistItem]:
    """Return what a shop needs before customers come, in the order in which to see to it.

    Raises:
        ShopDataError: the folder has errors; they come first.
    """
    shop, template = load_shop(folder), load_shop(TEMPLATE)
    profile, former = shop.profile, template.profile
    unedited = unedited_names(shop)
    items = [
        _item(name, name not in unedited, f"shop.yml: {name}: the shop's own")
        for name in ("name", "phone")
    ]
    for name, hint in (
        ("tagline", "one sentence about the shop"),
        ("city", "where the shop is"),
        ("decision_kit", "what can be sent to whoever decides"),
    ):
        value = getattr(profile, name)
        items.append(
            _item(name, bool(value) and value != getattr(former, name), f"shop.yml: {hint}")
        )
    items.append(
        _item("products", bool(shop.products), "products.csv, or ./prelude import products FILE")
    )
    items.append(_pictures(folder, shop))
    missing = [topic for topic in TOPICS if not shop.policy(topic)]
    items.append(_item("policies", not missing, f"policies.yml lacks {', '.join(missing)}"))
    items.append(_item("limits", bool(shop.limits), "limits.yml: what staff may grant unasked"))
    has_plans = _differs(folder, "crisis.yml")
    items.append(_item("crisis", has_plans, "crisis.yml: who does what when somebody is hurt"))
    items.append(_item("hours", _differs(folder, "hours.yml"), "hours.yml: when people are there"))
    items.append(
        _item("privacy", _differs(folder, "privacy.md"), "privacy.md: what is kept and how long")
    )
    origins = [each for each in profile.embed_origins if each != "*"]
    items.append(_item("embed_origins", bool(origins), "shop.yml: the shop's pages, https://…"))
    return items


def _item(name: str, is_done: bool, hint: str) -> ChecklistItem:
    return ChecklistItem(name, is_done, "" if is_done else hint)


def _pictures(folder: Path, shop: Shop) -> ChecklistItem:
    missing = [
        each.id for each in shop.products if not (folder / "pictures" / f"{each.id}.webp").is_file()
    ]
    told = ", ".join(missing[:5]) + (" …" if len(missing) > 5 else "")
    is_done = bool(shop.products) and not missing
    return _item("pictures", is_done, f"pictures/ID.webp is missing for {told or 'all products'}")


def _differs(folder: Path, name: str) -> bool:
    def content(path: Path) -> list[Any]:
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        return [line for line in lines if line.strip() and not line.startswith("# ")]

    mine = content(folder / name)
    return bool(mine) and mine != content(TEMPLATE / name) and mine != content(SAMPLE / name)
