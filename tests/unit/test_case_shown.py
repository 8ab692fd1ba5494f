"""The figures of `bench turn` on the wait for a case's number."""

from __future__ import annotations

from datetime import datetime, timezone

from bot.bench.case_shown import NUMBER, summarise_waits
from bot.dialogue.case_numbers import case_number


def test_number_is_known_by_its_form() -> None:
    number = case_number(17, datetime(2026, 11, 22, tzinfo=timezone.utc))
    match = NUMBER.search(f"({number})")
    assert match is not None and match[0] == number
    assert NUMBER.search("P2611") is None


def test_waits_come_to_median_tail_and_share() -> None:
    waits = summarise_waits([0.1] * 18 + [1.0, 3.0])
    assert (waits.count, waits.p50, waits.most, waits.within) == (20, 100.0, 3000.0, 0.95)
    assert 1000 <= waits.p95 <= 1100
