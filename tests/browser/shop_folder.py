"""Copies of the sample shop whose doors are always open, or closed until the day after tomorrow."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from pathlib import Path

import yaml

from bot.clock import SHOP_TIME_ZONE
from bot.knowledge.opening_hours import WEEKDAYS
from tests.crash.server_process import ROOT

ALWAYS = ["00:00-12:00", "12:00-23:59"]
OPENS = "09:15"


def open_shop(folder: Path, origins: list[str]) -> Path:
    """Return a shop that is open, and into whose server pages of `origins` may talk."""
    return _copy(folder, origins, {"weekly": {day: ALWAYS for day in WEEKDAYS}, "holidays": []})


def closed_shop(folder: Path, origins: list[str]) -> Path:
    """Return a shop that is closed today and tomorrow, for a holiday."""
    today = datetime.now(SHOP_TIME_ZONE).date()
    holidays = [
        {"date": (today + timedelta(days=days)).isoformat(), "name": "盘点", "hours": []}
        for days in range(2)
    ]
    weekly = {day: [f"{OPENS}-18:00"] for day in WEEKDAYS}
    return _copy(folder, origins, {"weekly": weekly, "holidays": holidays})


def _copy(folder: Path, origins: list[str], hours: dict[str, object]) -> Path:
    shutil.copytree(ROOT / "shops" / "sample", folder)
    (folder / "hours.yml").write_text(yaml.safe_dump(hours, allow_unicode=True), "utf-8")
    profile = folder / "shop.yml"
    told = yaml.safe_load(profile.read_text("utf-8")) | {"embed_origins": origins}
    profile.write_text(yaml.safe_dump(told, allow_unicode=True), "utf-8")
    return folder
