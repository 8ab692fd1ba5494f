"""Every test belongs to exactly one tier of `./prelude test`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bot.cli.tests import TIERS
from bot.settings import ROOT


def test_every_test_file_lies_in_exactly_one_tier() -> None:
    folders = [ROOT / folder for tier in TIERS.values() for folder in tier]
    for path in (ROOT / "tests").rglob("test_*.py"):
        homes = [folder for folder in folders if folder in path.parents]
        assert len(homes) == 1, f"{path} lies in {len(homes)} tiers"


def test_ci_runs_what_a_user_runs() -> None:
    script = Path(ROOT / ".ci" / "run").read_text()
    assert "./prelude test" in script


def test_the_fast_tier_loads_no_rasa() -> None:
    if any(name.startswith(("tests.model", "tests.conversations")) for name in sys.modules):
        pytest.skip("other tiers were collected in this process too")
    assert "tests.unit.test_tiers" in sys.modules
    assert "rasa" not in sys.modules, "its import alone takes longer than the tier should"
