"""What a customer reads as next in their case (D-CMP-13)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.dialogue.next_steps import CaseStanding, next_step
from bot.errors import ShopDataError
from bot.knowledge.case_rules import load_case_process
from bot.knowledge.progress_lines import FILE, load_progress_lines, read_progress_lines

LINES = load_progress_lines()
URGENT = "stop using it"


def line(stage: str, severity: str = "slight", **more: Any) -> str:
    return next_step(LINES, CaseStanding(stage, severity, URGENT, **more))


def test_every_open_stage_has_a_line_of_its_own_and_the_final_ones_none() -> None:
    process = load_case_process()
    lines = [line(stage) for stage in process.stages if process.is_open(stage)]
    assert len(set(lines)) == len(lines) and all(lines) and lines[0] == URGENT
    assert [line(stage) for stage in process.final] == ["", ""]


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ({"stage": "assessment", "severity": "bodily"}, URGENT),
        (
            {"stage": "assessment", "severity": "bodily", "is_answered": True},
            LINES.next_steps["assessment"],
        ),
        ({"stage": "closed", "severity": "bodily"}, ""),
        ({"stage": "investigation", "is_paused": True}, LINES.paused),
        ({"stage": "communication", "is_paused": True}, LINES.next_steps["communication"]),
        (
            {"stage": "communication", "customer_answer": "accepted", "is_owed": True},
            LINES.accepted,
        ),
        ({"stage": "communication", "customer_answer": "accepted"}, LINES.done),
        ({"stage": "response", "customer_answer": "rejected"}, LINES.next_steps["response"]),
    ],
)
def test_line_says_what_is_waited_for(case: dict[str, Any], expected: str) -> None:
    assert line(**case) == expected


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [("  response:", "  answer:", "lacks 'response'"), ("  response:", "  closed:", "'closed'")],
)
def test_a_mistake_in_the_lines_names_file_and_stage(
    tmp_path: Path, old: str, new: str, told: str
) -> None:
    path = tmp_path / "case_progress.yml"
    path.write_text(FILE.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(ShopDataError) as error:
        read_progress_lines(path)
    assert "case_progress.yml:" in str(error.value) and told in str(error.value)
