"""Copies of the sample shop whose doors are always open, or closed over a feast."""

from __future__ import annotations

import shutil
from pathlib import Path

import yaml

from bot.knowledge.opening_hours import WEEKDAYS
from tests.crash.server_process import ROOT

ALWAYS = ["00:00-24:00"]
CLOSED_AT = "2027-05-05T16:30:00+08:00"  # a Wednesday; Friday is the next day to be open
CLOSED_DAYS = ("2027-05-05", "2027-05-06")
OPENS = "星期五 09:15"


def open_shop(folder: Path, origins: list[str]) -> Path:
    """Return a shop that is open, and into whose server pages of `origins` may talk."""
    return _copy(folder, origins, {"weekly": {day: ALWAYS for day in WEEKDAYS}, "holidays": []})


def closed_shop(folder: Path, origins: list[str]) -> Path:
    """Return a shop that is closed on the day `CLOSED_AT` and on the next."""
    holidays = [{"date": day, "name": "盘点", "hours": []} for day in CLOSED_DAYS]
    weekly = {day: [f"{OPENS.split()[1]}-18:00"] for day in WEEKDAYS}
    return _copy(folder, origins, {"weekly": weekly, "holidays": holidays})


def _copy(folder: Path, origins: list[str], hours: dict[str, object]) -> Path:
    shutil.copytree(ROOT / "shops" / "sample", folder)
    (folder / "hours.yml").write_text(yaml.safe_dump(hours, allow_unicode=True), "utf-8")
    profile = folder / "shop.yml"
    told = yaml.safe_load(profile.read_text("utf-8")) | {"embed_origins": origins}
    profile.write_text(yaml.safe_dump(told, allow_unicode=True), "utf-8")
    return folder
